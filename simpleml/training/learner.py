"""What all backends' learners share: how a chunk is cut in shards, and what its loss is.

A shard is a set of rows computed independently of the others. On a CPU one thread per shard beats
several threads on one product by far (oneDNN's parallel products of 64 rows are too small: 2 cores
reached 230 GFLOP/s together and 510 apart).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simpleml.training import recurrent
from simpleml.training.optimizer import OptimizerOptions
from simpleml.training.recurrent import Array, Lstm, Masks, NetworkShape, Tensor


@dataclass(frozen=True)
class LearnerOptions:
    """How to compute: ``precision`` "float32" or "bfloat16", ``shards`` of rows, ``last_step_only``
    True for the loss of the last time step alone (TFLearn's recipe)."""

    precision: str = "float32"
    shards: int = 1
    last_step_only: bool = False
    optimizer: OptimizerOptions = OptimizerOptions()


GROUPS = ("parameters", "first", "second", "average")
"""What the optimiser keeps of each parameter, in the order in which everything holds them."""


@dataclass
class LearnerState:
    """Everything that training changes, as float32 arrays on the host; ``updates`` counts."""

    parameters: list[Array]
    first: list[Array]
    second: list[Array]
    average: list[Array]
    carried: list[Array]
    updates: int = 0

    @property
    def groups(self) -> tuple[list[Array], ...]:
        """Parameters, both moments and the average, in the order of ``GROUPS``."""
        return self.parameters, self.first, self.second, self.average

    @classmethod
    def of(cls, groups: Sequence[list[Array]], carried: list[Array], updates: int) -> LearnerState:
        """From groups in the order of ``GROUPS``."""
        parameters, first, second, average = groups
        return cls(parameters, first, second, average, carried, updates)

    @classmethod
    def fresh(cls, parameters: Sequence[Array], carried: Sequence[Array]) -> LearnerState:
        """The state before the first update."""
        return cls(
            parameters=list(parameters),
            first=[np.zeros_like(value) for value in parameters],
            second=[np.zeros_like(value) for value in parameters],
            average=[value.copy() for value in parameters],
            carried=list(carried),
        )


def chunk_loss(
    parameters: Sequence[Tensor],
    tokens: Tensor,
    targets: Tensor,
    state: Sequence[Tensor],
    masks: Masks,
    shape: NetworkShape,
    options: LearnerOptions,
    lstm: Lstm,
) -> tuple[Tensor, list[Tensor]]:
    """Mean loss of a training chunk in nats, and the carried state after it.

    ``tokens`` (T, B) int32; ``targets`` (T, B) or, for the last step only, (1, B).
    """
    cast = recurrent.cast_parameters(parameters, shape, options.precision, masks)
    rows = tokens.shape[1]
    total, states = None, []
    for part in _shards(rows, options.shards):
        hidden, after = recurrent.forward(
            cast,
            tokens[:, part],
            [value[part] for value in state],
            masks.rows(part),
            shape,
            lstm,
        )
        loss = _sum_of_losses(cast, hidden, targets[:, part], shape, options)
        total = loss if total is None else total + loss
        states.append(after)
    return total / (targets.shape[0] * rows), _join(states)


def chunk_losses(
    parameters: Sequence[Tensor],
    tokens: Tensor,
    targets: Tensor,
    state: Sequence[Tensor],
    shape: NetworkShape,
    options: LearnerOptions,
    lstm: Lstm,
) -> tuple[Tensor, list[Tensor]]:
    """Losses in nats without dropout, and the state after: targets (T or 1, B) → (T or 1, B)."""
    from keras import ops

    cast = recurrent.cast_parameters(parameters, shape, options.precision, None)
    parts, states = [], []
    for part in _shards(tokens.shape[1], options.shards):
        hidden, after = recurrent.forward(
            cast, tokens[:, part], [value[part] for value in state], None, shape, lstm
        )
        wanted = targets[:, part]
        hidden = hidden[hidden.shape[0] - wanted.shape[0] :]  # the last steps only
        scores = recurrent.logits(cast, ops.reshape(hidden, (-1, shape.units)))
        parts.append(
            ops.reshape(recurrent.losses(scores, ops.reshape(wanted, (-1,))), wanted.shape)
        )
        states.append(after)
    return ops.concatenate(parts, axis=1), _join(states)


def _sum_of_losses(
    cast: Sequence[Tensor],
    hidden: Tensor,
    targets: Tensor,
    shape: NetworkShape,
    options: LearnerOptions,
) -> Tensor:
    from keras import ops

    if options.last_step_only:
        hidden = hidden[-1:]
    scores = recurrent.logits(cast, ops.reshape(hidden, (-1, shape.units)))  # (T*B, V)
    return ops.sum(recurrent.losses(scores, ops.reshape(targets, (-1,))))


def _shards(rows: int, shards: int) -> list[slice]:
    shards = max(1, min(shards, rows))
    edges = [rows * number // shards for number in range(shards + 1)]
    return [slice(start, end) for start, end in pairwise(edges)]


def _join(states: list[list[Tensor]]) -> list[Tensor]:
    from keras import ops

    if len(states) == 1:
        return states[0]
    return [ops.concatenate(values, axis=0) for values in zip(*states, strict=True)]
