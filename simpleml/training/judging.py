"""When a network is judged while it trains: by characters read, and not more than it is worth.

Pure functions of numbers. To judge is to measure the selection slice, to export the network if it
is the best so far, and to save a point.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

FARTHEST = 5_000_000  # characters between two judgements, unless asked for otherwise
SHARE = 0.05  # of the time that judging may take
ALWAYS = (1, 2, 4)  # epochs after which it is judged whatever that costs: someone may be watching
LEAST_WORSE = 3  # judgements without a better one before patience may end


@dataclass(frozen=True)
class JudgingPlan:
    """Where in the text judgements are due.

    Args:
        chunks: updates of an epoch.
        characters: of an epoch.
        every: characters between two judgements, brought to the nearest whole part or multiple of
            an epoch; None for once an epoch, and at least every ``FARTHEST`` characters, as long
            as it takes no more than ``SHARE`` of the time.
    """

    chunks: int
    characters: int
    every: int | None = None

    @property
    def parts(self) -> int:
        """Judgements in an epoch, at least one."""
        if self.every is None:
            wanted = math.ceil(self.characters / FARTHEST)
        else:
            wanted = round(self.characters / self.every)
        return max(1, min(wanted, self.chunks))

    @property
    def epochs(self) -> int:
        """Epochs from one judgement to the next, at least one."""
        return 1 if self.every is None else max(1, round(self.every / self.characters))

    def due(self, epoch: int, chunk: int) -> bool:
        """Whether one is due when ``chunk`` updates of epoch ``epoch`` (from 0) are done."""
        if chunk * self.parts // self.chunks == (chunk - 1) * self.parts // self.chunks:
            return False
        return chunk < self.chunks or (epoch + 1) % self.epochs == 0

    def affordable(self, epochs: float, since: float, cost: float) -> bool:
        """Whether one that is due is worth its time.

        Args:
            epochs: done so far.
            since: seconds of training since the last judgement.
            cost: seconds that the last one took, 0 if there was none.
        """
        return self.every is not None or epochs in ALWAYS or cost <= SHARE * since
