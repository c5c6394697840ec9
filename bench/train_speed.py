#!/usr/bin/env python3
"""Characters per second in training, 3x512: ours on each backend, Keras' own LSTM, plain PyTorch.

    python bench/train_speed.py [--rows 32 64] [--only NAME]

Each row of the table is a process of its own that runs whole updates (forward, backward, clipping,
Adam) on random symbols, V = 65, and reports the median of ``UPDATES`` after the compilation.
Variants whose package is missing are left out. Ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
V, H, L, T = 65, 512, 3, 64
UPDATES = 15


def timed(update: Callable[[], float], characters: int) -> dict[str, float]:
    """Characters per second: the best update and the median one."""
    for _ in range(3):
        update()
    seconds = []
    for _ in range(UPDATES):
        started = time.perf_counter()
        update()
        seconds.append(time.perf_counter() - started)
    return {
        "best": characters / min(seconds),
        "median": characters / statistics.median(seconds),
    }


def ours(rows: int, precision: str, shards: int | None = None) -> dict[str, float]:
    """``simpleml.training`` as train.py runs it, dropout and weight-drop included."""
    import numpy as np

    from simpleml.training import backends, recurrent
    from simpleml.training.learner import LearnerOptions, LearnerState

    backend = backends.current()
    backend.prepare()
    random = np.random.default_rng(0)
    shape = recurrent.NetworkShape(V, H, L)
    learner = backend.Learner(
        shape,
        LearnerOptions(precision=precision, shards=shards or backend.default_shards()),
        LearnerState.fresh(
            recurrent.initial_parameters(shape, random), recurrent.zero_state(shape, rows)
        ),
    )
    block = random.integers(0, V, (T + 1, rows)).astype(np.int32)

    def update() -> float:
        outputs = random.integers(0, 256, (L, T, rows, H), np.uint8) > 102
        weights = random.integers(0, 256, (L, H, 4 * H), np.uint8) > 51
        masks = recurrent.Masks(outputs, weights, 1.67, 1.25)
        keep = np.ones((rows, 1), np.float32)
        return float(learner.train(block[:-1], block[1:], keep, masks, 1e-3, 0.99))

    return timed(update, rows * T)


def in_shards(rows: int, precision: str) -> dict[str, float]:
    """The same, the rows in two shards side by side."""
    return ours(rows, precision, shards=2)


def keras_lstm(rows: int, precision: str) -> dict[str, float]:
    """Keras' own layers and ``train_on_batch``."""
    import keras
    import numpy as np

    if precision == "bfloat16":
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    network = keras.Sequential([keras.Input((T,)), keras.layers.Embedding(V, 256)])
    for _ in range(L):
        network.add(keras.layers.LSTM(H, return_sequences=True))
    network.add(keras.layers.Dense(V, dtype="float32"))
    network.compile(
        keras.optimizers.AdamW(1e-3, global_clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    block = np.random.default_rng(0).integers(0, V, (rows, T + 1))
    return timed(lambda: float(network.train_on_batch(block[:, :-1], block[:, 1:])), rows * T)


def torch_lstm(rows: int, precision: str) -> dict[str, float]:
    """The loop that everyone writes: nn.LSTM, autocast, AdamW."""
    import torch

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(V, 256)
            self.lstm = torch.nn.LSTM(256, H, L, batch_first=True)
            self.output = torch.nn.Linear(H, V)

        def forward(self, tokens: Any) -> Any:
            return self.output(self.lstm(self.embedding(tokens))[0])

    network = Network()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    block = torch.randint(0, V, (rows, T + 1))

    def update() -> float:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
            scores = network(block[:, :-1])
        loss = torch.nn.functional.cross_entropy(
            scores.float().reshape(-1, V), block[:, 1:].reshape(-1)
        )
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        return float(loss)

    return timed(update, rows * T)


VARIANTS = {
    # name: (what, backend, precision, package it needs)
    "train.py, TensorFlow, bfloat16": (ours, "tensorflow", "bfloat16", "tensorflow"),
    "train.py, TensorFlow, float32": (ours, "tensorflow", "float32", "tensorflow"),
    "train.py, PyTorch, float32": (ours, "torch", "float32", "torch"),
    "train.py, PyTorch, bfloat16": (ours, "torch", "bfloat16", "torch"),
    "train.py, PyTorch, bfloat16, 2 shards": (in_shards, "torch", "bfloat16", "torch"),
    "Keras' LSTM, TensorFlow, float32": (keras_lstm, "tensorflow", "float32", "tensorflow"),
    "Keras' LSTM, TensorFlow, bfloat16": (keras_lstm, "tensorflow", "bfloat16", "tensorflow"),
    "plain nn.LSTM loop, PyTorch, float32": (torch_lstm, "torch", "float32", "torch"),
    "plain nn.LSTM loop, PyTorch, bfloat16": (torch_lstm, "torch", "bfloat16", "torch"),
}


def main() -> None:
    """All variants, one process each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--only", help="run the variants whose name holds this")
    parser.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.variant:
        run, _, precision, _ = VARIANTS[chosen.variant]
        print(json.dumps(run(chosen.rows[0], precision)))
        return
    results = []
    print(f"{L}x{H}, V = {V}, T = {T}; characters/s, median (best) of {UPDATES} updates\n")
    print("| variant | " + " | ".join(f"{rows} rows" for rows in chosen.rows) + " |")
    print("| --- |" + " ---: |" * len(chosen.rows), flush=True)
    for name, (_, backend, _, package) in VARIANTS.items():
        if (chosen.only and chosen.only not in name) or not importlib.util.find_spec(package):
            continue
        cells = []
        for rows in chosen.rows:
            done = subprocess.run(
                [sys.executable, __file__, "--variant", name, "--rows", str(rows)],
                env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                cells.append("failed")
                print(done.stderr[-500:], file=sys.stderr)
                continue
            speed = json.loads(done.stdout.splitlines()[-1])
            cells.append(f"{speed['median']:,.0f} ({speed['best']:,.0f})")
            results.append({"variant": name, "rows": rows, **speed})
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    print(json.dumps({"train_speed": results}))


if __name__ == "__main__":
    main()
