"""Tells a person, a log and the record of a run how a training goes.

On a terminal a bar with characters/s, loss, validation bits per character and the time left,
and one line per judgement that stays. Elsewhere that line as ``key=value`` pairs, and between two
of them one every minute that says how far it is. A program that watches reads the events, or names
a file in which the bar's numbers stand as JSON.

Try it::

    progress = Progress(folder=Path("ML/x"))
    progress.start(total_steps=100)
    progress.step(characters=2048, loss=3.1)
    progress.judged(Judgement(epoch=1, step=1, ...))
    progress.close()
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import math
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from simpleml.errors import TrainingError
from simpleml.training.progress.curves import PNG_NAME, draw_curves
from simpleml.training.progress.events import EventLog
from simpleml.training.progress.judgements import CSV_NAME, Judgement, brief, write_history

SEED_SHOWN = 60  # characters of what a sample goes on from
PICTURE_EVERY = 30.0  # seconds; on a GPU the time between two judgements may be shorter
STATUS_EVERY = 1.0  # seconds between two versions of the status file
EVENT_EVERY = 1.0, 10.0  # seconds between two progress events: at first, after ten minutes
LINE_EVERY = 60.0  # seconds between two lines where no terminal is, at least


class Progress:
    """Shows and records one training.

    Args:
        folder: where training.csv and training.png go, both whole at every instant; they are
            written from the first judgement at which the folder exists. None for nowhere.
        events: the record of the run (see ``events``), an events.jsonl; None for none.
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
        events: Path | None = None,
        tensorboard: Path | None = None,
        status: Path | None = None,
        stream: TextIO | None = None,
    ) -> None:
        self._folder = folder
        self._status_path = status
        self._status_at = -math.inf
        self._stream = stream if stream is not None else sys.stderr
        self._log = EventLog(events)
        self._tensorboard = _tensorboard_writer(tensorboard) if tensorboard is not None else None
        self._bar: Any = None
        self._judgements: list[Judgement] = []
        self._drawn_at = -math.inf
        self._recent: deque[tuple[float, int]] = deque(maxlen=64)  # (moment, characters so far)
        self._characters = 0
        self._loss: float | None = None
        self._bits: float | None = None
        self._step = 0
        self._steps = 0
        self._share: float | None = None
        self._first = True
        self._deadline: float | None = None
        self._began = time.perf_counter()
        self._event_at = self._line_at = self._began
        self._ended = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and not self._ended:
            self.end("failed", getattr(error, "message", None) or repr(error))
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
        characters: int = 0,
        seconds: float = 0.0,
        history: Sequence[Judgement] = (),
        max_seconds: float | None = None,
    ) -> None:
        """Begin, or go on after a resume.

        Args:
            total_steps: updates if the training runs to its last epoch.
            step: updates already done.
            characters: already predicted in training.
            seconds: of training that are already behind.
            history: the judgements of earlier sessions.
            max_seconds: time this session may take, if limited.
        """
        self._step, self._steps, self._characters = step, total_steps, characters
        self._judgements = list(history)
        self._first = True
        self._began = time.perf_counter() - seconds
        self._recent.append((time.perf_counter(), characters))
        self._record("start", steps=total_steps, max_seconds=max_seconds)
        if max_seconds is not None:
            self._deadline = time.perf_counter() + max_seconds
        if self._judgements:
            self._bits = self._judgements[-1].validation_bits
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
        if self._first:
            self._first = False
            self._recent.clear()  # the first update holds the compilation: no measure of the others
        now = time.perf_counter()
        self._recent.append((now, self._characters))
        if self._bar is not None:
            self._bar.set_postfix_str(self._status(), refresh=False)
            self._bar.update(1)
        if now - self._status_at > STATUS_EVERY:
            self._write_status()
        often, seldom = EVENT_EVERY
        if now - self._event_at > min(max(often, (now - self._began) / 60), seldom):
            self._record("progress", **self._numbers())
            self._event_at = now
        if self._bar is None and now - self._line_at > LINE_EVERY:
            self._write(self._progress_line())

    def judged(self, judgement: Judgement) -> None:
        """Write its line and bring training.csv, training.png and TensorBoard up to it."""
        earlier = [one for one in self._judgements if one.step < judgement.step]
        self._judgements = [*earlier, judgement]
        self._bits = judgement.validation_bits
        self._write(_line(judgement) if self._bar is not None else judgement.line())
        self._record("judgement", **dataclasses.asdict(judgement))
        self._add_scalars(judgement)
        if self._folder is not None and self._folder.is_dir():
            write_history(self._folder / CSV_NAME, self._judgements)
            if time.perf_counter() - self._drawn_at > PICTURE_EVERY:
                self._draw()
        self._write_status()
        # Judging and export took time that no update may be blamed for.
        self._recent.clear()
        self._recent.append((time.perf_counter(), self._characters))

    def sample(self, temperature: float, text: str, seed: str = "") -> None:
        """Show what the network writes by now, after ``seed``."""
        self._record("sample", temperature=temperature, text=text, seed=seed[-SEED_SHOWN:])
        if self._bar is not None:
            indented = "\n".join("    " + line for line in text.splitlines())
            self._write(f"  at temperature {temperature:g}:\n{indented}")
        else:
            quoted = json.dumps(text, ensure_ascii=False)
            self._write(f"sample temperature={temperature:g} text={quoted}")
        if self._tensorboard is not None:
            self._tensorboard.add_text(f"sample/temperature {temperature:g}", text, self._step)

    def note(self, text: str) -> None:
        """A line that stays."""
        self._record("note", text=text)
        self._write(text)

    def end(self, state: str, reason: str, **figures: float) -> None:
        """Record how the run ended; see ``events`` for the states and figures."""
        self._ended = True
        self._record("end", state=state, reason=reason, **figures)

    def close(self) -> None:
        """Take the bar away, draw the last curves, close TensorBoard's files. May be repeated."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        if self._folder is not None and self._folder.is_dir() and self._judgements:
            self._draw()
        self._judgements = []
        if self._tensorboard is not None:
            self._tensorboard.close()
            self._tensorboard = None

    def _write(self, text: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        print(text, file=self._stream, flush=True)
        self._line_at = time.perf_counter()
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
        status = {
            "epoch": int(self._judgements[-1].epoch) + 1 if self._judgements else 1,
            "step": self._step,
            "steps": self._steps,
            "validation_bits": self._bits,
            **self._numbers(),
        }
        temporary = self._status_path.with_name(f".{self._status_path.name}.new")
        with contextlib.suppress(OSError):
            temporary.write_text(json.dumps(status), encoding="utf-8")
            temporary.replace(self._status_path)

    def _record(self, kind: str, **facts: Any) -> None:
        """An event with what every one has."""
        so_far = {
            "seconds": time.perf_counter() - self._began,
            "step": self._step,
            "characters": self._characters,
        }
        self._log.append({"type": kind, **so_far, **facts})

    def _numbers(self) -> dict[str, float | None]:
        """How far it is, as a progress event says it."""
        rate, left = self._rate(), self._seconds_left()
        return {
            "share": self._step / max(1, self._steps) if self._share is None else self._share,
            "loss": self._loss,
            "characters_per_second": None if rate is None else round(rate),
            "seconds_left": None if left is None else round(left),
        }

    def _progress_line(self) -> str:
        """How far it is, for a log."""
        seconds = time.perf_counter() - self._began
        facts = {"step": self._step, "steps": self._steps, "seconds": seconds, **self._numbers()}
        pairs = [f"{name}={brief(value)}" for name, value in facts.items() if value is not None]
        return " ".join(["progress", *pairs])

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

    def _add_scalars(self, judgement: Judgement) -> None:
        if self._tensorboard is None:
            return
        for name, value in dataclasses.asdict(judgement).items():
            if isinstance(value, float) and name not in ("epoch", "seconds"):
                self._tensorboard.add_scalar(name, value, judgement.step)
        self._tensorboard.flush()

    def _draw(self) -> None:
        assert self._folder is not None
        draw_curves(self._folder / PNG_NAME, self._judgements)
        self._drawn_at = time.perf_counter()


def duration(seconds: float) -> str:
    """A time for people: ``45 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _line(judgement: Judgement) -> str:
    """One judgement for a person."""
    whole = judgement.epoch == int(judgement.epoch)
    parts = [f"epoch {judgement.epoch:>{3 if whole else 6}.{0 if whole else 2}f}"]
    parts.append(f"loss {judgement.loss:.3f}")
    if judgement.validation_bits is not None:
        parts.append(f"validation {judgement.validation_bits:.3f} bits/character")
    elif judgement.selection_nats is not None:
        parts.append(f"selection {judgement.selection_nats:.3f} nats")
    parts.append(f"{judgement.characters_per_second:,.0f} characters/s")
    parts.append(duration(judgement.seconds))
    return ", ".join(parts) + (", best so far" if judgement.best else "")


def _tensorboard_writer(folder: Path) -> Any:
    try:
        writer: Any = importlib.import_module("tensorboardX")
    except ImportError:
        raise TrainingError(
            "--tensorboard needs tensorboardX: pip install tensorboardX (and tensorboard to look "
            "at the curves)"
        ) from None
    return writer.SummaryWriter(str(folder))
