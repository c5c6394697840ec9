"""What a request for a training may say: JSON, a form with a file, or the text with a query.

The pydantic models are also what /openapi.json is made from. They let through a part of what
train.py knows, within bounds that a server can bear.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, Field

from simpleml.errors import InvalidValueError, PayloadTooLargeError
from simpleml.web.parameters import NUMBER, WHOLE, parse, read_body, read_json_object

_BODY_SLOWNESS = 10
"""A text is larger than a question: so many times longer may it take to arrive."""
_BESIDE_THE_TEXT = 64 * 1024
_TEXT_TYPES = ("text/plain", "application/octet-stream")


class CheckParameters(BaseModel):
    """A text and how a network would be trained on it; what is left out is chosen for the text."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    text: str = Field(description="The text to learn from, UTF-8.")
    layers: Annotated[int, Field(ge=1, le=4), WHOLE] = Field(3, description="LSTM layers.")
    units: Annotated[int, Field(ge=8, le=1024), WHOLE] = Field(
        512, description="Units of each layer."
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
    max_minutes: Annotated[float, Field(ge=0.1, le=10_080), NUMBER] | None = Field(
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

    def options(self) -> dict[str, Any]:
        """train.py's options, by the names of TrainingOptions' fields."""
        return self.model_dump(exclude={"text", "name", "source"})


class TrainParameters(CheckParameters):
    """A training to start."""

    name: Annotated[str, Field(min_length=1)] = Field(
        description="Of the model, as in /<name>/g/…: letters A-Z a-z, digits, dots, hyphens, "
        "underscores."
    )
    source: Annotated[str, Field(max_length=500)] | None = Field(
        None, description="Where the text comes from, for the model's card."
    )


Model = TypeVar("Model", bound=CheckParameters)


def read(model: type[Model], most_bytes: int, seconds: float) -> Model:
    """The current request's parameters, however they were sent.

    Args:
        most_bytes: of the text.
        seconds: that a small body may take.

    Raises:
        InvalidValueError: a value is wrong, or the text is not UTF-8.
        PayloadTooLargeError: the text is larger than `most_bytes`.
        RequestTimeoutError: the body came too slowly.
    """
    seconds *= _BODY_SLOWNESS
    # JSON may write a character of one byte as six.
    request.max_content_length = 6 * most_bytes + _BESIDE_THE_TEXT
    values: dict[str, Any] = request.args.to_dict()
    if request.mimetype == "multipart/form-data":
        request.max_content_length = most_bytes + _BESIDE_THE_TEXT
        request.max_form_memory_size = most_bytes + _BESIDE_THE_TEXT
        values |= request.form.to_dict()
        if "text" in request.files:
            values["text"] = _decoded(request.files["text"].read())
    elif request.mimetype in _TEXT_TYPES:
        request.max_content_length = most_bytes
        values["text"] = _decoded(read_body(seconds))
    else:
        values |= read_json_object(seconds)
    parameters = parse(model, values)
    size = len(parameters.text.encode())
    if size > most_bytes:
        raise PayloadTooLargeError(
            f"The text has {size} bytes; at most {most_bytes} are accepted.", param="text"
        )
    return parameters


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidValueError(
            f"The text is not UTF-8: byte 0x{content[error.start]:02x} at position {error.start}. "
            "Save it as UTF-8 first.",
            param="text",
        ) from None
