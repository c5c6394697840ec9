"""The JSON that the routes answer with, one type for each; /openapi.json is made from them too.

The types of /v1 are in simpleml.web.openai.answers.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field

# pydantic reads TypedDict from here before Python 3.12
from typing_extensions import TypedDict

from simpleml.copying.index import PASSAGE

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


class SymbolLogprobsAnswer(TypedDict):
    """What the network thought of one generated symbol, before any option changed it."""

    symbol: str
    logprob: float
    top: Annotated[
        list[tuple[str, float]],
        Field(description="The likeliest symbols with their log probability, likeliest first."),
    ]


class PassageAnswer(TypedDict):
    """A copied passage that lies in no longer one."""

    start: Annotated[
        int, Field(ge=0, description="In the text that was examined, in Unicode characters.")
    ]
    length: Annotated[int, Field(ge=PASSAGE)]
    corpus_start: Annotated[
        int, Field(ge=0, description="Where it stands in the training text, the first place.")
    ]


class LongestPassageAnswer(PassageAnswer):
    """The longest passage, with its text."""

    text: str


class OriginalityAnswer(TypedDict):
    """How much of a text stands verbatim in the text that the model was trained on."""

    characters: Annotated[int, Field(ge=0, description="Of the text that was examined.")]
    copied: Annotated[int, Field(ge=0, description="Characters that lie in passages.")]
    copied_share: Annotated[float, Field(ge=0, le=1)]
    longest: LongestPassageAnswer | None
    passages: Annotated[
        list[PassageAnswer], Field(description="In the order of the text; they may overlap.")
    ]


class GenerateAnswer(TypedDict):
    """A generated text with everything that is needed to have it again."""

    model: str
    seed: Annotated[str, Field(description="As given.")]
    text: Annotated[str, Field(description="The seed as given and what follows it.")]
    generated: Annotated[str, Field(description="What follows the seed.")]
    finish_reason: FinishReason
    random_state: Annotated[
        int, Field(ge=0, lt=2**32, description="Drawn by the server when none was given.")
    ]
    seed_characters_used: Annotated[
        int, Field(ge=0, description="Symbols of the seed that the network reads.")
    ]
    elapsed_ms: Annotated[float, Field(ge=0)]
    truncated_by: NotRequired[
        Annotated[Literal["time"], Field(description="The deadline cut the text.")]
    ]
    seed_changes: NotRequired[list[SeedChangeAnswer]]
    logprobs: NotRequired[list[SymbolLogprobsAnswer]]
    originality: NotRequired[
        Annotated[OriginalityAnswer, Field(description="What of `generated` is copied.")]
    ]


class TextPiece(TypedDict):
    """The next piece of a streamed text."""

    text: str
    logprobs: NotRequired[list[SymbolLogprobsAnswer]]


class CardAnswer(TypedDict):
    """What is known of a model."""

    model: str
    layers: Annotated[int, Field(ge=1)]
    units: Annotated[int, Field(ge=1)]
    vocabulary_size: Annotated[int, Field(ge=1)]
    seq_maxlen: Annotated[int, Field(ge=1, description="Characters of the window.")]
    level: Literal["char", "word"]
    stateful: Annotated[bool, Field(description="The state is carried on, unless asked otherwise.")]
    lower: bool
    unknown_symbol: str | None
    metrics: Annotated[
        dict[str, Any], Field(description="Validation nats and bits per character, how held out.")
    ]
    corpus: Annotated[dict[str, Any], Field(description="sha256, characters, source, licence.")]
    training: dict[str, Any]
    weights_sha256: str
    notes: dict[str, Any]
    alphabet: Annotated[list[str], Field(description="The symbols in index order.")]
    precision: Literal["float32", "int8"]
    mode: Literal["stateful", "window"]


class ProbeAnswer(TypedDict):
    """Whether the server is well."""

    status: Literal["ok", "unavailable"]
    reasons: NotRequired[list[str]]


class HomeAnswer(TypedDict):
    """What this server is and has."""

    name: str
    version: str
    models: list[str]
    links: dict[str, str]


class ErrorDetails(TypedDict):
    """What went wrong, in OpenAI's shape."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(TypedDict):
    """Every error."""

    error: ErrorDetails


class ModelChoice(TypedDict):
    """A model as the playground's list shows it."""

    name: str
    curve: Annotated[bool, Field(description="It has a picture of its training.")]
    originality: Annotated[
        bool, Field(description="The text that it was trained on lies beside the models.")
    ]


class ModelChoices(TypedDict):
    """The playground's list."""

    models: list[ModelChoice]


class EncodeAnswer(TypedDict):
    """How a model reads a seed."""

    changes: Annotated[
        list[SeedChangeAnswer], Field(description="What on_unknown=nearest would do.")
    ]
    symbols: Annotated[int, Field(ge=0)]
    window: int | None


class QueueAnswer(TypedDict):
    """How busy a worker is."""

    running: Annotated[int, Field(ge=0)]
    waiting: Annotated[int, Field(ge=0)]
    place: Annotated[
        int | None,
        Field(
            ge=1,
            description="Of the request that was asked for: 1 is the next one. null where it does "
            "not wait in this worker.",
        ),
    ]
