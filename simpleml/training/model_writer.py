"""A run's model in its folder: exported whenever it is the best so far, measured at the end."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from simpleml.errors import TrainingError
from simpleml.models.artifact import find_artifact, read_artifact
from simpleml.models.card import STILL_TRAINING, Card
from simpleml.training import machine, recurrent
from simpleml.training.begun import BAR_SYMBOLS
from simpleml.training.evaluation import Evaluation, evaluate_both
from simpleml.training.export import export
from simpleml.training.fine_tuning import counting_nats
from simpleml.training.learner import Learner
from simpleml.training.material import Material
from simpleml.training.options import TrainingOptions
from simpleml.training.recurrent import Array, NetworkShape
from simpleml.training.run_state import RunState, count
from simpleml.training.written import judge_written

WINDOWS_MARGIN = 0.02  # nats by which windows must be better to become the card's mode


@dataclass(frozen=True)
class ModelWriter:
    """Writes ML/<name>/ with a card that says where the model comes from.

    Attributes:
        about: fields of the card that the text alone does not say: ``language``, ``base``.
        begun: what the card says of its beginning: the base, if there is one, and why.
    """

    models_dir: Path
    name: str
    material: Material
    shape: NetworkShape
    options: TrainingOptions
    command: str | None
    about: dict[str, Any]
    begun: dict[str, Any]

    def write(
        self,
        parameters: Sequence[Array],
        run: RunState,
        metrics: dict[str, Any],
        stateful: bool,
        reason: str | None = None,
    ) -> None:
        """Put the model in its place, whole.

        Args:
            parameters: in the order of ``NetworkShape.parameter_names``, float32.
            run: where the training stands.
            metrics: for the card.
            stateful: the card's mode.
            reason: why the training ended, if it did.

        Raises:
            TrainingError: see :func:`simpleml.training.export.export`.
        """
        weights = recurrent.to_network_weights(parameters, self.shape)
        if self.about.get("base"):
            weights = weights.rounded()  # half the bytes when packed, for 0.0001 nats
        card = self._card(run, metrics, stateful, reason)
        card = dataclasses.replace(card, weights_sha256=weights.sha256())
        export(self.models_dir, self.name, weights, self.material.vocabulary, card)

    def write_unfinished(
        self, parameters: Sequence[Array], run: RunState, selection_nats: float | None
    ) -> None:
        """The same in the middle of a training: nothing is known yet of the held-out part."""
        metrics: dict[str, Any] = {"held_out": self.material.held_out}
        if selection_nats is not None:
            metrics["selection_nats"] = round(selection_nats, 4)
        metrics["note"] = f"{STILL_TRAINING}: measured on a slice of the training part"
        self.write(parameters, run, metrics, stateful=self.options.recipe == "stateful")

    def measure(
        self, learner: Learner, run: RunState, reason: str
    ) -> tuple[Evaluation, Evaluation, float]:
        """Measure the model, as it was exported, on the held-out text, and say so on its card.

        Returns:
            The figures stateful and in windows, and bits per character in the card's mode.

        Raises:
            TrainingError: the model is gone.
        """
        paths = find_artifact(self.models_dir, self.name)
        if paths is None:
            raise TrainingError(
                f"{self.models_dir / self.name} has lost its model: train again with --overwrite"
            )
        parameters, _ = recurrent.from_network_weights(read_artifact(paths).weights)
        learner.set_average(parameters)
        stateful, window = evaluate_both(
            learner,
            self.material.validation,
            self.options.seq_maxlen,
            np.random.default_rng(0),
            steps=self.options.steps,
        )
        bits = self.material.bits_per_character(1.0, "validation")
        prefer_windows = window.nats < stateful.nats - WINDOWS_MARGIN
        chosen = window if prefer_windows else stateful

        def figures(found: Evaluation) -> dict[str, Any]:
            return {
                "nats": round(found.nats, 4),
                "bits_per_character": round(found.nats * bits, 4),
                "symbols": found.symbols,
            }

        metrics = {
            **figures(chosen),
            **self._compared(),
            "held_out": self.material.held_out,
            "stateful": figures(stateful),
            "window": figures(window),
            "selection_nats": round(run.best, 4),
            "written": judge_written(
                parameters, self.shape, self.material, self.models_dir, self.begun
            ),
        }
        self.write(parameters, run, metrics, stateful=not prefer_windows, reason=reason)
        return stateful, window, chosen.nats * bits

    def _compared(self) -> dict[str, Any]:
        """What counting reaches on the held-out text."""
        if self.options.level != "char":
            return {}
        return {"counting_nats": round(counting_nats(self.material, BAR_SYMBOLS, "validation"), 4)}

    def _card(
        self, run: RunState, metrics: dict[str, Any], stateful: bool, reason: str | None
    ) -> Card:
        import keras

        training = {
            "options": self.options.as_dict(),
            "epochs": count(max(run.judged, run.epoch)),
            "best_epoch": count(run.best_epoch),
            "seconds": round(run.seconds, 1),
            "machine": machine.describe(),
            "backend": f"keras {keras.__version__} on {os.environ['KERAS_BACKEND']}",
        }
        if self.command:
            training["command"] = self.command
        if self.begun:
            training["begun_from"] = self.begun
        if reason:
            training["ended"] = reason
        vocabulary = self.material.vocabulary
        return Card(
            layers=self.shape.layers,
            units=self.shape.units,
            vocabulary_size=len(vocabulary),
            seq_maxlen=self.options.seq_maxlen,
            level=self.options.level,
            stateful=stateful,
            lower=self.options.lower,
            unknown_symbol=vocabulary.unknown_symbol,
            **self.about,
            metrics=metrics,
            corpus=self.material.corpus,
            training=training,
        )
