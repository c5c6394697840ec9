"""An n-gram model, the bar that a network has to clear: counting alone reaches this much.

Interpolated modified Kneser-Ney (S. F. Chen and J. Goodman, An Empirical Study of Smoothing
Techniques for Language Modeling, 1999, section 4.1.6). Works on symbol indices, so on words as
on characters; knows no text and no network.

Try it::

    model = KneserNey(training, vocabulary_size=65, order=6)
    nats = -np.log(model.probabilities(held_out)).mean()
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Symbols = NDArray[np.int32]
Keys = NDArray[np.uint64]
Floats = NDArray[np.float64]

# A key is 48 bits of hash of the context and 16 bits of symbol: sorting the keys groups them by
# context, and among 5 million contexts the chance of any two sharing a hash is 4 %.
SYMBOL_BITS = 16
MAX_SYMBOLS = 1 << SYMBOL_BITS


@dataclass(frozen=True)
class _Order:
    """Counts of the n-grams of one length, each array sorted by its keys."""

    keys: Keys  # (K,) context and symbol
    counts: Floats  # (K,) discounted counts
    contexts: Keys  # (C,) hash of the context
    totals: Floats  # (C,) sum of the counts before discounting
    freed: Floats  # (C,) what the discounts took, for the shorter context


class KneserNey:
    """Interpolated modified Kneser-Ney over symbols.

    Args:
        symbols: (N,) int32 to learn from.
        vocabulary_size: V, at most 65,536.
        order: longest n-gram, context and symbol together.
    """

    def __init__(self, symbols: Symbols, vocabulary_size: int, order: int = 6) -> None:
        if not 1 <= vocabulary_size <= MAX_SYMBOLS:
            raise ValueError(f"{vocabulary_size} symbols; 1 to {MAX_SYMBOLS} can be counted")
        self._vocabulary_size = vocabulary_size
        self._orders: list[_Order] = []
        contexts: Keys = np.zeros(len(symbols), np.uint64)  # hash of the n-1 symbols before each
        longest = min(order, len(symbols))
        for n in range(1, longest + 1):
            keys = _keys(contexts, symbols[n - 1 :])
            following = _mix(keys)  # hash of each n-gram, the next order's contexts
            self._orders.append(_count(keys, following, symbols, n, last=n == longest))
            contexts = following[:-1]

    def probabilities(self, symbols: Symbols) -> Floats:
        """Probability of each symbol given all symbols before it.

        Args:
            symbols: (M,) int32.

        Returns:
            (M,) float64; the first ones have a shorter context. Over all V symbols in one place
            they add up to one.
        """
        p: Floats = np.full(len(symbols), 1.0 / self._vocabulary_size)
        contexts: Keys = np.zeros(len(symbols), np.uint64)
        for n, order in enumerate(self._orders, start=1):
            if len(symbols) < n:
                break
            keys = _keys(contexts, symbols[n - 1 :])
            place = _find(order.contexts, contexts)
            seen = place >= 0
            total = np.where(seen, order.totals[place], 1.0)
            freed = np.where(seen, order.freed[place], 1.0)  # unseen: all from the shorter one
            count = _find(order.keys, keys)
            counted = np.where(count >= 0, order.counts[count], 0.0)
            p[n - 1 :] = (counted + freed * p[n - 1 :]) / total
            contexts = _mix(keys)[:-1]
        return p


def cross_entropy(
    training: Symbols, held_out: Symbols, vocabulary_size: int, order: int = 6
) -> float:
    """Nats per symbol of a Kneser-Ney model of ``training`` on ``held_out``."""
    model = KneserNey(training, vocabulary_size, order)
    return float(-np.log(model.probabilities(held_out)).mean())


def _keys(contexts: Keys, symbols: Symbols) -> Keys:
    return (contexts << np.uint64(SYMBOL_BITS)) | symbols.astype(np.uint64)


def _mix(keys: Keys) -> Keys:
    """48 bits of hash (the finaliser of SplitMix64, Steele, Lea and Flood, 2014)."""
    z = keys + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))) >> np.uint64(SYMBOL_BITS)


def _count(keys: Keys, grams: Keys, symbols: Symbols, n: int, *, last: bool) -> _Order:
    unique, raw = _runs(np.sort(keys))
    counts = raw.astype(np.float64)
    if not last:
        # A shorter n-gram counts once for every symbol it was seen after, not once for every
        # time: "Francisco" is frequent, but only after "San".
        preceded = np.unique(_keys(grams[1:], symbols[: len(grams) - 1]))
        hashes, kinds = _runs(preceded >> np.uint64(SYMBOL_BITS))
        place = _find(hashes, _mix(unique))
        counts = np.where(place >= 0, kinds[place], 1).astype(np.float64)  # the very first: once
    contexts, sizes = _runs(unique >> np.uint64(SYMBOL_BITS))
    groups = np.repeat(np.arange(len(contexts)), sizes)
    discounted = counts - _discounts(counts)
    totals: Floats = np.bincount(groups, counts).astype(np.float64)  # a float64 already
    kept: Floats = np.bincount(groups, discounted).astype(np.float64)
    return _Order(unique, discounted, contexts, totals, totals - kept)


def _discounts(counts: Floats) -> Floats:
    """What is taken from each count: by Chen and Goodman's estimate for counts 1, 2 and more."""
    n1, n2, n3, n4 = (float(np.count_nonzero(counts == times)) for times in (1, 2, 3, 4))
    y = n1 / (n1 + 2 * n2) if n1 else 0.5
    taken = np.array(
        [
            0.0,
            1 - 2 * y * n2 / n1 if n1 else 0.5,
            2 - 3 * y * n3 / n2 if n2 else 1.0,
            3 - 4 * y * n4 / n3 if n3 else 1.5,
        ]
    )
    # Tiny texts have no such counts to estimate from; something must stay, something must go.
    taken = np.clip(taken, [0.0, 0.05, 0.05, 0.05], [0.0, 0.95, 1.9, 2.9])
    discounts: Floats = taken[np.minimum(counts, 3).astype(np.intp)]
    return discounts


def _runs(ordered: Keys) -> tuple[Keys, NDArray[np.intp]]:
    """Distinct values of a sorted array and how often each stands there."""
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    starts = starts[: len(ordered)]
    return ordered[starts], np.diff(starts, append=len(ordered))


def _find(ordered: Keys, wanted: Keys) -> NDArray[np.intp]:
    """Position of each wanted key, -1 where there is none."""
    if len(ordered) == 0:
        return np.full(len(wanted), -1)
    place = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return np.where(ordered[place] == wanted, place, -1)
