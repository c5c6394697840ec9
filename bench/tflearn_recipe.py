"""TFLearn's own recipe, run by TFLearn, without the dense arrays that it usually costs.

For comparison only; used by train_quality.py and the tests. Give it a process of its own, as
``simpleml.training.tflearn_compat`` says.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simpleml.training.tflearn_compat import import_tflearn, tflearn_generator


def read_variables(generator: Any) -> dict[str, NDArray[Any]]:
    """All variables of a generator's graph, by name without the ``:0``."""
    tensorflow = importlib.import_module("tensorflow.compat.v1")
    variables = {v.op.name: v for v in tensorflow.global_variables()}
    values: dict[str, NDArray[Any]] = generator.session.run(variables)
    return values


def predict(
    generator: Any, windows: Sequence[Sequence[str]], batch_size: int = 256
) -> NDArray[np.float32]:
    """TFLearn's probabilities of the symbol after each window.

    Args:
        windows: texts (or lists of symbols) no longer than ``seq_maxlen``.

    Returns:
        (len(windows), V) float32, columns in index order.
    """
    found: list[NDArray[np.float32]] = []
    for start in range(0, len(windows), batch_size):
        batch = windows[start : start + batch_size]
        x = np.zeros((len(batch), generator.seq_maxlen, len(generator.dic)), np.float32)
        for row, window in enumerate(batch):
            for step, symbol in enumerate(window):
                x[row, step, generator.dic[symbol]] = 1.0
        found.append(np.asarray(generator._predict(x), np.float32))
    return np.concatenate(found)


class OneHotWindows:
    """An array of windows that exists only where it is looked at.

    TFLearn's data flow asks a feed for ``len(feed)`` and ``feed[indices]`` and nothing else, so
    a window is made one-hot when its batch is due: 4 bytes a window stay in memory instead of
    the 25·V (100·V with float32) that TFLearn's own vectorisers build.

    Args:
        symbols: (N,) int32, the text.
        starts: (M,) first position of each window.
        length: steps of a window, T.
        vocabulary_size: V.
        target: give the symbol after the window, (B, V), instead of the window, (B, T, V).
    """

    def __init__(
        self,
        symbols: NDArray[np.int32],
        starts: NDArray[np.int32],
        length: int,
        vocabulary_size: int,
        *,
        target: bool = False,
    ) -> None:
        self._symbols = symbols
        self._starts = starts
        self._steps = np.asarray([length]) if target else np.arange(length)
        self._vocabulary_size = vocabulary_size
        self._target = target

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, rows: NDArray[np.integer[Any]] | slice) -> NDArray[np.float32]:
        positions = self._starts[rows][:, None] + self._steps[None, :]  # (B, T)
        symbols = self._symbols[positions]
        onehot = np.zeros((*symbols.shape, self._vocabulary_size), np.float32)  # (B, T, V)
        np.put_along_axis(onehot, symbols[..., None].astype(np.intp), np.float32(1.0), axis=-1)
        return onehot[:, 0] if self._target else onehot


@dataclass(frozen=True)
class RecipePoint:
    """Where TFLearn's recipe stood at one moment."""

    seconds: float  # spent training; building the graph and validating are not counted
    windows: int  # trained on, all epochs together
    epochs: float
    training_nats: float  # mean over the windows since the last point, dropout on
    validation_nats: float  # per symbol, the window before it as context


class _TimeIsUp(Exception):
    """Leaves TFLearn's training loop; it has no other way out."""


def train_recipe(
    training: NDArray[np.int32],
    validation: NDArray[np.int32],
    dictionary: Mapping[str, int],
    *,
    layers: int = 3,
    units: int = 512,
    seq_maxlen: int = 25,
    redun_step: int = 3,
    dropout: float = 0.5,
    learning_rate: float = 0.001,
    clip: float = 5.0,
    batch_size: int = 128,
    epochs: int = 50,
    max_seconds: float = 900.0,
    validate_every: float = 60.0,
    validation_windows: int | None = 4096,
    random_state: int = 0,
    report: Callable[[RecipePoint], None] | None = None,
    save_to: Path | None = None,
) -> list[RecipePoint]:
    """Train as TFLearn's users do, with TFLearn's own ``fit``, for a limited time.

    Semi-redundant windows of ``seq_maxlen`` symbols every ``redun_step``, loss on the symbol
    after the window, shuffled. The windows are made one-hot batch by batch
    (:class:`OneHotWindows`); network, optimiser, data flow and loop are TFLearn's.

    Args:
        training: (N,) int32 symbols.
        validation: (M,) int32 symbols, never trained on.
        validate_every: seconds of training between two validations; the clock stands still
            while it validates.
        validation_windows: evenly spaced windows to validate on; None for every one.
        report: called with every point as it is measured.
        save_to: prefix of a checkpoint to write at the end.

    Returns:
        The points, in order; the last one at the end of the time or of the last epoch.
    """
    tflearn: Any = import_tflearn()
    np.random.seed(random_state)  # TFLearn shuffles with NumPy's global generator
    generator = tflearn_generator(
        dictionary,
        layers=layers,
        units=units,
        seq_maxlen=seq_maxlen,
        dropout=dropout,
        learning_rate=learning_rate,
        clip=clip,
        random_state=random_state,
    )
    vocabulary_size = len(dictionary)
    starts = np.arange(0, len(training) - seq_maxlen, redun_step, dtype=np.int32)
    held_out = np.arange(0, len(validation) - seq_maxlen, dtype=np.int32)
    if validation_windows is not None and validation_windows < len(held_out):
        held_out = held_out[np.linspace(0, len(held_out) - 1, validation_windows).astype(int)]
    windows = OneHotWindows(validation, held_out, seq_maxlen, vocabulary_size)

    def validate() -> float:
        total = 0.0
        for first in range(0, len(held_out), 256):
            rows = slice(first, first + 256)
            p = np.asarray(generator._predict(windows[rows]))  # (B, V)
            truth = validation[held_out[rows] + seq_maxlen]
            total -= float(np.log(np.maximum(p[np.arange(len(truth)), truth], 1e-30)).sum())
        return total / len(held_out)

    points: list[RecipePoint] = []
    stdout = sys.stdout

    class Clock(tflearn.callbacks.Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.trained = 0.0
            self.since: float | None = None
            self.next = validate_every
            self.batches = 0
            self.losses: list[float] = []

        def on_batch_begin(self, state: Any) -> None:
            if self.since is None:  # the graph is built, the first batch is about to run
                self.since = time.perf_counter()

        def on_batch_end(self, state: Any, snapshot: bool = False) -> None:
            assert self.since is not None
            self.batches += 1
            self.losses.append(float(state.loss_value))
            elapsed = self.trained + time.perf_counter() - self.since
            if elapsed < min(self.next, max_seconds):
                return
            self.trained = elapsed
            self.measure()
            self.next = elapsed + validate_every
            self.since = time.perf_counter()
            if elapsed >= max_seconds:
                raise _TimeIsUp

        def measure(self) -> None:
            seen = self.batches * batch_size
            mean = float(np.mean(self.losses)) if self.losses else float("nan")
            self.losses.clear()
            point = RecipePoint(self.trained, seen, seen / len(starts), mean, validate())
            points.append(point)
            if report is not None:
                with contextlib.redirect_stdout(stdout):
                    report(point)

    clock = Clock()
    x = OneHotWindows(training, starts, seq_maxlen, vocabulary_size)
    y = OneHotWindows(training, starts, seq_maxlen, vocabulary_size, target=True)
    for train_op in generator.train_ops:
        train_op.batch_size = batch_size
    with _quiet(), contextlib.suppress(_TimeIsUp), tempfile.TemporaryDirectory() as logs:
        generator.trainer.tensorboard_dir = logs + "/"
        generator.trainer.fit(
            [{generator.inputs[0]: x, generator.targets[0]: y}],
            n_epoch=epochs,
            show_metric=False,
            snapshot_epoch=False,
            shuffle_all=True,
            callbacks=[clock],
        )
    if clock.losses:
        assert clock.since is not None
        clock.trained += time.perf_counter() - clock.since
        clock.measure()
    if save_to is not None:
        generator.save(str(save_to))
    return points


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """TFLearn prints two lines with cursor movements for every batch: to nowhere."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
