#!/usr/bin/env python3
"""The network alone, by how a step's rows are divided among threads: characters/s.

    python bench/divisions.py [--texts 1 4 16 64 256] [--seconds 0.5] [--threads 2]

Stateful rows of a 3x512 network with 81 symbols (made weights). One call on one thread; one call
on all; and the rows in as many parts as threads, each stepped by a native thread with a session
of one thread, never meeting. The best of three runs each. Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import threading
import time

import numpy as np
from common import machine, print_json, print_table
from models import random_weights

from simpleml.cores import usable_cores
from simpleml.generation.network import PRECISIONS, StepNetwork

RUNS = 3
SYMBOLS, UNITS, LAYERS = 81, 512, 3


def speed(network: StepNetwork, texts: int, parts: int, wide: bool, seconds: float) -> float:
    """Characters a second of `texts` rows in so many parts, each stepped by a thread of its own."""
    sizes = [len(rows) for rows in np.array_split(np.arange(texts), parts)]
    steps = [0] * parts
    over = threading.Event()
    ready = threading.Barrier(parts + 1)

    def run(part: int, rows: int) -> None:
        states, following = network.new_states(rows), network.new_states(rows)
        symbols = np.zeros(rows, np.int64)
        outputs = np.arange(rows, dtype=np.int64)
        probabilities = np.zeros((rows, SYMBOLS), np.float32)
        turns = [
            network.bind(one, other, slice(0, rows), symbols, outputs, probabilities, wide=wide)
            for one, other in ((states, following), (following, states))
        ]
        network.run(turns[0])
        ready.wait()
        while not over.is_set():
            network.run(turns[steps[part] % 2])
            steps[part] += 1

    threads = [threading.Thread(target=run, args=one) for one in enumerate(sizes)]
    for one in threads:
        one.start()
    ready.wait()
    started = time.perf_counter()
    time.sleep(seconds)
    done = sum(size * count for size, count in zip(sizes, steps, strict=True))
    took = time.perf_counter() - started
    over.set()
    for one in threads:
        one.join()
    return done / took


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, nargs="+", default=[1, 4, 16, 64, 256])
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--threads", type=int, default=usable_cores())
    options = parser.parse_args()
    table, found = [], {}
    weights = random_weights(SYMBOLS, LAYERS, UNITS)
    for precision in PRECISIONS:
        network = StepNetwork(weights, precision, options.threads)
        for texts in options.texts:
            ways = {"one thread": (1, False), f"{options.threads} threads": (1, True)}
            if texts >= options.threads > 1:
                ways[f"{options.threads} parts"] = (options.threads, False)
            best = dict.fromkeys(ways, 0.0)
            for _ in range(RUNS):  # in turns, so that a neighbour hits all of them
                for way, (parts, wide) in ways.items():
                    now = speed(network, texts, parts, wide, options.seconds)
                    best[way] = max(best[way], now)
            found[f"{precision} {texts}"] = {way: round(value) for way, value in best.items()}
            cells = [f"{value:,.0f}" for value in best.values()]
            table.append([precision, str(texts), *cells, *[""] * (3 - len(cells))])
    head = ["", "texts", "one thread", f"{options.threads} threads", f"{options.threads} parts"]
    title = f"The network alone, {LAYERS}x{UNITS}, V = {SYMBOLS}, stateful, characters/s"
    print_table(title, head, table)
    print_json({"divisions": found, **machine()})


if __name__ == "__main__":
    main()
