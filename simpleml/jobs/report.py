"""How a training stands, from the record that train.py keeps (events.jsonl), and its log's end."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field, TypeAdapter

# pydantic reads TypedDict from here before Python 3.12
from typing_extensions import TypedDict

EVENTS_FILE = Path("training") / "events.jsonl"
"""In the model's folder; simpleml.training.progress.events says what an event holds."""
CSV_FILE = "training.csv"
"""Beside it, the same for people; shipped models have it alone."""
LOG_LINES = 20
MOST_PASSES = 9
"""Moments of which samples are kept."""
MOST_POINTS = 300
_LOG_BYTES = 64 * 1024
_NOISE = re.compile(
    r'\{"error": |sample temperature=|WARNING: All log messages before absl|[IW]\d{4} \d\d:'
)
"""Samples, which are shown apart, and what TensorFlow says of itself."""
_Number = Annotated[float, Field(allow_inf_nan=False)]


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
    """What the network wrote after an epoch, always from the same beginning with the same dice."""

    epoch: int
    temperature: float
    text: str
    seed: Annotated[str, Field(description="What it goes on from, the end of it.")] = ""


@dataclass
class Report:
    """What a record says."""

    curve: list[CurvePoint] = field(default_factory=list)
    """At most MOST_POINTS, the last epoch among them."""
    samples: list[TrainingSample] = field(default_factory=list)
    """Newest last; of a long run those of the first epoch, the last, and of some between that lie
    farther and farther apart."""
    seconds: float = 0.0
    """Of training so far."""
    time: float = 0.0
    """When that was written, seconds since 1970."""
    share: float = 0.0
    loss: float | None = None
    characters_per_second: float | None = None
    """As the next one: at that time; None where nothing is known or the session is over."""
    seconds_left: float | None = None

    @property
    def epoch(self) -> int:
        """Epochs that are done."""
        return self.curve[-1].epoch if self.curve else 0


class _Event(TypedDict):
    time: _Number
    seconds: _Number
    step: int


class _Start(_Event):
    type: Literal["start"]
    steps: int


class _Progress(_Event):
    type: Literal["progress"]
    share: _Number
    loss: _Number | None
    characters_per_second: _Number | None
    seconds_left: _Number | None


class _Judgement(_Event):
    type: Literal["judgement"]
    epoch: _Number
    loss: _Number
    selection_nats: _Number | None
    validation_bits: _Number | None
    best: bool
    characters_per_second: _Number


class _Sample(_Event):
    type: Literal["sample"]
    temperature: _Number
    text: str
    seed: NotRequired[str]


class _End(_Event):
    type: Literal["end"]


_EVENT: TypeAdapter[_Start | _Progress | _Judgement | _Sample | _End] = TypeAdapter(
    Annotated[_Start | _Progress | _Judgement | _Sample | _End, Field(discriminator="type")]
)


def read_report(model: Path) -> Report:
    """What the record in a model's folder says; all that is damaged in it is passed over."""
    path = model / EVENTS_FILE
    try:
        state = path.stat()
        return _read(path, state.st_ino, state.st_size, state.st_mtime_ns)
    except OSError:
        return Report()


@lru_cache(maxsize=64)
def _read(path: Path, *_state: int) -> Report:
    """Read once for each state of the file."""
    report = Report()
    points: list[tuple[int, CurvePoint]] = []  # with the updates of the optimiser by then
    samples: list[tuple[int, TrainingSample]] = []
    with path.open("rb") as file:
        for line in file:
            try:
                event = _EVENT.validate_json(line)
            except ValueError:
                continue
            report.seconds, report.time = event["seconds"], event["time"]
            match event["type"]:
                case "start":  # what an earlier session did beyond this step was lost
                    points = [one for one in points if one[0] <= event["step"]]
                    samples = [one for one in samples if one[0] <= event["step"]]
                    report.share = event["step"] / max(1, event["steps"])
                case "progress":
                    report.share, report.loss = event["share"], event["loss"]
                    report.characters_per_second = event["characters_per_second"]
                    report.seconds_left = event["seconds_left"]
                case "judgement":
                    point = CurvePoint(
                        epoch=int(event["epoch"]),
                        seconds=event["seconds"],
                        loss=event["loss"],
                        selection=event["selection_nats"],
                        bits=event["validation_bits"],
                        best=event["best"],
                        characters_per_second=event["characters_per_second"],
                    )
                    points.append((event["step"], point))
                    report.loss = event["loss"]
                case "sample":
                    epoch = points[-1][1].epoch if points else 0
                    sample = TrainingSample(
                        epoch, event["temperature"], event["text"], event.get("seed", "")
                    )
                    samples.append((event["step"], sample))
                case "end":
                    report.characters_per_second = report.seconds_left = None
    report.curve = _thinned([point for _, point in points])
    report.samples = _spread(samples)
    return report


def _thinned(points: list[CurvePoint]) -> list[CurvePoint]:
    every = math.ceil(len(points) / MOST_POINTS) or 1
    return points[::-1][::every][::-1]


def _spread(samples: list[tuple[int, TrainingSample]]) -> list[TrainingSample]:
    """Those of MOST_PASSES moments at most: the first, the last, and by steps that grow."""
    steps = sorted({step for step, _ in samples})
    if len(steps) > MOST_PASSES:
        growth = len(steps) ** (1 / (MOST_PASSES - 1))
        places = {round(growth**power) for power in range(MOST_PASSES)}
        steps = [steps[place - 1] for place in sorted(places)]
    return [sample for step, sample in samples if step in steps]


def read_curve(model: Path) -> list[CurvePoint]:
    """The curve of a model's training: of its record, or of training.csv where there is no more.

    Args:
        model: the model's folder.
    """
    if curve := read_report(model).curve:
        return curve
    try:
        with (model / CSV_FILE).open(encoding="utf-8", newline="") as file:
            points = [_point(row) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return _thinned(points)


def _point(row: dict[str, str]) -> CurvePoint:
    def number(name: str) -> float:
        value = float(row[name])
        if not math.isfinite(value):
            raise ValueError(f"{name} is {value}")
        return value

    return CurvePoint(
        epoch=int(number("epoch")),
        seconds=number("seconds"),
        loss=number("loss"),
        selection=number("selection_nats") if row["selection_nats"] else None,
        bits=number("validation_bits") if row["validation_bits"] else None,
        best=row["best"] == "yes",
        characters_per_second=number("characters_per_second"),
    )


def read_log(path: Path) -> list[str]:
    """The last lines of a log, for people."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _LOG_BYTES))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return []
    whole = lines[1:] if size > _LOG_BYTES else lines
    kept = [line.rstrip() for line in whole if line.strip() and not _NOISE.match(line)]
    return kept[-LOG_LINES:]


def told_error(path: Path) -> dict[str, Any]:
    """What train.py's last line says of an error, for programs; nothing where it is no error."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _LOG_BYTES))
            told = json.loads(file.read().rstrip().rpartition(b"\n")[2])["error"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return told if isinstance(told, dict) else {}


def last_words(path: Path) -> str:
    """The last line of a log without the program's name; what an error says stands there."""
    lines = read_log(path)
    return lines[-1].removeprefix("train.py: ") if lines else ""
