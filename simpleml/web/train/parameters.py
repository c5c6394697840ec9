"""What a request for a training may say: JSON, a form with a file, or the text with a query.

The pydantic models are also what /openapi.json is made from. They let through a part of what
train.py knows, within bounds that a server can bear.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from simpleml.documents import Document
from simpleml.errors import InvalidValueError, PayloadTooLargeError
from simpleml.web.parameters import NUMBER, WHOLE, parse, read_body, read_json_object
from simpleml.web.train.files import SentFile, joined, read_files

_BODY_SLOWNESS = 10
"""A text is larger than a question: so many times longer may it take to arrive."""
_BESIDE_THE_TEXT = 64 * 1024
_NO_FILES = (
    "",
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
)
"""Types of a body that is JSON or a form; any other is a file."""


_Minutes = Annotated[float, Field(ge=0.1, le=10_080), NUMBER]


class CheckParameters(BaseModel):
    """A text and how a network would be trained on it; what is left out is chosen for the text."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    text: str = Field(description="The text to learn from; in a form, a file of any kind or more.")
    layers: Annotated[int, Field(ge=1, le=4), WHOLE] = Field(3, description="LSTM layers.")
    units: Annotated[int, Field(ge=8, le=1024), WHOLE] = Field(
        512, description="Units of each layer."
    )
    begin_from: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        "auto",
        alias="from",
        description="What to begin from: auto (the base that predicts the text better than "
        "counting does), nothing, or the name of a model here.",
    )
    level: Literal["char", "word"] = Field(
        "char", description="Symbols: characters, or words and marks."
    )
    max_words: Annotated[int, Field(ge=10, le=20_000), WHOLE] = Field(
        10_000, description="Words kept with level word; rarer ones become unknown."
    )
    lower: bool = Field(False, description="Put the text in lower case: fewer symbols.")
    validation: Literal["tail", "spread"] = Field(
        "tail", description="What is held out: the end, or blocks spread over the text."
    )
    epochs: Annotated[int, Field(ge=1, le=1000), WHOLE] | None = Field(
        None, description="Passes over the text; from its size if absent."
    )
    max_minutes: _Minutes | None = Field(
        None, description="Minutes that it may take; the schedule is made to fit."
    )
    patience: Annotated[int, Field(ge=1, le=1000), WHOLE] = Field(
        8, description="Epochs without improvement, in the second half, before it stops."
    )
    sample_every: Annotated[int, Field(ge=0, le=1000), WHOLE] = Field(
        1, description="Epochs between samples of what the network writes; 0 for none."
    )
    random_state: Annotated[int, Field(ge=0, le=2**32 - 1), WHOLE] = Field(
        1, description="The same number is the same training on the same machine."
    )

    _documents: tuple[Document, ...] = PrivateAttr(())

    @property
    def files(self) -> list[dict[str, Any]]:
        """What was taken out of the files that the text came in."""
        return [document.facts for document in self._documents]

    def options(self) -> dict[str, Any]:
        """train.py's options, by the names of TrainingOptions' fields."""
        # A size that was not asked for is a base's to choose.
        unasked = {"layers", "units"} - self.model_fields_set
        return self.model_dump(exclude={"text", "name", "source"} | unasked)


class TrainParameters(CheckParameters):
    """A training to start."""

    name: Annotated[str, Field(min_length=1)] = Field(
        description="Of the model, as in /<name>/g/…: letters A-Z a-z, digits, dots, hyphens, "
        "underscores."
    )
    source: Annotated[str, Field(max_length=500)] | None = Field(
        None, description="Where the text comes from, for the model's card."
    )


class ResumeParameters(BaseModel):
    """How a training goes on."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    max_minutes: _Minutes | None = Field(
        None,
        description="Minutes that it may take from now on. With it, one that is done because its "
        "minutes were over goes on as well.",
    )


def read_resume(seconds: float) -> ResumeParameters:
    """The current request's parameters, in its query or its body.

    Raises:
        InvalidValueError: a value is wrong.
        RequestTimeoutError: the body came too slowly.
    """
    values: dict[str, Any] = request.args.to_dict()
    if request.content_length or "Transfer-Encoding" in request.headers:
        values |= read_json_object(seconds)
    return parse(ResumeParameters, values)


Model = TypeVar("Model", bound=CheckParameters)


def read_sent_files(most_bytes: int, seconds: float) -> tuple[Document, ...]:
    """What is in the files of the current request: those of a form, or its body.

    Args:
        most_bytes: of all of them together.
        seconds: that a small body may take.

    Raises:
        InvalidValueError: a file is no text, or there is none.
        PayloadTooLargeError: there is more than `most_bytes`.
        RequestTimeoutError: the body came too slowly.
    """
    request.max_content_length = most_bytes + _BESIDE_THE_TEXT
    if request.mimetype == "multipart/form-data":
        files = [
            SentFile(sent.read(), sent.filename or "the text")
            for sent in request.files.getlist("text")
        ]
        if not files:
            raise InvalidValueError(
                "There is no file in the field text.", param="text", reason="file_missing"
            )
        return read_files(files)
    charset = request.mimetype_params.get("charset") if request.mimetype == "text/plain" else None
    request.max_content_length = most_bytes
    return read_files([SentFile(read_body(seconds * _BODY_SLOWNESS), "the text", charset)])


def read(model: type[Model], most_bytes: int, seconds: float) -> Model:
    """The current request's parameters, however they were sent.

    Args:
        model: what they must fit.
        most_bytes: of the text.
        seconds: that a small body may take.

    Raises:
        InvalidValueError: a value is wrong, or a file is no text.
        PayloadTooLargeError: the text is larger than `most_bytes`.
        RequestTimeoutError: the body came too slowly.
    """
    # JSON may write a character of one byte as six.
    request.max_content_length = 6 * most_bytes + _BESIDE_THE_TEXT
    values: dict[str, Any] = request.args.to_dict()
    documents: tuple[Document, ...] = ()
    if request.mimetype == "multipart/form-data":
        request.max_content_length = most_bytes + _BESIDE_THE_TEXT
        request.max_form_memory_size = most_bytes + _BESIDE_THE_TEXT
        values |= request.form.to_dict()
    if "text" in request.files or _is_file():
        documents = read_sent_files(most_bytes, seconds)
        values["text"] = joined(documents)
    elif request.mimetype != "multipart/form-data":
        values |= read_json_object(seconds * _BODY_SLOWNESS)
    parameters = parse(model, values)
    parameters._documents = documents
    size = len(parameters.text.encode())
    if size > most_bytes:
        raise PayloadTooLargeError(
            f"The text has {size} bytes; at most {most_bytes} are accepted.",
            param="text",
            reason="body_too_large",
            params={"limit": most_bytes},
        )
    return parameters


def _is_file() -> bool:
    """Whether the body is a file; JSON may come with many types, or with none."""
    return request.mimetype not in _NO_FILES and not request.mimetype.endswith("+json")
