"""A model's card, ML/<name>/<name>.json, and the names that a model may have."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Any

from simpleml.errors import ArtifactError, InvalidValueError

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
RESERVED_NAMES = frozenset(
    (
        "v1", "api", "docs", "static", "livez", "readyz", "healthz", "health", "metrics",
        "openapi.json", "models", "train", "class", "score", "presentation", "learn", "favicon.ico",
        "robots.txt", "manifest.webmanifest", "worker.js", "offline",
    )
)  # fmt: skip
DEFAULT_SEQ_MAXLEN = 25
LARGEST_WINDOW = 100_000
STILL_TRAINING = "still training"
"""How metrics["note"] begins until the training's end."""


def check_name(name: str) -> str:
    """Return a model's name that is fit to be one.

    Raises:
        InvalidValueError: it has other characters than the server's addresses allow, is too
            long, or is reserved for a route.
    """
    if not NAME_PATTERN.fullmatch(name):
        shown = name if len(name) <= 40 else name[:40] + "…"
        raise InvalidValueError(
            f"{shown!r} cannot be a model's name: up to 64 letters A-Z a-z, digits, dots, "
            "underscores and hyphens, starting with a letter or digit",
            param="model",
            reason="name_characters",
            params={"name": shown},
        )
    if name in RESERVED_NAMES:
        raise InvalidValueError(
            f"{name!r} is a reserved name of the server",
            param="model",
            reason="name_reserved",
            params={"name": name},
        )
    return name


@dataclass(frozen=True)
class Card:
    """What ML/<name>/<name>.json says of a model."""

    layers: int
    """L, the number of LSTM layers."""
    units: int
    """H, units of each layer."""
    vocabulary_size: int
    """V."""
    seq_maxlen: int = DEFAULT_SEQ_MAXLEN
    """W, characters of the window in window mode."""
    level: str = "char"
    """"char" or "word" (tokens of simpleml.models.words)."""
    stateful: bool = False
    """Generate with the state carried on unless a request asks for windows."""
    lower: bool = False
    """The text was put in lower case before training."""
    unknown_symbol: str | None = None
    """Stands for rare words in training; never generated."""
    base: bool = False
    """Other models may begin from this one."""
    language: str | None = None
    """Of the text, as in BCP 47; "fr", "en"."""
    title: dict[str, str] = field(default_factory=dict)
    """What pages call it, by language: {"fr": "Contes de fées", "en": "Fairy tales"}."""
    metrics: dict[str, Any] = field(default_factory=dict)
    """Validation nats and bits per character in both modes and how they were held out."""
    corpus: dict[str, Any] = field(default_factory=dict)
    """sha256, characters, source, licence of the text; `sources` has the source by language."""
    training: dict[str, Any] = field(default_factory=dict)
    """Command, seconds, machine, versions."""
    weights_sha256: str = ""
    """NetworkWeights.sha256 of the weights beside the card."""
    notes: dict[str, Any] = field(default_factory=dict)
    """Whatever else is worth saying: samples, examples of seeds."""

    @property
    def begun_from(self) -> dict[str, Any]:
        """What the training says of its beginning: `name` of the base or None, and `why`."""
        found = self.training.get("begun_from")
        return found if isinstance(found, dict) else {}

    @property
    def finished(self) -> bool:
        """Whether its training has ended, as far as the card knows."""
        return not str(self.metrics.get("note", "")).startswith(STILL_TRAINING)

    def to_json(self) -> dict[str, Any]:
        """The fields, as <name>.json has them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: object) -> Card:
        """Check a parsed card; keys of newer versions are passed over.

        Raises:
            ArtifactError: a field is missing or has a value it cannot have.
        """
        if not isinstance(data, dict):
            raise ArtifactError("it is not a JSON object")
        known = {one.name: one for one in dataclasses.fields(cls)}
        values: dict[str, Any] = {key: value for key, value in data.items() if key in known}
        for key in ("layers", "units", "vocabulary_size", "seq_maxlen"):
            value = values.get(key, DEFAULT_SEQ_MAXLEN if key == "seq_maxlen" else None)
            if type(value) is not int or not 1 <= value <= 1_000_000:
                raise ArtifactError(f"{key} is {value!r}, not a positive number")
        expected: dict[str, tuple[type, ...]] = {
            "level": (str,), "stateful": (bool,), "lower": (bool,), "base": (bool,),
            "language": (str, type(None)), "weights_sha256": (str,), "title": (dict,),
            "metrics": (dict,), "corpus": (dict,), "training": (dict,), "notes": (dict,),
            "unknown_symbol": (str, type(None)),
        }  # fmt: skip
        for key, types in expected.items():
            if key in values and not isinstance(values[key], types):
                raise ArtifactError(f"{key} is {values[key]!r}")
        if not all(isinstance(one, str) for one in values.get("title", {}).values()):
            raise ArtifactError(f"title is {values['title']!r}")
        if values.get("level", "char") not in ("char", "word"):
            raise ArtifactError(f"level is {values['level']!r}, not char or word")
        if values.get("seq_maxlen", 1) > LARGEST_WINDOW:
            raise ArtifactError(f"seq_maxlen is {values['seq_maxlen']}")
        return cls(**values)
