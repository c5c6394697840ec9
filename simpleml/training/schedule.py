"""How long to train, and the learning rate on the way: pure functions of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass


def default_epochs(characters: int) -> int:
    """Epochs for a training text of so many characters: 25 for a million, 63 for 0.1, 10 for 10.

    A short text needs more passes for as many updates, a long one is read less often.
    """
    return max(4, min(100, round(25 * math.pow(1e6 / max(1, characters), 0.4))))


def default_rows(characters: int) -> int:
    """Rows of a batch: few for a short text, where updates are scarce."""
    return 64 if characters >= 2_500_000 else 32 if characters >= 150_000 else 16


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up over ``warmup`` updates, then half a cosine down to ``floor`` of the peak.

    The position on the cosine is ``progress`` from 0 to 1, not a count of updates, so that a run
    bound to a number of minutes can stretch or shrink what is left of it.
    """

    peak: float
    warmup: int = 100
    floor: float = 0.01

    def rate(self, progress: float, updates: int) -> float:
        """The learning rate at ``progress`` and after so many ``updates``."""
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, progress))))
        decayed = self.floor + (1 - self.floor) * cosine
        return self.peak * decayed * min(1.0, (updates + 1) / max(1, self.warmup))


@dataclass
class Pace:
    """How far each update moves on the schedule, so that it ends with the epochs or the minutes.

    ``updates`` is the most there may be; ``seconds`` the most they may take, all told, or None.
    Times are seconds since the run began, earlier sessions included.
    """

    updates: int
    seconds: float | None = None
    timed: int = 0
    first: float = 0.0
    last: float = 0.0

    SKIPPED = 3
    """Updates at the start of a session that are not timed: they hold the compilation."""

    def update_ended(self, elapsed: float) -> None:
        """Take note that an update ended at ``elapsed``."""
        self.timed += 1
        self.last = elapsed
        if self.timed == self.SKIPPED:
            self.first = elapsed

    def advance(self, progress: float, done: int) -> float:
        """What to add to ``progress`` at each of the next updates, ``done`` being behind."""
        left = max(1, self.updates - done)
        if self.seconds is not None and self.timed > 2 * self.SKIPPED:
            # Evaluations and exports lie between updates, so their time is in the average.
            each = (self.last - self.first) / (self.timed - self.SKIPPED)
            reserve = min(0.03 * self.seconds + 2.0, 40.0)  # the last evaluation and export
            remaining = self.seconds - reserve - self.last
            left = max(1, min(left, int(remaining / max(1e-6, each))))
        return (1.0 - progress) / left


def average_decay(updates: int, horizon: float) -> float:
    """Decay of the moving average of the weights: short at first, then over ``horizon`` updates."""
    return min(1.0 - 1.0 / max(1.0, horizon), (1.0 + updates) / (10.0 + updates))
