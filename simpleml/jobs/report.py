"""How a training stands, from the files that train.py writes: status, training.csv, its log."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

# pydantic reads TypedDict from here before Python 3.12
from typing_extensions import TypedDict

LOG_LINES = 20
MOST_SAMPLES = 12
MOST_POINTS = 300
_LOG_BYTES = 64 * 1024
_SAMPLE = "sample temperature="
_NOISE = re.compile(r"WARNING: All log messages before absl|[IW]\d{4} \d\d:")
"""What TensorFlow says of itself."""
_EPOCH = re.compile(r"epoch=(\d{1,9})\b")
_Number = Annotated[float, Field(allow_inf_nan=False)] | None


class Status(TypedDict, total=False):
    """How far a training is, by its own word."""

    share: _Number
    characters_per_second: _Number
    loss: _Number
    seconds_left: _Number


_STATUS = TypeAdapter(Status)


@dataclass(frozen=True)
class CurvePoint:
    """One epoch. Losses are nats per symbol, bits are per character."""

    epoch: int
    seconds: float
    loss: float
    selection: Annotated[
        float | None, Field(description="On the slice by which epochs are chosen.")
    ]
    bits: float | None
    best: Annotated[bool, Field(description="The best so far.")]
    characters_per_second: float


@dataclass(frozen=True)
class TrainingSample:
    """What the network wrote after an epoch."""

    epoch: int
    temperature: float
    text: str


@dataclass(frozen=True)
class Log:
    """The end of a log: its lines, and the samples in it, newest last."""

    lines: list[str] = field(default_factory=list)
    samples: list[TrainingSample] = field(default_factory=list)

    @property
    def last(self) -> str:
        """The last line, without the program's name; what an error says stands there."""
        return self.lines[-1].removeprefix("train.py: ") if self.lines else ""


def read_status(path: Path) -> Status:
    """What train.py said last of how far it is; empty before it says anything."""
    try:
        return _STATUS.validate_json(path.read_bytes())
    except (OSError, ValueError):
        return {}


def read_curve(path: Path) -> list[CurvePoint]:
    """The epochs of a training.csv, thinned out where there are very many."""
    points = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                points.append(
                    CurvePoint(
                        epoch=int(float(row["epoch"])),
                        seconds=float(row["seconds"]),
                        loss=float(row["loss"]),
                        selection=float(row["selection_nats"]) if row["selection_nats"] else None,
                        bits=float(row["validation_bits"]) if row["validation_bits"] else None,
                        best=row["best"] == "yes",
                        characters_per_second=float(row["characters_per_second"]),
                    )
                )
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        pass
    every = math.ceil(len(points) / MOST_POINTS) or 1
    return points[::-1][::every][::-1]


def read_log(path: Path) -> Log:
    """The end of a log."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _LOG_BYTES))
            tail = file.read().decode("utf-8", "replace")
    except OSError:
        return Log()
    whole = tail.split("\n")[1:] if size > _LOG_BYTES else tail.split("\n")
    lines: list[str] = []
    samples: list[TrainingSample] = []
    epoch = 0
    for line in whole:
        if found := _EPOCH.match(line):
            epoch = int(found[1])
        if line.startswith(_SAMPLE):
            temperature, _, text = line.removeprefix(_SAMPLE).partition(" text=")
            try:
                samples.append(TrainingSample(epoch, float(temperature), str(json.loads(text))))
            except ValueError:
                continue  # its end is still being written
        elif line.strip() and not _NOISE.match(line):
            lines.append(line.rstrip())
    return Log(lines[-LOG_LINES:], samples[-MOST_SAMPLES:])
