"""From a softmax output to the next symbol: pure functions, randomness passed in.

With a temperature alone the arithmetic is TFLearn's (tflearn/models/generator.py, _sample):
a = log(p) / temperature, exp(a) / sum(exp(a)) in float64, then one multinomial draw. The maximum is
subtracted before exp, which changes nothing but that small temperatures do not overflow.

Order of the rest (vLLM's): bias and penalties, temperature, min_p, top_k, top_p.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simpleml.models.weights import Float32Array

Float64Array = NDArray[np.float64]

REPETITION_SPAN = 64
"""Symbols that repetition_penalty looks back over. A whole text would hold every letter."""
_SMALLEST_FLOAT32 = np.finfo(np.float32).tiny


def bounded(
    default: Any, low: float, high: float, *, above: bool = False, whole: bool = False
) -> Any:
    """A field for numbers, perhaps `whole` ones, from `low`, or `above` it, to `high`.

    Its bounds stand here alone: GenerationOptions checks them, parameters of HTTP and pages take
    them from the field's metadata.
    """
    bounds = {"low": low, "high": high, "above": above, "whole": whole}
    return field(default=default, metadata=bounds)


@dataclass(frozen=True)
class SamplingOptions:
    """How a symbol is drawn; the defaults change nothing but the temperature."""

    temperature: float = bounded(0.5, 0, 10**6)
    """0 takes the likeliest, 1 the network's own distribution, more is wilder."""
    top_k: int = bounded(0, 0, 2**31, whole=True)
    """Keep the k likeliest symbols; 0 keeps all."""
    top_p: float = bounded(1.0, 0, 1, above=True)
    """Keep the likeliest symbols that together reach this probability."""
    min_p: float = bounded(0.0, 0, 1)
    """Drop symbols less likely than this part of the likeliest one's probability."""
    repetition_penalty: float = bounded(1.0, 0, 100, above=True)
    """Multiplies log p of symbols among the last REPETITION_SPAN, seed included; > 1 avoids."""
    presence_penalty: float = bounded(0.0, -2, 2)
    """Subtracted from log p of every symbol already generated."""
    frequency_penalty: float = bounded(0.0, -2, 2)
    """Subtracted from log p once for each time the symbol was generated."""
    logit_bias: tuple[tuple[int, float], ...] = ()
    """(index, bias) pairs added to log p; -100 bans, 100 all but forces."""

    @property
    def plain(self) -> bool:
        """Whether temperature is all there is, so that many rows can be computed at once."""
        return (
            self.top_k == 0
            and self.top_p >= 1.0
            and self.min_p <= 0.0
            and self.repetition_penalty == 1.0
            and self.presence_penalty == 0.0
            and self.frequency_penalty == 0.0
            and not self.logit_bias
        )


def log_probabilities(probabilities: Float32Array) -> Float64Array:
    """Logarithms in float64, (…, V); a denormal float32 counts as 0, as it does in TensorFlow."""
    exact = np.where(probabilities < _SMALLEST_FLOAT32, 0.0, probabilities).astype(np.float64)
    with np.errstate(divide="ignore"):
        return np.log(exact)


def with_temperature(log_p: Float64Array, temperature: float | Float64Array) -> Float64Array:
    """TFLearn's distribution at a temperature > 0; (…, V) → (…, V), each row sums to 1."""
    # The maximum goes first: a denormal temperature would make infinities of both.
    scaled: Float64Array = log_p - log_p.max(axis=-1, keepdims=True)
    with np.errstate(over="ignore"):  # to minus infinity, which exp makes 0
        scaled /= temperature
    np.exp(scaled, out=scaled)
    scaled /= scaled.sum(axis=-1, keepdims=True)
    return scaled


def penalised(
    log_p: Float64Array,
    options: SamplingOptions,
    recent: Sequence[int],
    counts: Mapping[int, int],
) -> Float64Array:
    """The logarithms of the probabilities, (V,), after bias and penalties.

    Args:
        log_p: (V,) float64.
        options: bias and penalties.
        recent: indices of the last symbols, seed included (for repetition_penalty).
        counts: how often each index was generated (for presence and frequency penalties).
    """
    log_p = log_p.copy()
    for index, bias in options.logit_bias:
        log_p[index] += bias
    if options.repetition_penalty != 1.0 and recent:
        seen = sorted(set(recent))
        log_p[seen] *= options.repetition_penalty
    if options.presence_penalty or options.frequency_penalty:
        for index, count in counts.items():
            log_p[index] -= options.presence_penalty + options.frequency_penalty * count
    return log_p


def truncated(probabilities: Float64Array, options: SamplingOptions) -> Float64Array:
    """Apply min_p, top_k and top_p to one distribution (V,), which sums to 1 again after.

    The likeliest symbol always stays. Among equals the lower index comes first.
    """
    kept = probabilities.copy()
    if options.min_p > 0.0:
        kept[kept < options.min_p * kept.max()] = 0.0
    if 0 < options.top_k < len(kept) or options.top_p < 1.0:
        order = np.argsort(-kept, kind="stable")
        keep = len(kept)
        if options.top_k:
            keep = min(keep, options.top_k)
        if options.top_p < 1.0:
            reached = np.cumsum(kept[order] / kept.sum())
            keep = min(keep, int(np.searchsorted(reached, options.top_p)) + 1)
        kept[order[keep:]] = 0.0
    kept /= kept.sum()
    return kept
