"""What is dropped during one chunk, drawn on the host so that every backend drops the same."""

from __future__ import annotations

import numpy as np

from simpleml.training.options import TrainingOptions
from simpleml.training.recurrent import Array, Masks, NetworkShape
from simpleml.training.streams import Chunks


def draw_masks(
    options: TrainingOptions, shape: NetworkShape, chunks: Chunks, random: np.random.Generator
) -> tuple[Array, Masks]:
    """Draw for one chunk of B rows and T steps.

    Args:
        options: with ``dropout`` and ``weight_drop`` settled.
        shape: L layers of H units.
        chunks: of B rows and T steps.
        random: the source of every draw.

    Returns:
        Which rows keep their state, (B, 1) float32 of zeros and ones by the state-reset
        probability, and the masks of the outputs (L, T, B, H) and weights (L, H, 4H).
    """
    assert options.dropout is not None and options.weight_drop is not None
    reset = 1.0 if options.recipe == "windows" else options.reset
    keep = (random.random((chunks.rows, 1)) >= reset).astype(np.float32)
    layers, units = shape.layers, shape.units
    size = (layers, chunks.steps, chunks.rows, units)
    outputs, output_scale = _drop(options.dropout, size, random)
    weights, weight_scale = _drop(options.weight_drop, (layers, units, 4 * units), random)
    return keep, Masks(outputs, weights, output_scale, weight_scale)


def _drop(
    share: float, size: tuple[int, ...], random: np.random.Generator
) -> tuple[Array | None, float]:
    """(what is kept, bool; its scale) for dropout of ``share``, to the nearest 1/256."""
    threshold = round(share * 256)
    if not threshold:
        return None, 1.0
    kept = random.integers(0, 256, size, np.uint8) >= threshold  # bytes are drawn fastest
    return kept, 256.0 / (256.0 - threshold)
