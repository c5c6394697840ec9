"""Training on TensorFlow: the recurrence with its own gradient, and the compiled steps.

On a CPU Keras' LSTM leaves most of the machine idle: T small products for the weights' gradient,
the input's projection inside the loop, and products that are too small for several threads. Here
the loop is unrolled in the graph and holds one product per direction and step; everything else is
done for all steps at once, and the rows are cut into one shard per core, each core running its own
(``prepare`` gives every operation one thread).
"""

from __future__ import annotations

from typing import Any, SupportsFloat

import numpy as np
import tensorflow as tf

from simpleml.training import learner, machine, optimizer
from simpleml.training.learner import DeviceLearner, LearnerOptions, LearnerState
from simpleml.training.optimizer import StepNumbers
from simpleml.training.recurrent import Array, Masks, NetworkShape, State, Tensor, project

READ_EVERY = 20 if tf.config.list_physical_devices("GPU") else 1
"""Updates between two readings of the loss: each waits for the device."""


def prepare() -> None:
    """Settle threads for a CPU; must run before TensorFlow's first operation, else does nothing."""
    if on_gpu():
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(machine.cores())
    except RuntimeError:
        return  # already running: as correct, only slower


def on_gpu() -> bool:
    """Whether TensorFlow sees a GPU."""
    return bool(tf.config.list_physical_devices("GPU"))


def default_shards() -> int:
    """Independent parts to cut a chunk's rows into."""
    return 1 if on_gpu() else machine.cores()


def best_precision() -> str:
    """The computing dtype that this machine is fastest with."""
    return "bfloat16" if machine.prefers_bfloat16(on_gpu()) else "float32"


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


class Learner(DeviceLearner):
    """The steps as graphs; the update (clipping, AdamW, average) is one XLA program."""

    def __init__(self, shape: NetworkShape, options: LearnerOptions, state: LearnerState) -> None:
        super().__init__(shape, options, state)
        self._training_graph = tf.function(self._training_step, autograph=False)
        self._judging_graph = tf.function(self._judging_step, autograph=False)
        self._update = tf.function(self._apply, autograph=False, jit_compile=True)

    def _train(
        self, tokens: Tensor, targets: Tensor, keep: Tensor, masks: Masks, numbers: StepNumbers
    ) -> tuple[SupportsFloat, State]:
        scales = [tf.constant(value, tf.float32) for value in masks[2:]]
        result: tuple[SupportsFloat, State] = self._training_graph(
            tokens,
            targets,
            self._carried,
            keep,
            Masks(*masks[:2], *scales),
            StepNumbers(*(tf.constant(value, tf.float32) for value in numbers)),
        )
        return result

    def _judge(
        self, tokens: Tensor, targets: Tensor, state: State, averaged: bool
    ) -> tuple[Tensor, State]:
        result: tuple[Tensor, State] = self._judging_graph(tokens, targets, state, averaged)
        return result

    def _training_step(
        self,
        tokens: Tensor,
        targets: Tensor,
        carried: State,
        keep: Tensor,
        masks: Masks,
        numbers: StepNumbers,
    ) -> tuple[Tensor, State]:
        values = self._groups.parameters
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            loss, after = learner.chunk_loss(
                [tf.convert_to_tensor(value) for value in values],
                tokens,
                targets,
                [value * keep for value in carried],
                masks,
                self.shape,
                self.options,
                lstm,
            )
        gradients = [tf.convert_to_tensor(value) for value in tape.gradient(loss, values)]
        self._update(gradients, numbers)
        return loss, after

    def _apply(self, gradients: list[Tensor], numbers: StepNumbers) -> None:
        new = optimizer.adamw(self._groups, gradients, numbers, self.options.optimizer)
        for group, values in zip(self._groups, new, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)

    def _judging_step(
        self, tokens: Tensor, targets: Tensor, state: State, averaged: bool
    ) -> tuple[Tensor, State]:
        weights = [tf.convert_to_tensor(value) for value in self._weights(averaged)]
        return learner.chunk_losses(weights, tokens, targets, state, self.shape, self.options, lstm)

    def _variable(self, value: Array) -> Tensor:
        return tf.Variable(value, trainable=False)

    def _assign(self, variable: Tensor, value: Array) -> None:
        variable.assign(value)

    def _tensor(self, value: Any) -> Tensor:
        return tf.convert_to_tensor(value)

    def _host(self, value: Tensor) -> Array:
        return np.array(value.numpy())
