"""What a training shows and records: bar, lines, training.csv, training.png, TensorBoard.

On a terminal a bar with characters/s, loss, validation bits per character and the time left,
and one line per epoch that stays. Elsewhere nothing but that line per epoch, as ``key=value``
pairs. A program that watches may name a file in which the bar's numbers stand as JSON. Knows no
network: it is told numbers.

Try it::

    progress = Progress(folder=Path("ML/x"))
    progress.start(total_steps=100)
    progress.step(characters=2048, loss=3.1)
    progress.epoch_ended(EpochRecord(epoch=1, step=1, ...))
    progress.close()
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import importlib
import io
import json
import math
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from simpleml.errors import TrainingError
from simpleml.files import write_whole

CSV_NAME = "training.csv"
PNG_NAME = "training.png"
PICTURE_EVERY = 30.0  # seconds; on a GPU an epoch may be shorter than drawing it
STATUS_EVERY = 1.0  # seconds between two versions of the status file


@dataclass(frozen=True)
class EpochRecord:
    """One line of training.csv."""

    epoch: int  # from 1
    step: int  # optimiser updates so far
    seconds: float  # of training so far, earlier sessions included
    characters_per_second: float  # in this epoch, validation not counted
    learning_rate: float
    loss: float  # mean over the epoch, nats per symbol, with dropout
    selection_nats: float | None  # per symbol, on the slice that choices are made on
    validation_nats: float | None  # per symbol, held out, if measured in this epoch
    validation_bits: float | None  # per character, of the selection slice unless held out was
    best: bool  # the best epoch so far, hence exported

    def line(self) -> str:
        """``key=value`` pairs on one line; values without spaces, absent ones left out."""
        return " ".join(
            f"{name}={_brief(value)}"
            for name, value in dataclasses.asdict(self).items()
            if value is not None
        )


class Progress:
    """Tells a person or a log how a training goes.

    Args:
        folder: where training.csv and training.png go, both whole at every instant; they are
            written from the first epoch at whose end the folder exists. None for nowhere.
        tensorboard: folder for TensorBoard's event files; None for none.
        status: file that says each second how far it is, as JSON, whole at every instant: epoch
            at work, step of steps, share of the run that is behind (0 to 1), characters per
            second, loss (nats per symbol), validation bits per character, seconds left. None for
            none.
        stream: what to write to; standard error by default.

    Raises:
        TrainingError: TensorBoard's files are wanted and tensorboardX is not installed.
    """

    def __init__(
        self,
        *,
        folder: Path | None = None,
        tensorboard: Path | None = None,
        status: Path | None = None,
        stream: TextIO | None = None,
    ) -> None:
        self._folder = folder
        self._status_path = status
        self._status_at = -math.inf
        self._stream = stream if stream is not None else sys.stderr
        self._events = _event_writer(tensorboard) if tensorboard is not None else None
        self._bar: Any = None
        self._records: list[EpochRecord] = []
        self._drawn_at = -math.inf
        self._recent: deque[tuple[float, int]] = deque(maxlen=64)  # (moment, characters so far)
        self._characters = 0
        self._loss: float | None = None
        self._bits: float | None = None
        self._step = 0
        self._steps = 0
        self._share: float | None = None
        self._deadline: float | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def terminal(self) -> bool:
        """Whether a person is likely to watch."""
        isatty = getattr(self._stream, "isatty", None)
        return bool(isatty and isatty())

    def start(
        self,
        total_steps: int,
        *,
        step: int = 0,
        history: Sequence[EpochRecord] = (),
        max_seconds: float | None = None,
    ) -> None:
        """Begin, or go on after a resume.

        Args:
            total_steps: updates if the training runs to its last epoch.
            step: updates already done.
            history: the epochs of earlier sessions (:func:`read_history`).
            max_seconds: time this session may take, if limited.
        """
        self._step, self._steps = step, total_steps
        self._records = list(history)
        self._recent.append((time.perf_counter(), 0))
        if max_seconds is not None:
            self._deadline = time.perf_counter() + max_seconds
        if self._records:
            self._bits = self._records[-1].validation_bits
        if self.terminal:
            tqdm: Any = importlib.import_module("tqdm")  # a bar is wanted only here
            self._bar = tqdm.tqdm(
                total=total_steps,
                initial=step,
                file=self._stream,
                dynamic_ncols=True,
                mininterval=0.5,
                bar_format="{percentage:3.0f}%|{bar}| {elapsed} {postfix}",
            )
        self._write_status()

    def step(self, characters: int, loss: float | None = None, share: float | None = None) -> None:
        """One update is done.

        Args:
            characters: predicted in it, over all rows of the batch.
            loss: nats per symbol; None where reading it would make the device wait.
            share: of the whole run that is behind now, 0 to 1, where that is not the share of
                steps (a run of so many minutes).
        """
        self._share = share
        self._step += 1
        self._characters += characters
        if loss is not None:
            self._loss = loss
        if len(self._recent) == 1 and self._characters == characters:
            self._recent.clear()  # the first update holds the compilation: no measure of the others
        self._recent.append((time.perf_counter(), self._characters))
        if self._bar is not None:
            self._bar.set_postfix_str(self._status(), refresh=False)
            self._bar.update(1)
        if self._recent[-1][0] - self._status_at > STATUS_EVERY:
            self._write_status()

    def epoch_ended(self, record: EpochRecord) -> None:
        """Write the epoch's line and bring training.csv, training.png and TensorBoard up to it."""
        self._records = [r for r in self._records if r.epoch < record.epoch] + [record]
        self._bits = record.validation_bits
        self._write(_epoch_line(record) if self._bar is not None else record.line())
        self._record_events(record)
        if self._folder is not None and self._folder.is_dir():
            write_history(self._folder / CSV_NAME, self._records)
            if time.perf_counter() - self._drawn_at > PICTURE_EVERY:
                self._draw()
        self._write_status()
        # Validation and export took time that no update may be blamed for.
        self._recent.clear()
        self._recent.append((time.perf_counter(), self._characters))

    def sample(self, temperature: float, text: str) -> None:
        """Show what the network writes by now."""
        if self._bar is not None:
            indented = "\n".join("    " + line for line in text.splitlines())
            self._write(f"  at temperature {temperature:g}:\n{indented}")
        else:
            quoted = json.dumps(text, ensure_ascii=False)
            self._write(f"sample temperature={temperature:g} text={quoted}")
        if self._events is not None:
            self._events.add_text(f"sample/temperature {temperature:g}", text, self._step)

    def note(self, text: str) -> None:
        """A line that stays."""
        self._write(text)

    def close(self) -> None:
        """Take the bar away, draw the last curves, close TensorBoard's files. May be repeated."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        if self._folder is not None and self._folder.is_dir() and self._records:
            self._draw()
        self._records = []
        if self._events is not None:
            self._events.close()
            self._events = None

    def _write(self, text: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        print(text, file=self._stream, flush=True)
        if self._bar is not None:
            self._bar.refresh()

    def _status(self) -> str:
        """The right end of the bar."""
        parts = []
        if (rate := self._rate()) is not None:
            parts.append(f"{rate:,.0f} characters/s")
        if self._loss is not None:
            parts.append(f"loss {self._loss:.3f}")
        if self._bits is not None:
            parts.append(f"validation {self._bits:.3f} bits/character")
        if (left := self._seconds_left()) is not None:
            parts.append(f"{duration(left)} left")
        return ", ".join(parts)

    def _write_status(self) -> None:
        """Bring the status file up to date; a disk that is full ends no training here."""
        if self._status_path is None:
            return
        self._status_at = time.perf_counter()
        rate, left = self._rate(), self._seconds_left()
        status = {
            "epoch": self._records[-1].epoch + 1 if self._records else 1,
            "step": self._step,
            "steps": self._steps,
            "share": self._step / max(1, self._steps) if self._share is None else self._share,
            "characters_per_second": None if rate is None else round(rate),
            "loss": self._loss,
            "validation_bits": self._bits,
            "seconds_left": None if left is None else round(left),
        }
        temporary = self._status_path.with_name(f".{self._status_path.name}.new")
        with contextlib.suppress(OSError):
            temporary.write_text(json.dumps(status), encoding="utf-8")
            temporary.replace(self._status_path)

    def _rate(self) -> float | None:
        """Characters per second of the last updates."""
        (first, before), (last, after) = self._recent[0], self._recent[-1]
        return (after - before) / (last - first) if last > first else None

    def _seconds_left(self) -> float | None:
        first, last = self._recent[0][0], self._recent[-1][0]
        steps = len(self._recent) - 1
        if steps < 1:
            return None
        left: float = (self._steps - self._step) * (last - first) / steps
        if self._deadline is not None:
            left = min(left, self._deadline - last)
        return max(0.0, left)

    def _record_events(self, record: EpochRecord) -> None:
        if self._events is None:
            return
        for name, value in dataclasses.asdict(record).items():
            if isinstance(value, float) and name != "seconds":
                self._events.add_scalar(name, value, record.step)
        self._events.flush()

    def _draw(self) -> None:
        assert self._folder is not None
        draw_curves(self._folder / PNG_NAME, self._records)
        self._drawn_at = time.perf_counter()


def duration(seconds: float) -> str:
    """A time for people: ``45 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def read_history(path: Path) -> list[EpochRecord]:
    """The epochs in a training.csv, an empty list if there is none.

    Raises:
        TrainingError: the file is not one that :func:`write_history` wrote.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [_parse(row) for row in csv.DictReader(file)]
    except FileNotFoundError:
        return []
    except (KeyError, ValueError, TypeError) as error:
        raise TrainingError(f"{path} is not a record of a training: {error}") from None


def write_history(path: Path, records: Sequence[EpochRecord]) -> None:
    """Write training.csv, all of it or nothing."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    names = [field.name for field in dataclasses.fields(EpochRecord)]
    writer.writerow(names)
    for record in records:
        values = dataclasses.asdict(record)
        writer.writerow(
            [_brief(values[name]) if values[name] is not None else "" for name in names]
        )
    _replace(path, text.getvalue().encode())


def draw_curves(path: Path, records: Sequence[EpochRecord]) -> None:
    """Write training.png: nats per symbol against minutes of training, all of it or nothing."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    minutes = [record.seconds / 60 for record in records]
    curves: list[tuple[str, list[float | None]]] = [
        ("training (with dropout)", [record.loss for record in records]),
        ("validation (selection slice)", [record.selection_nats for record in records]),
        ("held out", [record.validation_nats for record in records]),
    ]
    for label, values in curves:
        points = [(x, y) for x, y in zip(minutes, values, strict=True) if y is not None]
        if points:
            axes.plot(*zip(*points, strict=True), marker=".", label=label)
    best = [r for r in records if r.best]
    if best:
        axes.axvline(
            best[-1].seconds / 60,
            color="0.6",
            linestyle=":",
            label=f"best epoch ({best[-1].epoch})",
        )
    axes.set_xlabel("minutes of training")
    axes.set_ylabel("nats per symbol")
    axes.grid(alpha=0.3)
    axes.legend()
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    _replace(path, picture.getvalue())


def _epoch_line(record: EpochRecord) -> str:
    """One epoch for a person."""
    parts = [f"epoch {record.epoch:>3}", f"loss {record.loss:.3f}"]
    if record.validation_bits is not None:
        parts.append(f"validation {record.validation_bits:.3f} bits/character")
    elif record.selection_nats is not None:
        parts.append(f"selection {record.selection_nats:.3f} nats")
    parts.append(f"{record.characters_per_second:,.0f} characters/s")
    parts.append(duration(record.seconds))
    return ", ".join(parts) + (", best so far" if record.best else "")


def _brief(value: Any) -> str:
    """A number as text: six figures, no exponent where none is needed."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) and abs(value) < 1e5 else f"{value:.0f}"


def _parse(row: dict[str, str]) -> EpochRecord:
    def number(name: str) -> float | None:
        return float(row[name]) if row[name] else None

    return EpochRecord(
        epoch=int(row["epoch"]),
        step=int(row["step"]),
        seconds=float(row["seconds"]),
        characters_per_second=float(row["characters_per_second"]),
        learning_rate=float(row["learning_rate"]),
        loss=float(row["loss"]),
        selection_nats=number("selection_nats"),
        validation_nats=number("validation_nats"),
        validation_bits=number("validation_bits"),
        best=row["best"] == "yes",
    )


def _replace(path: Path, content: bytes) -> None:
    """Put a file in place whole: hidden name, sync, rename.

    Raises:
        TrainingError: the disk is full or the folder not writable; the old file stands.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise TrainingError(f"cannot write {path}: {error.strerror or error}") from error


def _event_writer(folder: Path) -> Any:
    try:
        writer: Any = importlib.import_module("tensorboardX")
    except ImportError:
        raise TrainingError(
            "--tensorboard needs tensorboardX: pip install tensorboardX (and tensorboard to look "
            "at the curves)"
        ) from None
    return writer.SummaryWriter(str(folder))
