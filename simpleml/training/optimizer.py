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
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    first: Sequence[Tensor],
    second: Sequence[Tensor],
    average: Sequence[Tensor],
    learning_rate: Tensor,
    correction1: Tensor,
    correction2: Tensor,
    average_decay: Tensor,
    options: OptimizerOptions,
) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
    """One update (Kingma and Ba, arXiv:1412.6980, algorithm 1), float32 throughout.

    ``first`` and ``second`` are the moments, ``correction1`` = 1 - beta1^t and ``correction2``
    likewise, ``average`` the averaged weights. Returns the new parameters, moments and average.
    """
    from keras import ops

    squares = [ops.sum(ops.square(gradient)) for gradient in gradients]
    norm = ops.sqrt(sum(squares[1:], squares[0]))
    scale = ops.minimum(1.0, options.clip_norm / (norm + 1e-6))
    new: tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]] = ([], [], [], [])
    for value, gradient, one, two, mean in zip(
        parameters, gradients, first, second, average, strict=True
    ):
        gradient = gradient * scale
        one = options.beta1 * one + (1.0 - options.beta1) * gradient
        two = options.beta2 * two + (1.0 - options.beta2) * ops.square(gradient)
        change = (one / correction1) / (ops.sqrt(two / correction2) + options.epsilon)
        if len(value.shape) > 1:
            change = change + options.weight_decay * value
        value = value - learning_rate * change
        mean = average_decay * mean + (1.0 - average_decay) * value
        for column, item in zip(new, (value, one, two, mean), strict=True):
            column.append(item)
    return new
