"""AdamW with global-norm clipping and an exponential moving average of the weights.

One function of arrays, in ``keras.ops``; the backends compile it into their training step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Tensor = Any


@dataclass(frozen=True)
class OptimizerOptions:
    """Constants of the update.

    ``weight_decay`` is decoupled (Loshchilov and Hutter, arXiv:1711.05101) and spares biases;
    ``clip_norm`` bounds the norm of the gradient of all parameters together.
    """

    beta1: float = 0.9
    beta2: float = 0.99
    epsilon: float = 1e-8
    weight_decay: float = 0.01
    clip_norm: float = 1.0


def adamw(
    groups: Sequence[Sequence[Tensor]],
    gradients: Sequence[Tensor],
    numbers: Sequence[Tensor],
    options: OptimizerOptions,
) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
    """One update (Kingma and Ba, arXiv:1412.6980, algorithm 1), float32 throughout.

    ``groups``: the parameters, their first and second moments, their moving average, each a list
    in the parameters' order; the same comes back, new. ``numbers``: from ``step_numbers``.
    """
    from keras import ops

    learning_rate, correction1, correction2, average_decay = numbers
    squares = [ops.sum(ops.square(gradient)) for gradient in gradients]
    norm = ops.sqrt(sum(squares[1:], squares[0]))
    scale = ops.minimum(1.0, options.clip_norm / (norm + 1e-6))
    new: tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]] = ([], [], [], [])
    for gradient, value, one, two, mean in zip(gradients, *groups, strict=True):
        clipped = gradient * scale
        first = options.beta1 * one + (1.0 - options.beta1) * clipped
        second = options.beta2 * two + (1.0 - options.beta2) * ops.square(clipped)
        change = (first / correction1) / (ops.sqrt(second / correction2) + options.epsilon)
        if len(value.shape) > 1:
            change = change + options.weight_decay * value
        moved = value - learning_rate * change
        averaged = average_decay * mean + (1.0 - average_decay) * moved
        for column, item in zip(new, (moved, first, second, averaged), strict=True):
            column.append(item)
    return new


def step_numbers(
    update: int, learning_rate: float, average_decay: float, options: OptimizerOptions
) -> tuple[float, float, float, float]:
    """What ``adamw`` wants to know of the step: learning rate, the corrections of both moments'
    start at zero for update number ``update`` (from 1), decay of the average."""
    return (
        learning_rate,
        1.0 - options.beta1**update,
        1.0 - options.beta2**update,
        average_decay,
    )
