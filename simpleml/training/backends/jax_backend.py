"""Training on JAX: the recurrence as ``lax.scan`` with its own gradient, and the compiled steps."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from simpleml.training import learner, machine, optimizer
from simpleml.training.learner import LearnerOptions, LearnerState
from simpleml.training.recurrent import Array, Masks, NetworkShape, Tensor, project

READ_EVERY = 1 if jax.default_backend() == "cpu" else 20
"""Updates between two readings of the loss: each waits for the device, which costs a GPU time."""


def prepare() -> None:
    """Nothing: XLA finds its threads."""


def on_gpu() -> bool:
    """Whether JAX computes on a GPU (or TPU)."""
    return bool(jax.default_backend() != "cpu")


def default_shards() -> int:
    """Independent parts to cut a chunk's rows into; XLA spreads one product well enough."""
    return 1


def best_precision() -> str:
    """bfloat16 on accelerators; XLA's products on a CPU are faster in float32."""
    return "bfloat16" if machine.has_bfloat16(on_gpu()) and on_gpu() else "float32"


def lstm(
    inputs: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor, hidden: Tensor, cell: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """One layer over a chunk, as ``recurrent.Lstm`` says."""
    projected = project(inputs, kernel, bias)  # (T, B, 4H)
    outputs, last_cell = _lstm(projected, recurrent, hidden, cell)
    return outputs, outputs[-1].astype(jnp.float32), last_cell


@jax.custom_vjp  # type: ignore[untyped-decorator]
def _lstm(projected: Tensor, recurrent: Tensor, hidden: Tensor, cell: Tensor) -> Any:
    (outputs, last_cell), _ = _forward(projected, recurrent, hidden, cell)
    return outputs, last_cell


def _forward(projected: Tensor, recurrent: Tensor, hidden: Tensor, cell: Tensor) -> Any:
    dtype = projected.dtype

    def step(state: tuple[Tensor, Tensor], x: Tensor) -> Any:
        h, c = state
        gates = (h @ recurrent).astype(jnp.float32) + x.astype(jnp.float32)  # (B, 4H)
        i, f, j, o = jnp.split(gates, 4, axis=1)
        i, f, o, j = jax.nn.sigmoid(i), jax.nn.sigmoid(f), jax.nn.sigmoid(o), jnp.tanh(j)
        new = f * c + i * j
        squashed = jnp.tanh(new)
        h = (o * squashed).astype(dtype)
        return (h, new), (h, c, squashed, i, f, j, o)

    start = hidden.astype(dtype)
    (_, last_cell), kept = jax.lax.scan(step, (start, cell), projected)
    return (kept[0], last_cell), (start, recurrent, *kept)


def _backward(kept: Any, gradients: tuple[Tensor, Tensor]) -> Any:
    start, recurrent, hiddens, before, squashed, i, f, j, o = kept
    d_outputs, d_last_cell = gradients
    dtype, units = hiddens.dtype, recurrent.shape[0]
    # What does not depend on the recursion is computed for all steps at once.
    to_output = squashed * o * (1 - o)
    to_cell = o * (1 - squashed * squashed)
    to_rest = jnp.stack([j * i * (1 - i), before * f * (1 - f), i * (1 - j * j)], axis=2)
    transposed = recurrent.T

    def step(state: tuple[Tensor, Tensor], at: Any) -> Any:
        d_hidden, d_cell = state
        d_output, rest, out, through, forget = at
        d_hidden = d_output.astype(jnp.float32) + d_hidden
        d_cell = d_cell + d_hidden * through
        d_rest = (d_cell[:, None] * rest).reshape(d_cell.shape[0], 3 * units)
        d_gate = jnp.concatenate([d_rest, d_hidden * out], axis=1).astype(dtype)  # (B, 4H)
        return ((d_gate @ transposed).astype(jnp.float32), d_cell * forget), d_gate

    zero = jnp.zeros_like(d_last_cell)
    _, d_projected = jax.lax.scan(
        step, (zero, d_last_cell), (d_outputs, to_rest, to_output, to_cell, f), reverse=True
    )
    previous = jnp.concatenate([start[None], hiddens[:-1]])
    d_recurrent = previous.reshape(-1, units).T @ d_projected.reshape(-1, 4 * units)
    return d_projected, d_recurrent, zero, zero  # truncated: nothing flows into the state


_lstm.defvjp(_forward, _backward)


class Learner:
    """Parameters, optimiser and carried state on the device, and the steps that change them.

    As ``tensorflow_backend.Learner``.
    """

    def __init__(self, shape: NetworkShape, options: LearnerOptions, state: LearnerState) -> None:
        self.shape, self.options = shape, options
        self.updates = state.updates
        self._groups: tuple[list[Tensor], ...] = tuple(
            [jnp.asarray(value) for value in group] for group in state.groups
        )
        self._carried = [jnp.asarray(value) for value in state.carried]
        self._step = jax.jit(partial(_training_step, shape, options), donate_argnums=0)
        self._losses = jax.jit(partial(_evaluation_step, shape, options))

    def train(
        self,
        tokens: Array,
        targets: Array,
        keep: Array,
        masks: Masks,
        learning_rate: float,
        average_decay: float,
    ) -> Any:
        """One update; returns the chunk's mean loss in nats, as something ``float`` can read."""
        self.updates += 1
        options = self.options.optimizer
        numbers = [
            np.float32(value)
            for value in (
                masks.output_scale,
                masks.recurrent_scale,
                *optimizer.step_numbers(self.updates, learning_rate, average_decay, options),
            )
        ]
        self._groups, loss, self._carried = self._step(
            self._groups,
            self._carried,
            tokens,
            targets,
            keep,
            masks.outputs,
            masks.recurrent,
            numbers,
        )
        return loss

    def losses(
        self, tokens: Array, targets: Array, state: list[Any], averaged: bool = True
    ) -> tuple[Array, list[Any]]:
        """Losses in nats per target (T or 1, B) and the state after, with the averaged weights."""
        values, after = self._losses(self._groups[3 if averaged else 0], tokens, targets, state)
        return np.asarray(values), after

    def reset(self) -> None:
        """Carry zero states into the next chunk."""
        self._carried = [jnp.zeros_like(value) for value in self._carried]

    def parameters(self, averaged: bool = True) -> list[Array]:
        """The parameters on the host, averaged or as they are."""
        return [np.array(value) for value in self._groups[3 if averaged else 0]]

    def set_average(self, parameters: list[Array]) -> None:
        """Put other weights in the place of the averaged ones, to measure them."""
        self._groups = (*self._groups[:3], [jnp.asarray(value) for value in parameters])

    def state(self) -> LearnerState:
        """A copy of everything on the host, to be saved."""
        groups = [[np.array(value) for value in group] for group in self._groups]
        return LearnerState.of(groups, [np.array(value) for value in self._carried], self.updates)


def _training_step(
    shape: NetworkShape,
    options: LearnerOptions,
    groups: tuple[list[Tensor], ...],
    carried: list[Tensor],
    tokens: Tensor,
    targets: Tensor,
    keep: Tensor,
    outputs: Tensor | None,
    recurrent_mask: Tensor | None,
    numbers: list[Tensor],
) -> tuple[tuple[list[Tensor], ...], Tensor, list[Tensor]]:
    state = [value * keep for value in carried]

    def loss_of(parameters: list[Tensor]) -> Any:
        return learner.chunk_loss(
            parameters,
            tokens,
            targets,
            state,
            Masks(outputs, recurrent_mask, *numbers[:2]),
            shape,
            options,
            lstm,
        )

    (loss, after), gradients = jax.value_and_grad(loss_of, has_aux=True)(groups[0])
    new = optimizer.adamw(groups, gradients, numbers[2:], options.optimizer)
    return new, loss, after


def _evaluation_step(
    shape: NetworkShape,
    options: LearnerOptions,
    parameters: list[Tensor],
    tokens: Tensor,
    targets: Tensor,
    state: list[Tensor],
) -> tuple[Tensor, list[Tensor]]:
    return learner.chunk_losses(parameters, tokens, targets, state, shape, options, lstm)
