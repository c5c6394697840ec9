"""The seam between the training loop and what computes, and what all backends' learners share.

The loop, the evaluation and the samples know a :class:`Learner` and a :class:`Backend`, no more.
:class:`DeviceLearner` is what the backends' learners have in common; ``chunk_loss`` and
``chunk_losses`` are the arithmetic that they compile or run.

A shard is a set of rows computed independently of the others. On a CPU one thread per shard beats
several threads on one product by far (oneDNN's parallel products of 64 rows are too small: 2 cores
reached 230 GFLOP/s together and 510 apart).

Letters: B rows, T time steps, V vocabulary, H units, L layers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, SupportsFloat

import numpy as np

from simpleml.training import recurrent
from simpleml.training.optimizer import Groups, OptimizerOptions, StepNumbers, step_numbers
from simpleml.training.options import TrainingOptions
from simpleml.training.recurrent import Array, Lstm, Masks, NetworkShape, State, Tensor


@dataclass(frozen=True)
class LearnerOptions:
    """How to compute.

    Attributes:
        precision: "float32" or "bfloat16", of products and outputs; sums stay float32.
        shards: independent parts that a chunk's rows are cut into.
        last_step_only: True for the loss of the last time step alone (TFLearn's recipe).
        optimizer: constants of the update.
    """

    precision: str = "float32"
    shards: int = 1
    last_step_only: bool = False
    optimizer: OptimizerOptions = OptimizerOptions()


@dataclass
class LearnerState:
    """Everything that training changes, as float32 arrays on the host.

    Attributes:
        groups: of each parameter its value, both moments and its moving average.
        carried: h and c of each layer, 2L arrays (B, H).
        updates: how many were made.
    """

    groups: Groups
    carried: list[Array]
    updates: int = 0

    @classmethod
    def fresh(cls, parameters: Sequence[Array], carried: Sequence[Array]) -> LearnerState:
        """The state before the first update: moments at zero, the average at the parameters."""
        groups = Groups(
            parameters=list(parameters),
            first_moment=[np.zeros_like(value) for value in parameters],
            second_moment=[np.zeros_like(value) for value in parameters],
            average=[value.copy() for value in parameters],
        )
        return cls(groups, list(carried))


class Learner(Protocol):
    """A network that learns, wherever its numbers are."""

    shape: NetworkShape
    updates: int

    def train(
        self,
        tokens: Array,
        targets: Array,
        keep: Array,
        masks: Masks,
        learning_rate: float,
        average_decay: float,
    ) -> SupportsFloat:
        """Make one update, going on from the carried state.

        Args:
            tokens: (T, B) int32, below V.
            targets: (T, B) int32; (1, B) for the loss of the last step only.
            keep: (B, 1) float32, 0 where a row starts from the zero state.
            masks: what is dropped.
            learning_rate: of this update.
            average_decay: of the moving average of the parameters, 0 to 1.

        Returns:
            The chunk's mean loss in nats, as something ``float`` can read; reading it may wait for
            the device.
        """

    def losses(
        self, tokens: Array, targets: Array, state: State, averaged: bool = True
    ) -> tuple[Array, State]:
        """Judge a chunk, nothing dropped; the carried state is not touched.

        Args:
            tokens: (T, B) int32, below V, or V for no symbol.
            targets: (T, B) or (1, B) int32.
            state: 2L arrays (B, H) float32, of NumPy or from an earlier call.
            averaged: with the moving average of the parameters, not the parameters.

        Returns:
            Losses in nats, float32 in the targets' shape, and the state after the chunk.
        """

    def reset(self) -> None:
        """Carry zero states into the next chunk."""

    def parameters(self, averaged: bool = True) -> list[Array]:
        """The parameters on the host, averaged or as they are, float32."""

    def set_average(self, parameters: Sequence[Array]) -> None:
        """Put other weights in the place of the averaged ones, to measure them."""

    def state(self) -> LearnerState:
        """A copy of everything on the host, to be saved."""


class Backend(Protocol):
    """What a module of ``simpleml.training.backends`` holds."""

    @property
    def READ_EVERY(self) -> int:
        """Updates between two readings of the loss: each waits for the device."""

    @property
    def Learner(self) -> Callable[[NetworkShape, LearnerOptions, LearnerState], Learner]:
        """Puts a state on the device, ready to learn."""

    def prepare(self) -> None:
        """Settle threads; called before anything is computed."""

    def on_gpu(self) -> bool:
        """Whether it computes on a GPU."""

    def default_shards(self) -> int:
        """Independent parts to cut a chunk's rows into."""

    def best_precision(self) -> str:
        """The computing dtype that this machine is fastest with: "float32" or "bfloat16"."""


def learner_options(options: TrainingOptions, backend: Backend) -> LearnerOptions:
    """What the options of a training mean for its learner on a backend."""
    precision = options.precision
    if precision == "auto":
        precision = backend.best_precision()
    windows = options.recipe == "windows"
    return LearnerOptions(
        precision=precision,
        shards=backend.default_shards(),
        last_step_only=windows,
        optimizer=OptimizerOptions(
            beta2=0.999 if windows else 0.99,
            weight_decay=options.weight_decay or 0.0,
            clip_norm=5.0 if windows else 1.0,
        ),
    )


class DeviceLearner(ABC):
    """A :class:`Learner` but for the steps themselves: what goes to the device and comes back.

    Args:
        shape: sizes of the network.
        options: how to compute.
        state: where to begin; copied.
    """

    def __init__(self, shape: NetworkShape, options: LearnerOptions, state: LearnerState) -> None:
        self.shape, self.options = shape, options
        self.updates = state.updates
        self._groups = Groups(*([self._variable(value) for value in g] for g in state.groups))
        self._carried: State = [self._tensor(value) for value in state.carried]

    def train(
        self,
        tokens: Array,
        targets: Array,
        keep: Array,
        masks: Masks,
        learning_rate: float,
        average_decay: float,
    ) -> SupportsFloat:
        """See :meth:`Learner.train`."""
        self.updates += 1
        outputs = None if masks.outputs is None else self._tensor(masks.outputs)
        weights = None if masks.recurrent is None else self._tensor(masks.recurrent)
        loss, self._carried = self._train(
            self._tensor(tokens),
            self._tensor(targets),
            self._tensor(keep),
            Masks(outputs, weights, masks.output_scale, masks.recurrent_scale),
            step_numbers(self.updates, learning_rate, average_decay, self.options.optimizer),
        )
        return loss

    def losses(
        self, tokens: Array, targets: Array, state: State, averaged: bool = True
    ) -> tuple[Array, State]:
        """See :meth:`Learner.losses`."""
        values, after = self._judge(
            self._tensor(tokens),
            self._tensor(targets),
            [self._tensor(value) for value in state],
            averaged,
        )
        return self._host(values), after

    def reset(self) -> None:
        """See :meth:`Learner.reset`."""
        self._carried = [self._tensor(np.zeros(value.shape, np.float32)) for value in self._carried]

    def parameters(self, averaged: bool = True) -> list[Array]:
        """See :meth:`Learner.parameters`."""
        return [self._host(value) for value in self._weights(averaged)]

    def set_average(self, parameters: Sequence[Array]) -> None:
        """See :meth:`Learner.set_average`."""
        for variable, value in zip(self._groups.average, parameters, strict=True):
            self._assign(variable, value)

    def state(self) -> LearnerState:
        """See :meth:`Learner.state`."""
        groups = Groups(*([self._host(value) for value in group] for group in self._groups))
        return LearnerState(groups, [self._host(value) for value in self._carried], self.updates)

    def _weights(self, averaged: bool) -> list[Tensor]:
        return self._groups.average if averaged else self._groups.parameters

    @abstractmethod
    def _train(
        self, tokens: Tensor, targets: Tensor, keep: Tensor, masks: Masks, numbers: StepNumbers
    ) -> tuple[SupportsFloat, State]:
        """One update of ``_groups``; returns the mean loss and the state to carry on."""

    @abstractmethod
    def _judge(
        self, tokens: Tensor, targets: Tensor, state: State, averaged: bool
    ) -> tuple[Tensor, State]:
        """Losses without dropout, and the state after."""

    @abstractmethod
    def _variable(self, value: Array) -> Tensor:
        """A copy on the device that may be changed in place."""

    @abstractmethod
    def _assign(self, variable: Tensor, value: Array) -> None:
        """Change a variable in place."""

    @abstractmethod
    def _tensor(self, value: Any) -> Tensor:
        """An array on the device; what is there already stays as it is."""

    @abstractmethod
    def _host(self, value: Tensor) -> Array:
        """A copy on the host."""


def chunk_loss(
    parameters: Sequence[Tensor],
    tokens: Tensor,
    targets: Tensor,
    state: State,
    masks: Masks,
    shape: NetworkShape,
    options: LearnerOptions,
    lstm: Lstm,
) -> tuple[Tensor, State]:
    """Mean loss of a training chunk in nats, and the carried state after it.

    ``tokens`` (T, B) int32; ``targets`` (T, B) or, for the last step only, (1, B).
    """
    cast = recurrent.cast_parameters(parameters, shape, options.precision, masks)
    rows = tokens.shape[1]
    total, states = None, []
    for part in shards_of(rows, options.shards):
        loss, after = shard_loss(cast, part, tokens, targets, state, masks, shape, options, lstm)
        total = loss if total is None else total + loss
        states.append(after)
    return total / (targets.shape[0] * rows), join(states)


def shard_loss(
    cast: Sequence[Tensor],
    part: slice,
    tokens: Tensor,
    targets: Tensor,
    state: State,
    masks: Masks,
    shape: NetworkShape,
    options: LearnerOptions,
    lstm: Lstm,
) -> tuple[Tensor, State]:
    """The sum of the losses of some rows of a training chunk, and their state after it.

    Args:
        cast: from ``recurrent.cast_parameters``.
        part: of the B rows.
        tokens: (T, B) int32.
        targets: (T, B) or, for the last step only, (1, B).
        state: 2L arrays (B, H).
        masks: what is dropped, of all rows.
        shape: sizes of the network.
        options: how to compute.
        lstm: the backend's recurrence of one layer.
    """
    hidden, after = recurrent.forward(
        cast, tokens[:, part], [value[part] for value in state], masks.rows(part), shape, lstm
    )
    return _sum_of_losses(cast, hidden, targets[:, part], shape, options), after


def chunk_losses(
    parameters: Sequence[Tensor],
    tokens: Tensor,
    targets: Tensor,
    state: State,
    shape: NetworkShape,
    options: LearnerOptions,
    lstm: Lstm,
) -> tuple[Tensor, State]:
    """Losses in nats without dropout, and the state after: targets (T or 1, B) → (T or 1, B)."""
    from keras import ops

    cast = recurrent.cast_parameters(parameters, shape, options.precision, None)
    parts, states = [], []
    for part in shards_of(tokens.shape[1], options.shards):
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
    return ops.concatenate(parts, axis=1), join(states)


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


def shards_of(rows: int, shards: int) -> list[slice]:
    """Parts of so many rows, as large as each other."""
    shards = max(1, min(shards, rows))
    edges = [rows * number // shards for number in range(shards + 1)]
    return [slice(start, end) for start, end in pairwise(edges)]


def join(states: list[State]) -> State:
    """The states of parts as one."""
    from keras import ops

    if len(states) == 1:
        return states[0]
    return [ops.concatenate(values, axis=0) for values in zip(*states, strict=True)]
