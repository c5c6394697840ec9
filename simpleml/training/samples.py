"""A sample of what a network writes, in plain NumPy: to look at while it trains.

Serving has its own fast generator; this one needs nothing but the parameters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simpleml.errors import SimpleMLError
from simpleml.training.material import Material
from simpleml.training.recurrent import Array, NetworkShape, numpy_step, zero_state

SAMPLE_LENGTH = 200  # symbols


def sample_rows(
    parameters: Sequence[Array],
    shape: NetworkShape,
    seeds: Array,
    length: int,
    temperature: float,
    random: np.random.Generator,
    never: int | None = None,
) -> Array:
    """Continue each of ``seeds`` (B, T) by ``length`` indices (B, length), the state carried on.

    ``never`` is an index that is not to be drawn (the unknown word).
    """
    state = zero_state(shape, len(seeds))
    for column in seeds.T:
        scores = numpy_step(parameters, shape, column, state)  # (B, V)
    written = np.empty((len(seeds), length), np.int64)
    for step in range(length):
        scaled = scores.astype(np.float64) / temperature
        if never is not None:
            scaled[:, never] = -np.inf
        weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        sums = weights.cumsum(axis=1)
        # choice() of NumPy's Generator draws so: the first sum above a uniform number
        drawn = random.random(len(seeds))[:, None] * sums[:, -1:]
        written[:, step] = (sums <= drawn).sum(axis=1).clip(max=weights.shape[1] - 1)
        scores = numpy_step(parameters, shape, written[:, step], state)
    return written


def sample_text(
    parameters: Sequence[Array],
    shape: NetworkShape,
    material: Material,
    seed_text: str,
    temperature: float,
) -> str:
    """What a network writes after ``seed_text``, always drawn with the same numbers."""
    vocabulary = material.vocabulary
    try:
        seed = vocabulary.encode(seed_text, "nearest").indices or [0]
    except SimpleMLError:
        seed = [0]
    (indices,) = sample_rows(
        parameters,
        shape,
        np.array([seed]),
        SAMPLE_LENGTH,
        temperature,
        np.random.default_rng(0),
        never=vocabulary.unknown_index,
    )
    return vocabulary.join(vocabulary.symbols[index] for index in indices)
