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
    state = zero_state(shape, 1)
    written: list[int] = []
    scores = np.zeros(shape.vocabulary, np.float32)
    for index in seed:
        scores = numpy_step(parameters, shape, np.array([index]), state)[0]
    for _ in range(length):
        scaled = scores.astype(np.float64) / temperature
        if never is not None:
            scaled[never] = -np.inf
        weights = np.exp(scaled - scaled.max())
        written.append(int(random.choice(len(weights), p=weights / weights.sum())))
        scores = numpy_step(parameters, shape, np.array(written[-1:]), state)[0]
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
    indices = sample(
        parameters,
        shape,
        seed,
        SAMPLE_LENGTH,
        temperature,
        np.random.default_rng(0),
        never=vocabulary.unknown_index,
    )
    return vocabulary.join(vocabulary.symbols[index] for index in indices)
