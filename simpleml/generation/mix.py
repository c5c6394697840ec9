"""Mixes: how much each of several models counts, and how one is written in a line.

    {"shakespeare": 0.7, "contes": 0.3}
    contes:0.3+shakespeare:0.7     the blend's name, wherever a model's name may stand
    shakespeare:0.7,contes:0.3     in an address: ?mix=

Weights count relative to each other: 7 and 3 are the same mix. It knows nothing of models.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from simpleml.errors import InvalidValueError

MOST_MEMBERS = 4
LARGEST_WEIGHT = 1e6


def is_mix(name: str) -> bool:
    """Whether a name is a blend's: no model's has these signs."""
    return ":" in name or "+" in name


def parse_mix(text: str) -> dict[str, float]:
    """Read NAME:WEIGHT, several joined by + or commas; a name alone has the weight 1.

    White space joins too: it is what + becomes in a query.

    Raises:
        InvalidValueError: as `checked_mix`.
    """
    pairs: list[tuple[str, Any]] = []
    for part in re.split(r"\s*[+,]\s*|\s+", text.strip()):
        name, colon, weight = part.partition(":")
        try:
            pairs.append((name, float(weight) if colon else 1.0))
        except ValueError:
            pairs.append((name, weight))
    return checked_mix(pairs)


def checked_mix(pairs: Iterable[tuple[str, Any]]) -> dict[str, float]:
    """The mix with weights that sum to 1, in the order of the names.

    Raises:
        InvalidValueError: no model, one twice or too many of them, a weight that is none, or
            weights that sum to 0.
    """
    mix: dict[str, float] = {}
    for name, weight in pairs:
        if not name:
            raise InvalidValueError("a model's name is missing", param="mix")
        if name in mix:
            raise InvalidValueError(f"{_shown(name)} is named twice", param="mix")
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not number or not 0 <= weight <= LARGEST_WEIGHT:  # NaN is not
            raise InvalidValueError(
                f"the weight of {_shown(name)} is {_shown(weight)}; it must be a number from 0 to "
                f"{LARGEST_WEIGHT:.0f}",
                param="mix",
            )
        mix[name] = float(weight)
    if not 1 <= len(mix) <= MOST_MEMBERS:
        raise InvalidValueError(
            f"it names {len(mix)} models; 1 to {MOST_MEMBERS} can be blended", param="mix"
        )
    total = math.fsum(mix.values())
    if total == 0:
        raise InvalidValueError("the weights sum to 0; one must be more than 0", param="mix")
    if abs(total - 1) < 1e-9:  # what was divided once is left alone
        total = 1.0
    return {name: mix[name] / total for name in sorted(mix)}


def mix_name(mix: Mapping[str, float]) -> str:
    """The blend's name; read again, it is the same mix."""
    return "+".join(f"{name}:{weight!r}" for name, weight in mix.items())


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + "…"
