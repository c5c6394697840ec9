"""AdamW with global-norm clipping and an exponential moving average of the weights.

One function of arrays, in ``keras.ops``; the backends compile it into their training step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

Tensor = Any


class Groups(NamedTuple):
    """What is kept of the parameters, each a list in the parameters' order and shapes, float32."""

    parameters: list[Tensor]
    first_moment: list[Tensor]
    second_moment: list[Tensor]
    average: list[Tensor]  # moving average of the parameters


class StepNumbers(NamedTuple):
    """What an update wants to know of its step.

    The corrections make up for both moments' start at zero.
    """

    learning_rate: float | Tensor
    correction1: float | Tensor
    correction2: float | Tensor
    average_decay: float | Tensor


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
    groups: Groups,
    gradients: Sequence[Tensor],
    numbers: StepNumbers,
    options: OptimizerOptions,
) -> Groups:
    """One update (Kingma and Ba, arXiv:1412.6980, algorithm 1), float32 throughout.

    Args:
        groups: as they are; not changed.
        gradients: of the parameters, in their order and shapes.
        numbers: from :func:`step_numbers`.
        options: constants of the update.

    Returns:
        The groups after the update.
    """
    from keras import ops

    squares = [ops.sum(ops.square(gradient)) for gradient in gradients]
    norm = ops.sqrt(sum(squares[1:], squares[0]))
    scale = ops.minimum(1.0, options.clip_norm / (norm + 1e-6))
    new = Groups([], [], [], [])
    for gradient, value, one, two, mean in zip(gradients, *groups, strict=True):
        clipped = gradient * scale
        first = options.beta1 * one + (1.0 - options.beta1) * clipped
        second = options.beta2 * two + (1.0 - options.beta2) * ops.square(clipped)
        change = (first / numbers.correction1) / (
            ops.sqrt(second / numbers.correction2) + options.epsilon
        )
        if len(value.shape) > 1:
            change = change + options.weight_decay * value
        moved = value - numbers.learning_rate * change
        averaged = numbers.average_decay * mean + (1.0 - numbers.average_decay) * moved
        for column, item in zip(new, (moved, first, second, averaged), strict=True):
            column.append(item)
    return new


def step_numbers(
    update: int, learning_rate: float, average_decay: float, options: OptimizerOptions
) -> StepNumbers:
    """The numbers of update number ``update``, counted from 1."""
    return StepNumbers(
        learning_rate,
        1.0 - options.beta1**update,
        1.0 - options.beta2**update,
        average_decay,
    )
