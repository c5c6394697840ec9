"""Training on TensorFlow: the recurrence with its own gradient, and the compiled steps.

On a CPU Keras' LSTM leaves most of the machine idle: T small products for the weights' gradient,
the input's projection inside the loop, and products that are too small for several threads. Here
the loop is unrolled in the graph and holds one product per direction and step; everything else is
done for all steps at once, and the rows are cut into one shard per core, each core running its own
(``prepare`` gives every operation one thread).
"""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tf

from simpleml.training import learner, machine, optimizer
from simpleml.training.learner import LearnerOptions, LearnerState
from simpleml.training.recurrent import Array, Masks, NetworkShape, Tensor, project

READ_EVERY = 20 if tf.config.list_physical_devices("GPU") else 1
"""Updates between two readings of the loss: each waits for the device."""


def prepare() -> None:
    """Settle threads for a CPU; must run before TensorFlow's first operation, else does nothing."""
    if on_gpu():
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(_cores())
    except RuntimeError:
        return  # already running: as correct, only slower


def on_gpu() -> bool:
    """Whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def default_shards() -> int:
    """Independent parts to cut a chunk's rows into."""
    return 1 if on_gpu() else _cores()


def best_precision() -> str:
    """The computing dtype that this machine is fastest with."""
    return "bfloat16" if machine.has_bfloat16(on_gpu()) else "float32"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def lstm(
    inputs: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor, hidden: Tensor, cell: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """One layer over a chunk, as ``recurrent.Lstm`` says."""
    projected = project(inputs, kernel, bias)  # (T, B, 4H)
    outputs, last_cell = _lstm(projected, recurrent, hidden, cell)
    return outputs, tf.cast(outputs[-1], tf.float32), last_cell


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _lstm(projected: Tensor, recurrent: Tensor, hidden: Tensor, cell: Tensor) -> Any:
    steps, rows, units = projected.shape[0], projected.shape[1], recurrent.shape[0]
    dtype = projected.dtype
    hidden = tf.cast(hidden, dtype)
    start_hidden, start_cell = hidden, cell
    # Per step: h, c, tanh(c), sigmoid of i and f, j, o; kept in float32 but for h.
    kept: list[list[Tensor]] = [[], [], [], [], [], []]
    for step in tf.unstack(tf.cast(projected, tf.float32), num=steps):
        gates = tf.cast(tf.matmul(hidden, recurrent), tf.float32) + step  # (B, 4H)
        both, j, o = tf.split(gates, [2 * units, units, units], axis=1)
        both, j, o = tf.sigmoid(both), tf.tanh(j), tf.sigmoid(o)
        i, f = tf.split(both, 2, axis=1)
        cell = f * cell + i * j  # (B, H)
        squashed = tf.tanh(cell)
        hidden = tf.cast(o * squashed, dtype)
        for column, value in zip(kept, (hidden, cell, squashed, both, j, o), strict=True):
            column.append(value)
    hiddens, cells, squashed, both, j, o = (tf.stack(column) for column in kept)  # (T, B, ·)

    def gradient(d_outputs: Tensor, d_cell: Tensor) -> tuple[Tensor, ...]:
        # What does not depend on the recursion is computed for all steps at once.
        i, f = tf.split(both, 2, axis=2)
        before = tf.concat([start_cell[None], cells[:-1]], axis=0)
        to_output = squashed * o * (1 - o)
        to_cell = o * (1 - squashed * squashed)
        to_rest = tf.concat([j * i * (1 - i), before * f * (1 - f), i * (1 - j * j)], axis=2)
        to_rest = tf.reshape(to_rest, (steps, rows, 3, units))
        per_step = [
            tf.unstack(value, num=steps)
            for value in (to_rest, to_output, to_cell, f, tf.cast(d_outputs, tf.float32))
        ]
        transposed = tf.transpose(recurrent)  # (4H, H), once instead of at each step
        d_hidden = None
        d_gates = []
        for rest, out, through, forget, d_output in reversed(list(zip(*per_step, strict=True))):
            d_hidden = d_output if d_hidden is None else d_output + tf.cast(d_hidden, tf.float32)
            d_cell = d_cell + d_hidden * through
            d_rest = tf.reshape(d_cell[:, None] * rest, (rows, 3 * units))
            d_gate = tf.cast(tf.concat([d_rest, d_hidden * out], axis=1), dtype)  # (B, 4H)
            d_gates.append(d_gate)
            d_cell = d_cell * forget
            d_hidden = tf.matmul(d_gate, transposed)
        d_projected = tf.stack(d_gates[::-1])  # (T, B, 4H)
        previous = tf.concat([start_hidden[None], hiddens[:-1]], axis=0)
        d_recurrent = tf.matmul(  # one product for all steps
            tf.reshape(previous, (-1, units)),
            tf.reshape(d_projected, (-1, 4 * units)),
            transpose_a=True,
        )
        return d_projected, d_recurrent, tf.zeros_like(cell), tf.zeros_like(cell)

    return (hiddens, cell), gradient


class Learner:
    """Parameters, optimiser and carried state on the device, and the steps that change them."""

    def __init__(self, shape: NetworkShape, options: LearnerOptions, state: LearnerState) -> None:
        self.shape, self.options = shape, options
        self.updates = state.updates
        self._groups = [
            [tf.Variable(value, trainable=False) for value in group] for group in state.groups
        ]
        self._carried = [tf.constant(value) for value in state.carried]
        self._step = tf.function(self._training_step, autograph=False)
        self._losses = tf.function(self._evaluation_step, autograph=False)
        self._update = tf.function(self._apply, autograph=False, jit_compile=True)

    def train(
        self,
        tokens: Array,
        targets: Array,
        keep: Array,
        masks: Masks,
        learning_rate: float,
        average_decay: float,
    ) -> Any:
        """One update; returns the chunk's mean loss in nats, as something ``float`` can read.

        ``keep`` (B, 1) float32 is 0 where a row starts from the zero state.
        """
        self.updates += 1
        options = self.options.optimizer
        loss, self._carried = self._step(
            tf.constant(tokens),
            tf.constant(targets),
            self._carried,
            tf.constant(keep),
            None if masks.outputs is None else tf.constant(masks.outputs),
            None if masks.recurrent is None else tf.constant(masks.recurrent),
            [
                tf.constant(value, tf.float32)
                for value in (
                    masks.output_scale,
                    masks.recurrent_scale,
                    *optimizer.step_numbers(self.updates, learning_rate, average_decay, options),
                )
            ],
        )
        return loss

    def losses(
        self, tokens: Array, targets: Array, state: list[Any], averaged: bool = True
    ) -> tuple[Array, list[Any]]:
        """Losses in nats per target (T or 1, B) and the state after, with the averaged weights."""
        values, after = self._losses(
            tf.constant(tokens),
            tf.constant(targets),
            [tf.constant(value) for value in state],
            averaged,
        )
        return values.numpy(), after

    def reset(self) -> None:
        """Carry zero states into the next chunk."""
        self._carried = [tf.zeros_like(value) for value in self._carried]

    def parameters(self, averaged: bool = True) -> list[Array]:
        """The parameters on the host, averaged or as they are."""
        return [value.numpy() for value in self._groups[3 if averaged else 0]]

    def set_average(self, parameters: list[Array]) -> None:
        """Put other weights in the place of the averaged ones, to measure them."""
        for variable, value in zip(self._groups[3], parameters, strict=True):
            variable.assign(value)

    def state(self) -> LearnerState:
        """A copy of everything on the host, to be saved."""
        groups = [[value.numpy() for value in group] for group in self._groups]
        return LearnerState.of(groups, [value.numpy() for value in self._carried], self.updates)

    def _training_step(
        self,
        tokens: Tensor,
        targets: Tensor,
        carried: list[Tensor],
        keep: Tensor,
        outputs: Tensor | None,
        recurrent_mask: Tensor | None,
        numbers: list[Tensor],
    ) -> tuple[Tensor, list[Tensor]]:
        values = self._groups[0]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            loss, after = learner.chunk_loss(
                [tf.convert_to_tensor(value) for value in values],
                tokens,
                targets,
                [value * keep for value in carried],
                Masks(outputs, recurrent_mask, *numbers[:2]),
                self.shape,
                self.options,
                lstm,
            )
        gradients = [tf.convert_to_tensor(value) for value in tape.gradient(loss, values)]
        self._update(gradients, numbers[2:])
        return loss, after

    def _apply(self, gradients: list[Tensor], numbers: list[Tensor]) -> None:
        new = optimizer.adamw(self._groups, gradients, numbers, self.options.optimizer)
        for group, values in zip(self._groups, new, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)

    def _evaluation_step(
        self, tokens: Tensor, targets: Tensor, state: list[Tensor], averaged: bool
    ) -> tuple[Tensor, list[Tensor]]:
        group = self._groups[3 if averaged else 0]
        return learner.chunk_losses(
            [tf.convert_to_tensor(value) for value in group],
            tokens,
            targets,
            state,
            self.shape,
            self.options,
            lstm,
        )
