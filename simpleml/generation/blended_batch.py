"""The rows of many texts that several models write together, stepped as one batch.

Each member model has a batch of its own in which every text has its rows. A symbol of the union of
the vocabularies is read by each member in its own way: as one symbol of its own, as several, or not
at all. A member that has read all there is for it is held until the others have; then the
distributions are mixed by the text's weights, and the text is ready.

It is to its caller what a Batch is. It knows nothing of sampling or of requests.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simpleml.generation.batch import Batch, Slot
from simpleml.models.weights import Float32Array


@dataclass(frozen=True)
class Reading:
    """How one member reads the union of the vocabularies, and writes into it."""

    symbols: tuple[tuple[int, ...], ...]
    """For each of the V symbols of the union, the member's own that it reads instead."""
    written: NDArray[np.int64]
    """(N,) indices of the member's symbols that the union has."""
    places: NDArray[np.int64]
    """(N,) where the union has them."""

    def read(self, indices: Sequence[int]) -> list[int]:
        """The member's symbols for some of the union's."""
        return [own for index in indices for own in self.symbols[index]]


@dataclass
class _Text:
    """One text's part in each member's batch."""

    weights: Float32Array  # (M,)
    parts: list[Slot]
    unread: list[deque[int]]

    def is_level(self) -> bool:
        """Whether every member has read all that was written."""
        return not any(self.unread) and not any(part.reading for part in self.parts)


class BlendedBatch:
    """Up to any number of texts of the same members; the M members are in the same order always."""

    def __init__(self, members: Sequence[tuple[Batch, Reading]], vocabulary_size: int) -> None:
        """Make an empty batch of the members' empty batches; V is `vocabulary_size`."""
        self.wide = True
        self.slots: list[Slot] = []
        self._members = members
        self._texts: dict[Slot, _Text] = {}
        self._vocabulary_size = vocabulary_size

    def join(self, seed: Sequence[int], weights: Float32Array) -> Slot:
        """Add a text.

        Args:
            seed: indices of the union; may be empty.
            weights: (M,) how much each member counts; they sum to 1.
        """
        slot = Slot(list(seed) or [self._vocabulary_size], index=len(self.slots))
        parts: list[Slot] = []
        try:
            for batch, reading in self._members:
                parts.append(batch.join(reading.read(seed)))
        except BaseException:  # no memory for more rows: no batch may have one that others lack
            for (batch, _), part in zip(self._members, parts, strict=False):
                batch.leave(part)
            raise
        self._texts[slot] = _Text(weights, parts, [deque() for _ in parts])
        self.slots.append(slot)
        return slot

    def leave(self, slot: Slot) -> None:
        """Take a text out; the last one moves into its place, here as in every member's batch."""
        for (batch, _), part in zip(self._members, self._texts.pop(slot).parts, strict=True):
            batch.leave(part)
        last = self.slots.pop()
        if last is not slot:
            last.index = slot.index
            self.slots[slot.index] = last
        slot.index = -1

    def step(self, symbols: Sequence[int]) -> Float32Array:
        """Feed every text its next symbol and return the mixed distributions after it.

        Args:
            symbols: one index of the union per text, as for Batch.step: looked at where the text
                is `ready`, so that the symbol was drawn since.

        Returns:
            (S, V) probabilities. Those of a text that is not `ready` mean nothing: a member is
            reading its seed, or the rest of a symbol.
        """
        texts = [self._texts[slot] for slot in self.slots]
        for slot, text in zip(self.slots, texts, strict=True):
            if slot.ready:
                for unread, (_, reading) in zip(text.unread, self._members, strict=True):
                    unread.extend(reading.symbols[symbols[slot.index]])
        mixed = np.zeros((len(texts), self._vocabulary_size), np.float32)
        weights = np.array([text.weights for text in texts])  # (S, M)
        for number, (batch, reading) in enumerate(self._members):
            batch.wide = self.wide
            _advance(batch, [(text.parts[number], text.unread[number]) for text in texts])
            own = batch.probabilities[:, reading.written]  # (S, N)
            mixed[:, reading.places] += weights[:, number, None] * own
        for slot, text in zip(self.slots, texts, strict=True):
            slot.ready = text.is_level()
            if slot.ready:
                slot.read = len(slot.seed)
        return mixed


def _advance(batch: Batch, texts: Sequence[tuple[Slot, deque[int]]]) -> None:
    """One step of a member, if any text has something for it; `texts` in the order of its slots."""
    waiting = [(part, unread) for part, unread in texts if unread and not part.reading]
    held = [part for part, unread in texts if not unread and not part.reading]
    if len(held) == len(texts):
        return
    symbols = [unread[0] if unread else 0 for _, unread in texts]
    batch.step(symbols, held)
    for part, unread in waiting:
        if part.ready:  # else its windows come later, and the symbol is fed then
            unread.popleft()
