"""Draws of one symbol, many texts' at once, with the numbers that RandomState would have drawn.

RandomState.multinomial(1, p) goes through p, asking at each p > 0 but the last whether this is the
one, with one uniform number and the chance p / (1 - what lies behind); numpy does so by inversion
of a binomial of 1 (numpy/random/src/legacy/legacy-distributions.c). Called for one text after the
other it takes 2 µs and gives Python's lock away each time, which others then take; here all texts'
comparisons are made together. Numpy compares with exp(log(1 - chance)) where this compares
with 1 - chance, so a draw within NEAR of an edge is made again as numpy makes it: no difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import NDArray

from simpleml.generation.sampling import Float64Array

NEAR = 1e-12
"""More than rounding can change: some units of 2e-16."""
BLOCK = 1024
"""Uniform numbers that are drawn at once: those of some 25 symbols, in 5 µs."""
SPARE = 8
"""Uniform numbers beyond one for each symbol: numpy's inversion begins anew once in 10^15."""


class _NoEntropy(ISeedSequence):
    """Seeds a generator that is seeded anew at once; numpy's own takes 100 µs to."""

    def generate_state(self, n_words: int, dtype: object = np.uint32) -> NDArray[np.uint32]:
        return np.zeros(n_words, np.uint32)


class Draws:
    """RandomState(seed) for draws of one symbol. A draw may look at its numbers before it is made.

    Draws of one text belong to one thread.
    """

    __slots__ = ("_at", "_block", "_random")

    def __init__(self, seed: int) -> None:
        """Make one.

        Args:
            seed: 0 to 2**32 - 1.
        """
        self._random = np.random.RandomState(np.random.MT19937(_NoEntropy()))  # type: ignore[arg-type]
        self._random.seed(seed)
        self._block: Float64Array | None = None
        self._at = 0

    def ahead(self, count: int) -> Float64Array:
        """The next so many uniform numbers from 0 to 1, (count,), which stay the next."""
        block = self._block
        if block is None:
            block = self._block = self._random.random_sample(max(BLOCK, count))
        elif self._at + count > len(block):
            more = self._random.random_sample(max(BLOCK, count))
            block = self._block = np.concatenate((block[self._at :], more))
            self._at = 0
        return block[self._at : self._at + count]

    def skip(self, count: int) -> None:
        """Take so many of the numbers that `ahead` has shown."""
        self._at += count

    def multinomial(self, n: int, pvals: Float64Array, /) -> NDArray[np.int64]:
        """RandomState.multinomial(1, pvals): how often each index came, (V,), which is once.

        Args:
            n: 1.
            pvals: (V,) chances, which sum to 1.

        Raises:
            ValueError: n is not 1, or a chance is not a number.
        """
        if n != 1:
            raise ValueError(f"one symbol is drawn at a time, not {n}")
        if self._block is None:
            return self._random.multinomial(1, pvals)
        if np.isnan(pvals).any():
            raise ValueError("a chance is not a number")
        index, used = draw_one(pvals, self.ahead(len(pvals) + SPARE))
        self.skip(used)
        counts = np.zeros(len(pvals), np.int64)
        counts[index] = 1
        return counts


def draw_all(distributions: Float64Array, draws: Sequence[Draws]) -> list[int]:
    """Draw one symbol for each of many texts, as each one's `multinomial` would.

    Args:
        distributions: (S, V) chances, each row of which sums to 1.
        draws: S sources.

    Returns:
        An index for each row.
    """
    rows, size = distributions.shape
    uniforms = np.empty((rows, size))
    for row, source in enumerate(draws):
        uniforms[row] = source.ahead(size)
    order = None
    if distributions.min() == 0.0:  # zeros take no number
        order = np.cumsum(distributions != 0.0, axis=1)
        uniforms = np.take_along_axis(uniforms, np.maximum(order - 1, 0), axis=1)
    left = np.empty((rows, size))
    left[:, 0] = 1.0
    left[:, 1:] = distributions[:, :-1]
    np.subtract.accumulate(left, axis=1, out=left)
    # It is this one where u > 1 - p / left, or u <= p / left where that is more than a half.
    margins = np.abs((distributions <= 0.5 * left) - uniforms)
    margins *= left
    margins -= distributions
    here = margins < 0.0
    if order is not None:
        here &= distributions != 0.0
    here[:, -1] = True
    found = here.argmax(axis=1)
    used = np.minimum(found + 1, size - 1)
    if order is not None:
        used = order[np.arange(rows), np.minimum(found, size - 2)]
    indices: list[int] = found.tolist()
    taken: list[int] = used.tolist()
    left *= NEAR
    near = np.abs(margins) < left
    if near.any() or uniforms.max() > 1.0 - NEAR:
        near |= uniforms > 1.0 - NEAR
        for row in np.flatnonzero(near.any(axis=1)).tolist():
            ahead = draws[row].ahead(size + SPARE)
            indices[row], taken[row] = draw_one(distributions[row], ahead)
    for source, count in zip(draws, taken, strict=True):
        source.skip(count)
    return indices


def draw_one(chances: Float64Array, uniforms: Float64Array) -> tuple[int, int]:
    """Draw one symbol as numpy does (legacy_random_multinomial with n = 1), to the bit.

    Args:
        chances: (V,), which sum to 1.
        uniforms: at least V + SPARE numbers from 0 to 1.

    Returns:
        The index, and how many of the numbers were used.
    """
    left, used = 1.0, 0
    values, numbers = chances.tolist(), uniforms.tolist()
    for index, chance in enumerate(values[:-1]):
        if chance:
            share = chance / left if left else math.inf
            likely = share > 0.5
            came, took = _inversion(1.0 - share if likely else share, numbers, used)
            used += took
            if came != likely:
                return index, used
        left -= chance
    return len(values) - 1, used


def _inversion(chance: float, numbers: Sequence[float], at: int) -> tuple[bool, int]:
    """A binomial of 1 by inversion (legacy_random_binomial_inversion): what, from how many."""
    against = 1.0 - chance
    first = math.exp(math.log(against))
    used = 0
    while True:
        number = numbers[at + used]
        used += 1
        if not number > first:
            return False, used
        if not number - first > chance * first / against:
            return True, used
