"""A judgement: how well a network does at one moment of its training; and training.csv of them."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simpleml.errors import TrainingError
from simpleml.files import write_whole
from simpleml.training.progress.events import EVENTS_FILE, read_events

CSV_NAME = "training.csv"


@dataclass(frozen=True)
class Judgement:
    """One line of training.csv."""

    epoch: float  # passes over the text so far
    step: int  # optimiser updates so far
    seconds: float  # of training so far, earlier sessions included
    characters_per_second: float  # since the last judgement, judging not counted
    learning_rate: float
    loss: float  # mean since the last judgement, nats per symbol, with dropout
    selection_nats: float | None  # per symbol, on the slice that choices are made on
    validation_nats: float | None  # per symbol, held out, if measured
    validation_bits: float | None  # per character, of the selection slice unless held out was
    best: bool  # the best so far, hence exported

    def line(self) -> str:
        """``key=value`` pairs on one line; values without spaces, absent ones left out."""
        return " ".join(
            f"{name}={brief(value)}"
            for name, value in dataclasses.asdict(self).items()
            if value is not None
        )


def recorded(folder: Path) -> list[Judgement]:
    """The judgements in the record of a model's run; those that a resumed run lost are left out.

    Args:
        folder: of the model.
    """
    found: list[Judgement] = []
    names = [field.name for field in dataclasses.fields(Judgement)]
    for event in read_events(folder / EVENTS_FILE):
        if event["type"] == "start":
            found = [one for one in found if one.step <= event["step"]]
        elif event["type"] == "judgement":
            with contextlib.suppress(KeyError):
                found.append(Judgement(**{name: event[name] for name in names}))
    return found


def write_history(path: Path, judgements: Sequence[Judgement]) -> None:
    """Write training.csv, all of it or nothing.

    It is for people, and for the page of a model whose record is gone.

    Raises:
        TrainingError: the disk is full or the folder not writable; the old file stands.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in dataclasses.fields(Judgement))
    for judgement in judgements:
        values = dataclasses.astuple(judgement)
        writer.writerow("" if value is None else brief(value) for value in values)
    put(path, text.getvalue().encode())


def put(path: Path, content: bytes) -> None:
    """Put a file in its place whole.

    Raises:
        TrainingError: the disk is full or the folder not writable; the old file stands.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise TrainingError(f"cannot write {path}: {error.strerror or error}") from error


def brief(value: Any) -> str:
    """A number as text: six figures, no exponent where none is needed."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) and abs(value) < 1e5 else f"{value:.0f}"
