"""Nats per symbol on held-out text, in the two ways a model is used when it generates.

Stateful: one sweep over the text, the state carried on. Window: each symbol predicted from a zero
state and the T symbols before it alone, as TFLearn's ``generate`` does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simpleml.training.recurrent import Array, zero_state

OVERLAP = 512
"""Symbols that a part of the sweep reads before its own, to arrive there with the state that the
whole sweep would have: the loss after 512 symbols of context no longer depends on what was before
(measured difference below 1e-4)."""


@dataclass(frozen=True)
class Evaluation:
    """Mean loss over ``symbols`` predictions."""

    nats: float
    symbols: int

    @property
    def bits(self) -> float:
        """Bits per symbol."""
        return self.nats / math.log(2)


def stateful_losses(learner: Any, piece: Array, rows: int, steps: int) -> Array:
    """Losses (N-1,) float32 of a sweep over a contiguous ``piece`` (N,), the first symbol given.

    The piece is cut in ``rows`` parts swept side by side, each begun ``OVERLAP`` symbols early.
    """
    targets = len(piece) - 1
    if targets < 1:
        return np.zeros(0, np.float32)
    part = max(1, math.ceil(targets / rows))
    chunks = math.ceil((part + OVERLAP) / steps)
    own = np.arange(rows) * part  # first target of each part
    begin = own + part - chunks * steps  # a whole number of chunks, ending with the part
    begin = np.maximum(begin, 0)  # the first parts begin at the text itself
    none = learner.shape.vocabulary  # "no symbol"
    padded = np.full(targets + 1 + (chunks + 1) * steps + part * rows, none, np.int32)
    padded[: targets + 1] = piece
    losses = np.zeros(targets, np.float32)
    state: list[Any] = zero_state(learner.shape, rows)
    for chunk in range(chunks):
        places = begin[None, :] + chunk * steps + np.arange(steps + 1)[:, None]  # (T+1, B)
        block = padded[places]
        answers = np.where(block[1:] == none, 0, block[1:])
        values, state = learner.losses(block[:-1], answers, state)
        mine = (places[:-1] >= own) & (places[:-1] < np.minimum(own + part, targets))
        losses[places[:-1][mine]] = values[mine]
    return losses


def window_losses(learner: Any, piece: Array, window: int, positions: Array, rows: int) -> Array:
    """Losses of the symbols at ``positions`` (each at least ``window``) from the window before."""
    losses = np.zeros(len(positions), np.float32)
    state = zero_state(learner.shape, rows)
    for first in range(0, len(positions), rows):
        picked = positions[first : first + rows]
        filled = np.resize(picked, rows)  # the last batch is filled up, its surplus ignored
        places = filled[None, :] - window + np.arange(window + 1)[:, None]  # (window+1, B)
        block = piece[places]
        values, _ = learner.losses(block[:-1], block[-1:], state)
        losses[first : first + len(picked)] = values[0, : len(picked)]
    return losses


def evaluate_stateful(
    learner: Any, pieces: Sequence[Array], rows: int = 64, steps: int = 64
) -> Evaluation:
    """Mean loss of a stateful sweep over each of the contiguous ``pieces``."""
    losses = np.concatenate([stateful_losses(learner, piece, rows, steps) for piece in pieces])
    return Evaluation(float(losses.mean(dtype=np.float64)), len(losses))


def evaluate_windows(
    learner: Any, pieces: Sequence[Array], window: int, sample: int = 5_000
) -> Evaluation:
    """Mean loss from windows alone, at about ``sample`` evenly spread positions."""
    every = max(1, sum(len(piece) for piece in pieces) // sample)
    losses = []
    for piece in pieces:
        length = min(window, len(piece) - 1)
        positions = np.arange(length, len(piece), every)
        losses.append(window_losses(learner, piece, length, positions, rows=256))
    joined = np.concatenate(losses)
    return Evaluation(float(joined.mean(dtype=np.float64)), len(joined))


def evaluate_both(
    learner: Any,
    pieces: Sequence[Array],
    window: int,
    random: np.random.Generator,
    sample: int = 20_000,
    rows: int = 64,
    steps: int = 64,
) -> tuple[Evaluation, Evaluation]:
    """(stateful, window) on the same held-out text.

    Windows cost ``window`` steps a symbol, so they are run for ``sample`` positions only and the
    mean of the paired differences is added to the stateful mean over all positions: the difference
    scatters far less than the loss itself (standard error about 0.003 nats at 20,000).
    """
    every, differences = [], []
    total = sum(len(piece) for piece in pieces)
    for piece in pieces:
        losses = stateful_losses(learner, piece, rows, steps)
        every.append(losses)
        candidates = np.arange(window, len(piece))
        wanted = math.ceil(sample * len(piece) / total)
        if len(candidates) > wanted:
            candidates = np.sort(random.choice(candidates, wanted, replace=False))
        if len(candidates):
            alone = window_losses(learner, piece, window, candidates, rows=256)
            differences.append(alone - losses[candidates - 1])
    losses = np.concatenate(every)
    nats = float(losses.mean(dtype=np.float64))
    shift = float(np.concatenate(differences).mean(dtype=np.float64)) if differences else 0.0
    return Evaluation(nats, len(losses)), Evaluation(nats + shift, sum(map(len, differences)))
