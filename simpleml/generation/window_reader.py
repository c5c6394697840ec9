"""Reading a seed in window mode, apart from the texts that are being generated already.

A text needs its first distribution soon and the states of its other windows a step later:

    first      one row for each text takes the W symbols of its window: W small steps
    staggered  the windows that begin at the 2nd, 3rd, … symbol, together: row j sets off at step j

Among the rows of a busy batch the same would take W steps of W rows for each text in it. Rows are
bit for bit the same either way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from simpleml.generation.network import CHUNK_ROWS, RowStates, StepNetwork
from simpleml.models.weights import Float32Array


class WindowReader:
    """Reads windows of one network; whoever calls it owns it."""

    def __init__(self, network: StepNetwork, window: int) -> None:
        self.network = network
        self.window = window
        self.wide = True
        """Whether its steps take all of the network's threads."""
        self.most_texts = max(1, CHUNK_ROWS // max(1, window - 1))
        """So many texts at a time go through `staggered`, so that their rows stay in the cache."""
        self._prepared: dict[tuple[int, int], _Rows] = {}

    def first(self, seeds: Sequence[Sequence[int]]) -> Float32Array:
        """The distributions after windows of W symbols each: (N, V)."""
        count = len(seeds)
        rows = self._rows(count, 1)
        rows.clear()
        for symbols in np.array(seeds, np.int64).T:  # (N,)
            rows.step(symbols, 1, self.wide)
        return rows.probabilities

    def staggered(self, seeds: Sequence[Sequence[int]]) -> RowStates:
        """The states of all windows but the oldest, after the last symbol of each seed.

        Args:
            seeds: N texts of W symbols, of which the first belongs to the oldest window alone.

        Returns:
            Rows j·N + i: the window of text i that began at its symbol j + 1, for j < W - 1.
            Overwritten by the next call.
        """
        count = len(seeds)
        rows = self._rows(count, self.window - 1)
        rows.clear()
        for number, symbols in enumerate(np.array(seeds, np.int64).T[1:]):
            rows.step(symbols, number + 1, self.wide)
        return rows.states

    def _rows(self, texts: int, windows: int) -> _Rows:
        """Memory and native calls; kept for one text at a time, the usual case."""
        rows = self._prepared.get((texts, windows))
        if rows is None:
            rows = _Rows(self.network, texts, windows)
            if texts == 1:
                self._prepared[texts, windows] = rows
        return rows


class _Rows:
    """`windows` blocks of one row for each text; a step runs the first blocks of them."""

    def __init__(self, network: StepNetwork, texts: int, windows: int) -> None:
        capacity = texts * windows
        self.states, self._other = network.new_states(capacity), network.new_states(capacity)
        self.probabilities = np.zeros((texts, network.vocabulary_size), np.float32)
        self._network = network
        self._texts = texts
        self._symbols: NDArray[np.int64] = np.zeros((windows, texts), np.int64)
        self._outputs = np.arange(texts, dtype=np.int64)  # of the first block
        self._parity = 0
        self._steps: dict[tuple[int, int, bool], Callable[[], None]] = {}

    def clear(self) -> None:
        self.states.clear(slice(None))
        self._other.clear(slice(None))

    def step(self, symbols: NDArray[np.int64], blocks: int, wide: bool) -> None:
        """Feed each text's symbol (N,) to its rows in the first `blocks` blocks."""
        self._symbols[:blocks] = symbols
        key = (self._parity, blocks, wide)
        step = self._steps.get(key)
        if step is None:
            count = blocks * self._texts
            step = self._steps[key] = self._network.bind(
                self.states,
                self._other,
                slice(0, count),
                self._symbols.reshape(-1)[:count],
                self._outputs,
                self.probabilities,
                wide=wide,
            )
        self._network.run(step)
        self.states, self._other = self._other, self.states
        self._parity ^= 1
