"""A sample of what a network writes, in plain NumPy: to look at while it trains.

Serving has its own fast generator; this one needs nothing but the parameters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simpleml.training.recurrent import Array, NetworkShape, zero_state


def sample(
    parameters: Sequence[Array],
    shape: NetworkShape,
    seed: Sequence[int],
    length: int,
    temperature: float,
    random: np.random.Generator,
    never: int | None = None,
) -> list[int]:
    """Continue ``seed`` (at least one index) by ``length`` indices, the state carried on.

    ``never`` is an index that is not to be drawn (the unknown word).
    """
    state = [value[0] for value in zero_state(shape, 1)]  # 2L x (H,)
    written: list[int] = []
    scores = np.zeros(shape.vocabulary, np.float32)
    for index in seed:
        scores = _step(parameters, shape, index, state)
    for _ in range(length):
        scaled = scores.astype(np.float64) / temperature
        if never is not None:
            scaled[never] = -np.inf
        weights = np.exp(scaled - scaled.max())
        written.append(int(random.choice(len(weights), p=weights / weights.sum())))
        scores = _step(parameters, shape, written[-1], state)
    return written


def _step(
    parameters: Sequence[Array], shape: NetworkShape, index: int, state: list[Array]
) -> Array:
    """Feed one symbol, changing ``state``; returns the logits (V,)."""
    inputs: Array | None = None
    for layer in range(shape.layers):
        kernel, recurrent, bias = parameters[3 * layer : 3 * layer + 3]
        projected = kernel[index] if inputs is None else inputs @ kernel
        gates = projected + state[2 * layer] @ recurrent + bias  # (4H,)
        i, f, j, o = np.split(gates, 4)
        cell = _sigmoid(f) * state[2 * layer + 1] + _sigmoid(i) * np.tanh(j)
        inputs = _sigmoid(o) * np.tanh(cell)  # (H,)
        state[2 * layer], state[2 * layer + 1] = inputs, cell
    result: Array = inputs @ parameters[-2] + parameters[-1]
    return result


def _sigmoid(values: Array) -> Array:
    return 0.5 * np.tanh(0.5 * values) + 0.5
