"""The training text as chunks: B streams that run on, or TFLearn's overlapping windows.

Both give one epoch's chunks in an order that depends only on (random state, epoch), so that a run
can be taken up again at any chunk.

Letters: N symbols of text, B rows, T time steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simpleml.training.options import TrainingOptions
from simpleml.training.recurrent import Array


class Chunks(Protocol):
    """An epoch's training chunks: ``count`` of them, each (tokens (T, B), targets (T or 1, B))."""

    rows: int
    steps: int
    count: int
    targets: int  # symbols predicted in one

    def begin(self, random: np.random.Generator) -> None:
        """Draw what differs from epoch to epoch."""

    def chunk(self, number: int) -> tuple[Array, Array]:
        """Chunk ``number`` of the epoch, int32."""


@dataclass
class StreamChunks:
    """B equal streams through the text, chunk after chunk, each row going on where it stopped.

    The streams start elsewhere in each epoch (the text taken as a ring), so that no symbol is
    always the first of its chunk. A text too short for B rows of T steps gets fewer rows, then
    fewer steps.
    """

    text: Array  # (N,) int32
    rows: int
    steps: int
    start: int = 0

    def __post_init__(self) -> None:
        length = len(self.text)
        self.rows = max(1, min(self.rows, length // (2 * self.steps)))
        self.steps = max(1, min(self.steps, length // (2 * self.rows)))
        self.targets = self.rows * self.steps
        self.count = max(1, length // self.targets)

    def begin(self, random: np.random.Generator) -> None:
        """Draw where this epoch's streams start."""
        self.start = int(random.integers(len(self.text)))

    def chunk(self, number: int) -> tuple[Array, Array]:
        """Inputs (T, B) and targets (T, B), int32."""
        length = len(self.text)
        starts = self.start + np.arange(self.rows) * (length // self.rows) + number * self.steps
        places = (starts[None, :] + np.arange(self.steps + 1)[:, None]) % length  # (T+1, B)
        block = self.text[places]
        return block[:-1], block[1:]


@dataclass
class WindowChunks:
    """TFLearn's semi-redundant windows: T symbols every ``stride`` symbols, the next as target."""

    text: Array  # (N,) int32
    rows: int
    steps: int
    stride: int

    def __post_init__(self) -> None:
        self.steps = max(1, min(self.steps, len(self.text) - 1))
        self.starts = np.arange(0, len(self.text) - self.steps, self.stride)
        self.rows = max(1, min(self.rows, len(self.starts)))
        self.count = len(self.starts) // self.rows
        self.targets = self.rows
        self.order = np.arange(len(self.starts))

    def begin(self, random: np.random.Generator) -> None:
        """Draw this epoch's order."""
        self.order = random.permutation(len(self.starts))

    def chunk(self, number: int) -> tuple[Array, Array]:
        """Inputs (T, B) and targets (1, B), int32."""
        picked = self.starts[self.order[number * self.rows : (number + 1) * self.rows]]
        block = self.text[picked[None, :] + np.arange(self.steps + 1)[:, None]]  # (T+1, B)
        return block[:-1], block[-1:]


def make_chunks(text: Array, options: TrainingOptions) -> Chunks:
    """The chunks of the recipe.

    Args:
        text: (N,) int32.
        options: with the batch size settled.
    """
    assert options.batch_size is not None
    if options.recipe == "windows":
        return WindowChunks(text, options.batch_size, options.seq_maxlen, options.redun_step)
    return StreamChunks(text, options.batch_size, options.steps)
