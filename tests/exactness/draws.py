"""Tell a draw that rounding decided from a defect.

NumPy's legacy multinomial draws one binomial for each symbol in turn, each from one uniform number
(numpy/random/src/legacy/legacy-distributions.c). Two programs whose probabilities agree to the last
few bits can therefore choose differently only where such a number lies on the boundary itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BOUNDARY = 1e-5


def tflearn_distribution(
    probabilities: NDArray[np.float32], temperature: float
) -> NDArray[np.float64]:
    """What TFLearn draws from, (V,): exp(log p / t) / sum, in float64."""
    a = np.log(probabilities.astype(np.float64)) / temperature
    a = np.exp(a - a.max())
    return np.asarray(a / a.sum())


def distance_to_boundary(
    distribution: NDArray[np.float64], state: np.random.RandomState, one: int, other: int
) -> float:
    """By how much a probability must change for the other symbol to be drawn.

    That is the distance of the uniform number from its boundary, or of the share from 1/2, where
    NumPy changes over from "above 1 - p" to "below p".

    Args:
        distribution: (V,) what is drawn from.
        state: as it stands before the draw; not changed.
        one: the symbol that this distribution gives.
        other: the symbol that was drawn elsewhere.
    """
    copy = np.random.RandomState()
    copy.set_state(state.get_state(legacy=False))
    left = 1.0
    for symbol in range(min(one, other) + 1):
        share = distribution[symbol] / left
        uniform = copy.random_sample()
        boundary = share if share > 0.5 else 1.0 - share
        left -= distribution[symbol]
    distance = abs(uniform - boundary)
    if (one < other) == (share > 0.5):
        distance = min(distance, abs(share - 0.5))
    return float(distance)


def first_difference(one: Sequence[str], other: Sequence[str]) -> int | None:
    """Position of the first symbol that differs, None where none does."""
    for position, (a, b) in enumerate(zip(one, other, strict=True)):
        if a != b:
            return position
    return None


def judge(
    theirs: Sequence[str],
    ours: Sequence[str],
    index: dict[str, int],
    seed_length: int,
    probabilities: NDArray[np.float32],
    temperature: float,
    numpy_seed: int,
) -> str | None:
    """Compare two texts drawn with the same NumPy seed.

    Args:
        theirs, ours: symbols, the seed first.
        probabilities: (symbols drawn, V) TFLearn's own, for each prefix of its text.

    Returns:
        None where they are the same or part at a draw on a boundary; else what is wrong.
    """
    at = first_difference(theirs, ours)
    if at is None:
        return None
    if at < seed_length:
        return f"the seeds differ at {at}"
    state = np.random.RandomState(numpy_seed)
    for row in range(at - seed_length):
        state.multinomial(1, tflearn_distribution(probabilities[row], temperature))
    distance = distance_to_boundary(
        tflearn_distribution(probabilities[at - seed_length], temperature),
        state,
        index[theirs[at]],
        index[ours[at]],
    )
    if distance < BOUNDARY:
        return None
    return (
        f"at {at} TFLearn drew {theirs[at]!r}, we {ours[at]!r}, and the uniform number was "
        f"{distance:.2g} from the boundary"
    )
