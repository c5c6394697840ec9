"""What the Python around the network costs: processor time, so that neighbours change it little.

    python bench/around.py              # µs per character in the engine
    python bench/around.py --profile    # and the functions of the engine that take the most

The network is one layer of 8 units, so that next to nothing is its own. 81 symbols, as the models
of bench/serve.py. Ends with one JSON line.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import tempfile
import time
from pathlib import Path

from common import _RANDOM_ALPHABET, machine, print_json, print_table
from models import write_model
from waiting import wait_until

from simpleml import ModelLoader
from simpleml.generation import shard
from simpleml.generation.engine import Engine
from simpleml.generation.request import Generation, new_streams
from simpleml.generation.text_stream import GenerationOptions

TEXTS = (1, 8, 32, 64)
SIZE = 200


def engine_cost(models_dir: Path, texts: int) -> float:
    """µs of processor time a character, `texts` requests at once in one shard."""
    generator = ModelLoader(models_dir, threads=1).load("small")
    engine = Engine(max_rows=texts)

    def submit(state: int) -> Generation:
        options = GenerationOptions(size=SIZE, temperature=0.8, random_state=state)
        streams, seeds = new_streams(generator, [[1, 2, 3]], options)
        return engine.submit(
            generator, seeds, streams, seconds=600, streaming=False, listener=lambda: None
        )

    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        running = [submit(state) for state in range(texts)]
        wait_until(lambda running=running: all(one.done for one in running), 600)
        best = min(best, (time.process_time() - started) / (texts * SIZE))
    engine.close()
    return 1e6 * best


def profile(models_dir: Path) -> None:
    """The functions of the engine's thread, by the time that is theirs."""
    profiler = cProfile.Profile()
    turn = shard.Shard._turn

    def profiled(self: shard.Shard) -> None:
        profiler.enable()
        try:
            turn(self)
        finally:
            profiler.disable()

    shard.Shard._turn = profiled  # type: ignore[method-assign]
    engine_cost(models_dir, 64)
    shard.Shard._turn = turn  # type: ignore[method-assign]
    pstats.Stats(profiler).sort_stats("tottime").print_stats(22)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="simpleml-bench-") as folder:
        models_dir = Path(folder)
        write_model(
            models_dir, "small", layers=1, units=8, stateful=True, alphabet=_RANDOM_ALPHABET
        )
        if options.profile:
            profile(models_dir)
        costs = {texts: engine_cost(models_dir, texts) for texts in TEXTS}
    rows = [[f"{texts} texts, µs a character", f"{cost:.1f}"] for texts, cost in costs.items()]
    print_table("Processor time around the network", ["", ""], rows)
    found = {"us_per_character": {str(n): round(cost, 2) for n, cost in costs.items()}}
    print_json({"bench": "around", "machine": machine(), **found})


if __name__ == "__main__":
    main()
