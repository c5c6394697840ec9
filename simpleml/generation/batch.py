"""The rows of many texts of one model, stepped together: each step every text takes one symbol.

Stateful: one row per text, its state carried on.
Window: W staggered rows per text, W being the model's window. Every symbol goes to all W; the row
that has then seen exactly W symbols from a zero state gives the distribution TFLearn would compute,
is reset and becomes the youngest. All texts of a batch share the turn of the rows. A text that
joins reads its seed on rows of its own (window_reader.py): its first distribution in the step after
it joined, its other windows before the one after that, or a few steps later where many join at
once: nobody waits for more than one group's windows.

Texts join and leave between steps, and none of them can tell who was beside it. It knows nothing
of sampling, of requests or of threads: its caller owns it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simpleml.generation.network import CHUNK_ROWS, RowStates, StepNetwork
from simpleml.generation.window_reader import WindowReader
from simpleml.models.weights import Float32Array

_SMALLEST_CAPACITY = 1


@dataclass(eq=False)
class Slot:
    """One text's place in a batch."""

    seed: Sequence[int]
    """Indices still to be read before the first distribution; V stands for no symbol."""
    read: int = 0
    """How many of them were fed."""
    ready: bool = False
    """Whether the last step gave it a distribution."""
    index: int = field(default=-1, repr=False)
    """Its position in the batch; changes when others leave."""

    @property
    def reading(self) -> bool:
        """Whether some of the seed is still to be fed."""
        return self.read < len(self.seed)


class TextBatch(Protocol):
    """What Batch and BlendedBatch offer besides `join`."""

    slots: list[Slot]
    wide: bool
    """Whether its steps take all of a network's threads, or the one that calls; may be changed
    between steps."""

    def leave(self, slot: Slot) -> None:
        """Take a text out; the last one moves into its place."""

    def step(self, symbols: Sequence[int]) -> Float32Array:
        """Feed every text its next symbol and return the (S, V) distributions after it."""


class Batch:
    """Up to any number of texts of one network in one mode."""

    def __init__(self, network: StepNetwork, window: int | None) -> None:
        """Make an empty batch; `window` is W, or None for stateful mode."""
        self.network = network
        self.window = window
        self.wide = True
        self.slots: list[Slot] = []
        self._youngest = None if window is None or window == 1 else network.after_one_symbol
        self._rows_each = (window or 1) - (self._youngest is not None)
        self._turn = 0  # in window mode: the row of the oldest window
        self._reader = None if window is None else WindowReader(network, window)
        self._unread: list[Slot] = []  # in window mode: joined since the last step
        self._behind: list[Slot] = []  # in window mode: have had their first distribution only
        self._capacity = 0
        self._calls: dict[tuple[int, int, int, bool], list[Callable[[], None]]] = {}
        self._parity = 0  # which of the two state buffers is read next
        self._states: RowStates
        self._other_states: RowStates
        self._symbols: NDArray[np.int64]  # (capacity * rows each,), what the network reads
        self._next: NDArray[np.int64]  # (capacity,), one for each text
        self._probabilities: Float32Array  # (capacity, V)
        self._outputs: list[NDArray[np.int64]]
        self._allocate(_SMALLEST_CAPACITY)

    def __len__(self) -> int:
        return len(self.slots)

    def join(self, seed: Sequence[int]) -> Slot:
        """Add a text that starts from `seed` (indices; may be empty).

        In window mode the last W symbols count and a shorter seed has null symbols before it.
        In stateful mode an empty seed reads one null symbol.
        """
        null = self.network.null_symbol
        if self.window is None:
            symbols = list(seed) or [null]
        else:
            symbols = list(seed[-self.window :])
            symbols = [null] * (self.window - len(symbols)) + symbols
        if len(self.slots) == self._capacity:
            self._allocate(2 * self._capacity)
        slot = Slot(symbols, index=len(self.slots))
        self.slots.append(slot)
        if self.window is None:
            self._states.clear(self._rows_of(slot.index))
        else:
            self._unread.append(slot)
        return slot

    def leave(self, slot: Slot) -> None:
        """Take a text out; the last one moves into its place."""
        last = self.slots.pop()
        if last is not slot:
            self._states.copy_rows(self._rows_of(last.index), self._rows_of(slot.index))
            self._probabilities[slot.index] = self._probabilities[last.index]
            last.index = slot.index
            self.slots[slot.index] = last
        slot.index = -1

    @property
    def probabilities(self) -> Float32Array:
        """What the last step returned, its rows in the order that the texts have now."""
        return self._probabilities[: len(self.slots)]

    def step(self, symbols: Sequence[int], held: Sequence[Slot] = ()) -> Float32Array:
        """Feed every text its next symbol and return the distributions after it.

        Args:
            symbols: one index per text in the order of `slots`: the last one drawn for it. That
                of a text which has had no distribution yet is not looked at.
            held: texts that have had one and take no symbol in this step: their states and their
                distributions stay as they are.

        Returns:
            (S, V) probabilities, overwritten by the next step. Those of a text that is not
            `ready` mean nothing: it is still reading its seed.
        """
        if not held:
            self._step(symbols)
            return self.probabilities
        turn, parity = self._turn, self._parity
        rows = [slot.index for slot in held]
        kept = self._probabilities[rows]
        self._step(symbols)
        self._probabilities[rows] = kept
        if parity != self._parity:  # rows were stepped, those of the texts held in vain
            self._restore(held, turn)
        return self.probabilities

    def _restore(self, held: Sequence[Slot], turn: int) -> None:
        """Give texts their rows of before the step, in which it was the row at `turn`'s turn."""
        by_age = np.arange(self._rows_each)
        for slot in held:
            first = slot.index * self._rows_each
            self._states.take_rows(
                first + (self._turn + by_age) % self._rows_each,
                self._other_states,
                first + (turn + by_age) % self._rows_each,
            )

    def _step(self, symbols: Sequence[int]) -> None:
        count = len(self.slots)
        if self._reader is None:
            for slot in self.slots:
                if slot.reading:
                    self._next[slot.index] = slot.seed[slot.read]
                    slot.read += 1
                else:
                    self._next[slot.index] = symbols[slot.index]
                slot.ready = not slot.reading
            self._run(count)
        else:
            self._reader.wide = self.wide
            unread = [slot for slot in self._unread if slot.index >= 0]
            self._catch_up(self._reader)
            for slot in (*self._behind, *unread):
                slot.ready = False
            # Rows of the others among these are stepped in vain; their windows come later.
            running = 1 + max((slot.index for slot in self.slots if slot.ready), default=-1)
            if running:
                self._next[:running] = symbols[:running]
                self._step_windows(running)
            if unread:
                first = self._reader.first([slot.seed for slot in unread])
                self._probabilities[[slot.index for slot in unread]] = first
                for slot in unread:
                    slot.read = len(slot.seed)
                    slot.ready = True
            self._unread = []
            self._behind += unread

    def _step_windows(self, count: int) -> None:
        """Feed the first `count` texts' symbols to all their rows."""
        each = self._rows_each
        self._symbols[: count * each].reshape(count, each)[:] = self._next[:count, None]
        oldest = slice(self._turn, count * each, each)
        if self._youngest is None:  # the row that was the oldest begins anew; the next one is it
            self._states.clear(oldest)
            self._turn = (self._turn + 1) % each
            self._run(count)
            return
        self._run(count)
        # Read to its end, the oldest row becomes the youngest window, which has seen one symbol.
        self._states.take_rows(oldest, self._youngest, self._next[:count])
        self._turn = (self._turn + 1) % each

    def _run(self, count: int) -> None:
        for call in self._prepared(count):
            self.network.run(call)
        self._states, self._other_states = self._other_states, self._states
        self._parity ^= 1

    def _catch_up(self, reader: WindowReader) -> None:
        """Bring one group of those that have had their first distribution level with the others."""
        behind = [slot for slot in self._behind if slot.index >= 0]
        group, self._behind = behind[: reader.most_texts], behind[reader.most_texts :]
        if not group:
            return
        each = self._rows_each
        # Where the youngest window has a row of its own, that one is reset in the next step.
        by_age = (self._turn + np.arange(self._youngest is None, each)) % each
        states = reader.staggered([slot.seed for slot in group])
        for number, slot in enumerate(group):
            slot.ready = True
            self._states.take_rows(
                slot.index * each + by_age, states, slice(number, None, len(group))
            )

    def _rows_of(self, index: int) -> slice:
        return slice(index * self._rows_each, (index + 1) * self._rows_each)

    def _allocate(self, capacity: int) -> None:
        rows = capacity * self._rows_each
        states, other = self.network.new_states(rows), self.network.new_states(rows)
        if self._capacity:
            used = slice(0, self._capacity * self._rows_each)
            for old, new in zip(
                (*self._states.cells, *self._states.hiddens),
                (*states.cells, *states.hiddens),
                strict=True,
            ):
                new[used] = old
        self._states, self._other_states = states, other
        self._parity = 0
        self._symbols = np.zeros(rows, np.int64)
        # Stateful: the rows' symbols are the texts' symbols, in the same memory.
        self._next = self._symbols if self._rows_each == 1 else np.zeros(capacity, np.int64)
        probabilities = np.zeros((capacity, self.network.vocabulary_size), np.float32)
        if self._capacity:
            probabilities[: self._capacity] = self._probabilities
        self._probabilities = probabilities
        per_call = max(1, CHUNK_ROWS // self._rows_each)
        # For each turn, which row of every text in a call has its distribution read.
        starts = np.arange(min(capacity, per_call), dtype=np.int64) * self._rows_each
        self._outputs = [starts + turn for turn in range(self._rows_each)]
        self._calls.clear()
        self._capacity = capacity

    def _prepared(self, count: int) -> list[Callable[[], None]]:
        """The native calls of a step with `count` texts; made once for each memory layout."""
        key = (self._parity, self._turn, count, self.wide)
        calls = self._calls.get(key)
        if calls is None:
            if len(self._calls) > 4096:
                self._calls.clear()
            calls = self._calls[key] = list(self._prepare(count))
        return calls

    def _prepare(self, count: int) -> list[Callable[[], None]]:
        each = self._rows_each
        per_call = max(1, CHUNK_ROWS // each)
        calls = []
        for start in range(0, count, per_call):
            stop = min(count, start + per_call)
            rows = slice(start * each, stop * each)
            call = self.network.bind(
                self._states,
                self._other_states,
                rows,
                self._symbols[rows],
                self._outputs[self._turn][: stop - start],
                self._probabilities[start:stop],
                wide=self.wide,
            )
            calls.append(call)
        return calls
