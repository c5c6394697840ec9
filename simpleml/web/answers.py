"""The JSON that several interfaces answer with; each has its own in <interface>/answers.py.

The document at /openapi.json is made from these types.
"""

from __future__ import annotations

import json
from typing import Annotated, Literal, NotRequired, cast

from pydantic import Field

# pydantic reads TypedDict from here before Python 3.12
from typing_extensions import TypedDict

from simpleml.copying.index import PASSAGE, Copied, Originality, Passage
from simpleml.models.vocabulary import SeedChange

FinishReason = Literal["stop", "length"]

_LEAST_LOGPROB = -9999.0
"""Stands for the logarithm of 0, which JSON cannot say; OpenAI's does the same."""


def finite(logprob: float) -> float:
    """A log probability that JSON can say."""
    return max(logprob, _LEAST_LOGPROB)


class SeedChangeAnswer(TypedDict):
    """A place of the seed that was mapped or dropped because the model does not know it."""

    position: Annotated[int, Field(ge=0, description="In the seed as given, in characters.")]
    original: str
    replacement: Annotated[str, Field(description="Empty when it was dropped.")]


def seed_change(one: SeedChange) -> SeedChangeAnswer:
    """A change of the seed, as JSON."""
    return {
        "position": one.position,
        "original": one.original,
        "replacement": one.replacement,
    }


class PassageAnswer(TypedDict):
    """A copied passage that lies in no longer one."""

    start: Annotated[
        int, Field(ge=0, description="In the text that was examined, in Unicode characters.")
    ]
    length: Annotated[int, Field(ge=PASSAGE)]
    corpus_start: Annotated[
        int, Field(ge=0, description="Where it stands in what was read, the first place.")
    ]

    model: NotRequired[
        Annotated[str, Field(description="Of a blend: the member whose training text it is.")]
    ]


class LongestPassageAnswer(PassageAnswer):
    """The longest passage, with its text."""

    text: str


class OverlapAnswer(TypedDict):
    """How much of a text stands verbatim in another."""

    characters: Annotated[int, Field(ge=0, description="Of the text that was examined.")]
    copied: Annotated[int, Field(ge=0, description="Characters that lie in passages.")]
    copied_share: Annotated[float, Field(ge=0, le=1)]
    longest: LongestPassageAnswer | None
    passages: Annotated[
        list[PassageAnswer], Field(description="In the order of the text; they may overlap.")
    ]


class BaseOverlapAnswer(OverlapAnswer):
    """The same for what the model has read that this one began from, counted apart."""

    name: Annotated[str, Field(description="Of that model.")]


class OriginalityAnswer(OverlapAnswer):
    """How much of a text stands verbatim in the text that the model was trained on."""

    base: NotRequired[
        Annotated[
            BaseOverlapAnswer | None,
            Field(description="Where it began from another model; null without what that read."),
        ]
    ]


class ErrorDetails(TypedDict):
    """What went wrong, in OpenAI's shape."""

    message: str
    type: str
    param: str | None
    code: str | None
    reason: NotRequired[
        Annotated[str, Field(description="Which of the errors with this code, where it is told.")]
    ]
    params: NotRequired[
        Annotated[dict[str, str | float], Field(description="What the message names.")]
    ]


class ErrorAnswer(TypedDict):
    """Every error."""

    error: ErrorDetails


def originality_answer(found: Copied, text: str) -> OriginalityAnswer:
    """What of a text is copied, as JSON.

    Positions count Unicode characters (code points) from the beginning of the text that was
    generated: 0 is the first character after the seed.

    Args:
        found: its passages that the corpus has.
        text: that was examined.
    """
    answer = cast(OriginalityAnswer, _overlap(found.own, text))
    if found.base is not None:
        of_base = found.of_base
        answer["base"] = (
            None if of_base is None else {"name": found.base, **_overlap(of_base, text)}
        )
    return answer


def _overlap(found: Originality, text: str) -> OverlapAnswer:
    longest: LongestPassageAnswer | None = None
    if (one := found.longest) is not None:
        longest = {**_passage(one), "text": text[one.start : one.start + one.length]}
    return {
        "characters": found.characters,
        "copied": found.copied,
        "copied_share": round(found.copied_share, 4),
        "longest": longest,
        "passages": [_passage(each) for each in found.passages],
    }


def _passage(one: Passage) -> PassageAnswer:
    passage: PassageAnswer = {
        "start": one.start,
        "length": one.length,
        "corpus_start": one.corpus_start,
    }
    if one.model:
        passage["model"] = one.model
    return passage


def originality_header(found: Copied) -> str:
    """X-Originality, of the model's own text: the copied share, the longest passage's length."""
    longest = found.own.longest.length if found.own.longest else 0
    return json.dumps({"copied_share": round(found.own.copied_share, 4), "longest": longest})
