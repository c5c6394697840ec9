"""Where a run stands and how it ended: plain values, kept in a saved point or given back."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simpleml.training.evaluation import Evaluation
from simpleml.training.judging import LEAST_WORSE
from simpleml.training.progress import duration


@dataclass(frozen=True)
class TrainingResult:
    """How a run ended: on held-out text, nats per symbol in both modes, and where the model is."""

    folder: Path
    epochs: float  # passes over the text
    best_epoch: float
    selection_nats: float
    stateful: Evaluation
    window: Evaluation
    bits_per_character: float
    seconds: float
    reason: str

    def line(self, held_out: str, window: int) -> str:
        """For people: what was held out, in words, and the length of the windows are given."""
        return (
            f"done: {self.reason}. Best epoch {self.best_epoch} of {self.epochs}, in "
            f"{duration(self.seconds)}. Held out ({held_out}): {self.stateful.nats:.4f} nats "
            f"per symbol stateful, {self.window.nats:.4f} in windows of {window}; "
            f"{self.bits_per_character:.3f} bits per character."
        )

    def figures(self) -> dict[str, float]:
        """For the record of the run."""
        return {
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "stateful_nats": self.stateful.nats,
            "window_nats": self.window.nats,
            "bits_per_character": self.bits_per_character,
        }


@dataclass
class RunState:
    """What changes while it runs and is kept in a saved point; times in seconds."""

    epoch: int = 0  # epochs done
    chunk: int = 0  # chunks done of the one at work
    progress: float = 0.0  # 0 to 1, the position on the learning rate's cosine
    seconds: float = 0.0  # of the whole run, earlier sessions included
    # Since the last judgement:
    losses: int = 0  # updates whose loss was read
    loss_sum: float = 0.0
    training_seconds: float = 0.0
    # Judgements:
    judged: float = 0.0  # epochs done at the last one
    sampled: float = 0.0  # epochs done when samples were shown last
    best: float = math.inf  # nats per symbol on the selection slice
    best_epoch: float = 0.0
    worse: float = 0.0  # epochs since the best one, those of the schedule's first half not counted
    worse_times: int = 0  # judgements in them

    @classmethod
    def of(cls, saved: dict[str, Any]) -> RunState:
        """From a saved point; one of an earlier version lacks some fields and has others."""
        known = {field.name for field in dataclasses.fields(cls)}
        run = cls(**{name: value for name, value in saved.items() if name in known})
        if "judged" not in saved:
            run.loss_sum, run.judged, run.sampled = 0.0, float(run.epoch), float(run.epoch)
            run.worse_times = int(run.worse)
        return run

    def note_judgement(self, nats: float, epochs: float, counts: bool) -> bool:
        """Take note of a judgement after so many epochs; returns whether it is the best.

        Args:
            nats: per symbol, on the selection slice.
            epochs: done so far.
            counts: whether a worse one tries the patience.
        """
        best = nats < self.best
        if best:
            self.best, self.best_epoch = nats, epochs
            self.worse, self.worse_times = 0.0, 0
        elif counts:
            self.worse += epochs - self.judged
            self.worse_times += 1
        self.judged = epochs
        self.losses, self.loss_sum, self.training_seconds = 0, 0.0, 0.0
        return best

    def impatient(self, patience: int) -> bool:
        """Whether there were ``patience`` epochs, and several judgements, without a better one."""
        return self.worse > patience - 1e-6 and self.worse_times >= min(patience, LEAST_WORSE)

    def stopped(self, folder: Path) -> str:
        """What is said when a signal ended it."""
        model = (
            f"the model of epoch {count(self.best_epoch)} is in {folder}"
            if self.best_epoch
            else "nothing had been judged yet, so there is no new model"
        )
        return (
            f"stopped in epoch {self.epoch + 1}; {model}. Go on with the same command and --resume"
        )


def count(epochs: float) -> int | float:
    """Epochs as a number for people and cards: whole where they are whole."""
    return int(epochs) if epochs == int(epochs) else round(epochs, 2)
