"""The JSON that a class answers with; /openapi.json is made from these types."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

# pydantic reads TypedDict from here before Python 3.12
from typing_extensions import TypedDict

_Count = Annotated[int, Field(ge=0)]


class ClassAnswer(TypedDict):
    """The class, as whoever asks sees it."""

    visitor: Annotated[str, Field(description="Who asks; empty for the teacher.")]
    name: Annotated[str, Field(description="That they gave themselves; empty for none.")]
    teacher: Annotated[bool, Field(description="The request came with the teacher's key.")]
    paused: bool
    running: Annotated[int, Field(ge=1, description="Texts that a pupil may have written at once.")]
    waiting: Annotated[int, Field(ge=0, description="Requests of a pupil that may wait.")]
    trainings: Annotated[int, Field(ge=0, description="Trainings of a pupil that wait or run.")]


class InvitationAnswer(TypedDict):
    """How pupils get in."""

    address: Annotated[str, Field(description="That phones on the network open.")]
    key: Annotated[str, Field(description="The pupils' key.")]
    link: Annotated[str, Field(description="The address with the key, which is never sent.")]
    qr: Annotated[str, Field(description="The link as a QR code, an SVG picture.")]


class WallAnswer(TypedDict):
    """A text on the wall."""

    id: str
    author: str
    model: str
    temperature: Annotated[float, Field(ge=0)]
    seed: str
    text: str
    recipe: str
    published: Annotated[float, Field(description="Seconds since 1970.")]
    mine: Annotated[bool, Field(description="Whoever asks may take it down.")]


class WallList(TypedDict):
    """The wall."""

    texts: Annotated[list[WallAnswer], Field(description="The newest first.")]


class ActivityAnswer(TypedDict):
    """A text that is being written, or waits."""

    model: str
    state: Annotated[str, Field(description="running or waiting.")]
    written: _Count
    size: Annotated[int, Field(ge=0, description="Characters that were asked for.")]


class PupilTraining(TypedDict):
    """A training of a pupil."""

    name: str
    state: str


class PupilAnswer(TypedDict):
    """What a pupil is doing."""

    visitor: str
    name: str
    texts: list[ActivityAnswer]
    trainings: list[PupilTraining]


class HiddenModel(TypedDict):
    """A model, and whether pupils see it."""

    name: str
    hidden: bool


class WordsAnswer(TypedDict):
    """Words that no text is to hold."""

    block: bool
    words: Annotated[list[str], Field(description="The teacher's own.")]
    allowed: Annotated[list[str], Field(description="Of the usual lists, let through.")]


class OverviewAnswer(TypedDict):
    """What the teacher sees."""

    unwanted: WordsAnswer

    pupils: Annotated[list[PupilAnswer], Field(description="Who has a name, text or training.")]
    models: list[HiddenModel]


class StoppedAnswer(TypedDict):
    """What was stopped."""

    stopped: Annotated[int, Field(ge=0, description="Requests that ran or waited.")]


class ClearedAnswer(TypedDict):
    """What was forgotten."""

    texts: _Count
    names: _Count
    trainings: _Count
