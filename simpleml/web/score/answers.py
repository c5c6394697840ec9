"""The JSON of /v1/score: types, and what a score becomes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field

# pydantic reads TypedDict from here before Python 3.12
from typing_extensions import TypedDict

from simpleml.generation.scoring import Score
from simpleml.web.answers import ErrorDetails

_MOST_UNKNOWN = 50


class UnknownAnswer(TypedDict):
    """What of the text a model does not know."""

    symbol: str
    count: Annotated[int, Field(ge=1)]
    read_as: Annotated[str, Field(description="Empty where it reads nothing instead.")]


class ScoredModel(TypedDict):
    """How well a model predicts the text."""

    model: str
    nats: Annotated[float, Field(ge=0, description="Per character, over all but the text's first.")]
    bits: Annotated[float, Field(ge=0, description="The same in bits.")]
    characters: Annotated[int, Field(ge=1, description="Over which that is the mean.")]
    unknown: Annotated[int, Field(ge=0, description="Symbols that the model does not know.")]
    unknown_symbols: Annotated[
        list[UnknownAnswer],
        Field(description=f"Which, the most frequent first; {_MOST_UNKNOWN} at the most."),
    ]
    surprise: NotRequired[
        Annotated[
            list[tuple[str, float | None]],
            Field(
                description="The text in symbols, each with its nats; null for the first, and for "
                "what stands before it unread."
            ),
        ]
    ]


class FailedModel(TypedDict):
    """A model that could not be asked."""

    model: str
    error: ErrorDetails


class ScoreProgress(TypedDict):
    """How far a model has read."""

    model: str
    read: Annotated[int, Field(ge=0, description="Symbols so far.")]
    symbols: Annotated[int, Field(ge=1)]


class ScoreAnswer(TypedDict):
    """All models that were asked, the best first; those that failed stand last."""

    characters: Annotated[int, Field(ge=2, description="Of the text.")]
    precision: Literal["float32", "int8"]
    models: list[ScoredModel | FailedModel]


def scored_model(name: str, score: Score, surprise: bool) -> ScoredModel:
    """A score, as JSON."""
    row: ScoredModel = {
        "model": name,
        "nats": round(score.nats, 4),
        "bits": round(score.bits, 4),
        "characters": score.characters,
        "unknown": sum(one.count for one in score.unknown),
        "unknown_symbols": [
            {"symbol": one.symbol, "count": one.count, "read_as": one.read_as}
            for one in score.unknown[:_MOST_UNKNOWN]
        ],
    }
    if surprise:
        row["surprise"] = [
            (symbol, None if nats is None else round(nats, 4)) for symbol, nats in score.surprise
        ]
    return row


def ranked(rows: Iterable[ScoredModel | FailedModel]) -> list[ScoredModel | FailedModel]:
    """The best first, those that failed last."""

    def nats(row: Mapping[str, Any]) -> float:
        return float(row.get("nats", math.inf))

    return sorted(rows, key=nats)
