"""The seam for what changes a distribution before a symbol is drawn from it.

A processor goes along with one text. Those in use are made elsewhere and given to a TextStream
(simpleml.copying.guard has one); penalties, temperature and truncation are sampling.py's and come
after them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from simpleml.generation.sampling import Float64Array


class LogitsProcessor(Protocol):
    """Changes the log-probabilities of one text's symbols, and is told which were drawn."""

    def process(self, log_p: Float64Array) -> Float64Array:
        """What the next symbol is drawn by.

        Args:
            log_p: (V,) log-probabilities; not to be written to.

        Returns:
            (V,) log-probabilities that need not sum to 1, -inf for what must not be drawn: the
            same array where nothing changes, else a new one with a number above -inf in it.
        """

    def accept(self, index: int) -> None:
        """Go on with a symbol that was drawn."""


ProcessorMaker = Callable[[Sequence[int]], Sequence[LogitsProcessor]]
"""Makes the processors of one text from the indices of its seed."""


def no_processors(seed: Sequence[int]) -> Sequence[LogitsProcessor]:
    """The ProcessorMaker of a text whose distributions stay as they are."""
    return ()
