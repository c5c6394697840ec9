"""The JSON that the pages ask for; the document is made from these types."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

# pydantic reads TypedDict from here before Python 3.12
from typing_extensions import TypedDict

from simpleml.jobs.report import CurvePoint
from simpleml.web.answers import SeedChangeAnswer


class HomeAnswer(TypedDict):
    """What this server is and has."""

    name: str
    version: str
    models: list[str]
    links: dict[str, str]


class ModelChoice(TypedDict):
    """A model as the playground's list shows it."""

    name: str
    title: Annotated[dict[str, str], Field(description="What pages call it, by language.")]
    language: Annotated[str | None, Field(description="Of its text, as in BCP 47: fr, en.")]
    bits: Annotated[float | None, Field(description="Per character of text it never saw.")]
    finished: Annotated[bool, Field(description="False while it is still learning.")]
    curve: Annotated[bool, Field(description="How its training went is known.")]
    originality: Annotated[
        bool, Field(description="The text that it was trained on lies in the models folder.")
    ]
    fetchable: Annotated[
        bool,
        Field(description="It does not, but it is published: POST /v1/models/{model}/text."),
    ]


class CurveAnswer(TypedDict):
    """How the training of a model went."""

    curve: Annotated[list[CurvePoint], Field(description="At most 300 epochs, spread evenly.")]
    counting_bits: Annotated[
        float | None, Field(description="Per character: what counting needs on the same text.")
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
    seconds: Annotated[float | None, Field(ge=0, description="A guess at how long it still waits.")]
