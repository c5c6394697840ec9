"""The JSON that the routes of training answer with; /openapi.json is made from these types."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

# pydantic reads TypedDict from here before Python 3.12
from typing_extensions import TypedDict

from simpleml.jobs.report import CurvePoint, TrainingSample

TrainingState = Literal[
    "waiting", "running", "stopping", "done", "failed", "cancelled", "interrupted"
]
_Share = Annotated[float, Field(ge=0, le=1, description="Of the whole training, 0 to 1.")]
_Count = Annotated[int, Field(ge=0)]


class AdviceAnswer(TypedDict):
    """One thing to know or to do about a text."""

    code: Annotated[str, Field(description="Which advice it is, for programs.")]
    message: Annotated[str, Field(description="In English, with train.py's options.")]
    values: Annotated[dict[str, float], Field(description="The numbers in it.")]


class RareCharacterAnswer(TypedDict):
    """A character that stands in the text a few times only."""

    character: str
    name: str
    times: _Count
    line: Annotated[int, Field(ge=1)]
    column: Annotated[int, Field(ge=1)]


class UnwantedWordAnswer(TypedDict):
    """A word that one may not want to read."""

    word: Annotated[str, Field(description="Without capitals and accents.")]
    times: Annotated[int, Field(ge=1)]


class FileAnswer(TypedDict):
    """What was taken out of a file."""

    name: str
    format: Literal["text", "docx", "odt", "epub", "pdf", "html", "srt"]
    encoding: Annotated[str, Field(description="Of a plain text; Python's name of it.")]
    characters: _Count
    notes: Annotated[
        list[str], Field(description="What was left out, joined or guessed, in English.")
    ]
    beginning: Annotated[str, Field(description="Its first lines.")]


class FilesAnswer(TypedDict):
    """What was taken out of the files that were sent."""

    files: list[FileAnswer]


class BeginningAnswer(TypedDict):
    """What a training would begin from, and why."""

    name: Annotated[str | None, Field(description="Of the base; null for nothing.")]
    why: Annotated[str, Field(description="In English.")]
    reason: Annotated[
        Literal["asked", "kind", "no_base", "symbols", "size", "best", "counting"],
        Field(description="The same for programs."),
    ]
    bits: Annotated[
        float | None,
        Field(description="Per character: how the base, or the best one, predicts the text now."),
    ]
    counting_bits: Annotated[float | None, Field(description="Those that counting needs.")]


class CheckAnswer(TypedDict):
    """Whether a text is enough, and what training on it takes on this machine."""

    files: Annotated[
        list[FileAnswer], Field(description="In their order; none where the text came as JSON.")
    ]
    bytes: _Count
    characters: _Count
    lines: _Count
    symbols: Annotated[int, Field(ge=0, description="Characters, or words and marks.")]
    alphabet: Annotated[int, Field(ge=1, description="Different symbols of the network.")]
    rare: Annotated[list[RareCharacterAnswer], Field(description="The rarest eight.")]
    rare_count: _Count
    unwanted: Annotated[
        list[UnwantedWordAnswer], Field(description="That the network would learn; most first.")
    ]
    repeated_share: Annotated[float, Field(ge=0, description="Of the text, 0 to 1.")]
    bits_to_beat: Annotated[
        float, Field(description="Per character: what counting n-grams reaches on held-out text.")
    ]
    layers: Annotated[int, Field(ge=1)]
    units: Annotated[int, Field(ge=1)]
    parameters: _Count
    suggested_layers: Annotated[int, Field(ge=1)]
    suggested_units: Annotated[int, Field(ge=1)]
    characters_per_second: Annotated[float, Field(ge=0, description="Measured here and now.")]
    epochs: _Count
    epoch_seconds: Annotated[float, Field(ge=0)]
    seconds: Annotated[float, Field(ge=0, description="Of training, at most.")]
    memory: Annotated[int, Field(ge=0, description="Bytes, at most so far.")]
    machine: str
    begins_from: BeginningAnswer
    advice: Annotated[
        list[AdviceAnswer], Field(description="The first says whether the text is enough.")
    ]
    words: Annotated[list[str], Field(description="The facts as sentences.")]


class VerdictAnswer(TypedDict):
    """What came of a training: does it guess better than counting, write whole words, copy?

    While it trains it speaks of a slice of the training part, and only of guessing; once it is
    over, of the held-out text.
    """

    better: Annotated[bool, Field(description="It guesses better than counting does.")]
    bits: Annotated[float, Field(description="Per character, of the network.")]
    counting_bits: Annotated[float, Field(description="Of counting which follows which five.")]
    whole_words: Annotated[
        bool | None,
        Field(description="Its words stand in what it has read nearly as often as a person's."),
    ]
    known_words: Annotated[
        float | None,
        Field(
            description="Share of the words that it writes, at temperature 0.5, that stand in "
            "its text or its base's."
        ),
    ]
    known_words_held_out: Annotated[float | None, Field(description="The same of held-out text.")]
    copies: Annotated[
        Literal["little", "phrases", "much"] | None,
        Field(description="How much it copies beside what is usual."),
    ]
    copied: Annotated[
        float | None,
        Field(
            description="Share of what it writes in passages of 20 characters or more that stand "
            "in its text."
        ),
    ]
    copied_held_out: Annotated[float | None, Field(description="The same of held-out text.")]


class TrainingSummary(TypedDict):
    """How a training stands."""

    name: str
    state: TrainingState
    queue_place: Annotated[int | None, Field(ge=0, description="Trainings before it, if it waits.")]
    created: Annotated[float, Field(description="Seconds since 1970, as the next two.")]
    started: float | None
    ended: float | None
    characters: Annotated[int, Field(ge=0, description="Of the text.")]
    source: str | None
    visitor: Annotated[str, Field(description="Who asked for it, in a class; else empty.")]
    options: dict[str, Any]
    begun_from: Annotated[
        str | None, Field(description="The base it began from; null for nothing or not known yet.")
    ]
    beginning: Annotated[
        BeginningAnswer | None, Field(description="The same and why; null while not known yet.")
    ]
    verdict: Annotated[
        VerdictAnswer | None, Field(description="Of its best epoch; null for words, and before.")
    ]
    model_ready: Annotated[bool, Field(description="A model of it can be used.")]
    progress: _Share
    epoch: Annotated[int, Field(ge=0, description="Epochs that are done.")]
    characters_per_second: float | None
    loss: Annotated[float | None, Field(description="Nats per symbol, with dropout.")]
    validation_bits: Annotated[
        float | None,
        Field(
            description="Bits per character on text that is not trained on; once it is over, "
            "those of the model's card."
        ),
    ]
    seconds: Annotated[float, Field(ge=0, description="Of training so far.")]
    seconds_left: Annotated[float | None, Field(description="At most; it may stop sooner.")]
    error: Annotated[str, Field(description="Why it failed or was interrupted; else empty.")]
    error_reason: Annotated[
        str, Field(description="The same for programs, where it is foreseen; else empty.")
    ]
    error_values: Annotated[dict[str, Any], Field(description="The names and numbers in it.")]


class TrainingAnswer(TrainingSummary):
    """How a training stands, in full."""

    curve: Annotated[list[CurvePoint], Field(description="At most 300 epochs, spread evenly.")]
    counting_bits: Annotated[
        float | None,
        Field(description="Per character: what counting needs on the text of the curve."),
    ]
    samples: Annotated[
        list[TrainingSample],
        Field(description="Newest last; of a long one those of nine moments from the first on."),
    ]
    log: Annotated[list[str], Field(description="The last lines.")]


class TrainingList(TypedDict):
    """All trainings, and what the server takes."""

    trainings: Annotated[list[TrainingSummary], Field(description="In the order of the queue.")]
    max_bytes: Annotated[int, Field(description="Of a text.")]
    max_trainings: Annotated[int, Field(description="Kept at once.")]
    beginnings: Annotated[
        list[str], Field(description="Models that a training may begin from; bases first.")
    ]
    brought: Annotated[
        dict[str, str],
        Field(description="Models that were brought in, and whose each is, in a class."),
    ]
    problem: Annotated[str, Field(description="Why this server cannot train; else empty.")]


class TrainingDeleted(TypedDict):
    """What was removed."""

    name: str
    model_deleted: Annotated[
        bool, Field(description="False where it had made none, or another one lies there now.")
    ]
