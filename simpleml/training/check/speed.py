"""How fast this machine trains: a few real updates of a real training, thrown away after.

It runs the trainer's own steps, so it is right for whatever backend, precision and recipe the
training would use.
"""

from __future__ import annotations

import dataclasses
import resource
import sys
import tempfile
import time
from pathlib import Path

from simpleml.training import backends
from simpleml.training.machine import Speed
from simpleml.training.masks import draw_masks
from simpleml.training.options import NOTHING, TrainingOptions
from simpleml.training.trainer import Trainer

WARM_UP = 2  # updates; the first one compiles
SECONDS = 3.0  # of measuring, at least; and at least two updates


def measure_speed(path: Path | str, options: TrainingOptions, encoding: str | None = None) -> Speed:
    """Time some updates of the training that these options stand for; nothing is written.

    Raises:
        TrainingError: such a training could not start; says why.
    """
    # Weights that are drawn take as long as a base's.
    options = dataclasses.replace(options, begin_from=NOTHING)
    with tempfile.TemporaryDirectory() as nowhere:
        probe = _Probe(path, "check", models_dir=nowhere, options=options, encoding=encoding)
        return probe.measure()


class _Probe(Trainer):
    """A training that only looks how long its updates take."""

    def measure(self) -> Speed:
        backends.current()  # names what Keras lacks better than Keras
        import keras

        learner, chunks, options = self._make_learner(), self._chunks, self.options
        assert options.epochs is not None and options.learning_rate is not None
        updates, started = 0, 0.0
        while updates < WARM_UP + 2 or time.perf_counter() - started < SECONDS:
            if updates == WARM_UP:
                started = time.perf_counter()
            loss = learner.train(
                *chunks.chunk(updates % chunks.count),
                *draw_masks(options, self.shape, chunks, self._random),
                options.learning_rate,
                0.0,
            )
            float(loss)  # waits for the device
            updates += 1
        per_update = (time.perf_counter() - started) / (updates - WARM_UP)
        material = self.material
        per_symbol = material.characters["training"] / max(1, len(material.training))
        precision = options.precision
        if precision == "auto":
            precision = backends.current().best_precision()
        return Speed(
            characters_per_second=chunks.targets * per_symbol / per_update,
            update_seconds=per_update,
            epoch_seconds=per_update * chunks.count,
            epochs=options.epochs,
            peak_memory=_peak_memory(),
            parameters=self.shape.parameter_count(),
            machine=f"{keras.backend.backend()}, {precision}",
        )


def _peak_memory() -> int:
    """Most bytes this process has had in memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
