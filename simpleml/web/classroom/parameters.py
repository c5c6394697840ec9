"""What a request to a class may say; /openapi.json is made from these models."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from simpleml.web.parameters import WHOLE, Temperature

MOST_TEXT = 5000
"""Characters of a text on the wall."""
MOST_NAME = 40


def _one_line(value: str) -> str:
    return " ".join(value.split())


Name = Annotated[str, Field(max_length=MOST_NAME), AfterValidator(_one_line)]


class NameParameters(BaseModel):
    """What a pupil is to be called."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(description="As the teacher and the wall show it; empty for none.")


class PublishParameters(BaseModel):
    """A text for the wall."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    text: Annotated[str, Field(min_length=1, max_length=MOST_TEXT)] = Field(
        description="The text, its beginning included."
    )
    seed: Annotated[str, Field(max_length=MOST_TEXT)] = Field(
        "", description="Its beginning, which a person wrote."
    )
    model: Annotated[str, Field(min_length=1, max_length=64)] = Field(description="That wrote it.")
    temperature: Temperature = Field(description="At which it was written.")
    author: Name = Field("", description="By what name it is published; empty for none.")
    recipe: Annotated[str, Field(max_length=8000)] = Field(
        "", description="What stands behind the # of the address that brings the text back."
    )


_Words = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=1000)]


class RuleParameters(BaseModel):
    """What the teacher sets; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    paused: bool | None = Field(None, description="Nothing new begins while it is true.")
    hidden: Annotated[list[str], Field(max_length=1000)] | None = Field(
        None, description="Models that pupils do not see."
    )
    running: Annotated[int, Field(ge=1, le=64), WHOLE] | None = Field(
        None, description="Texts that a pupil may have written at once."
    )
    waiting: Annotated[int, Field(ge=0, le=100), WHOLE] | None = Field(
        None, description="Requests of a pupil that may wait."
    )
    trainings: Annotated[int, Field(ge=0, le=100), WHOLE] | None = Field(
        None, description="Trainings of a pupil that may wait or run."
    )
    block: bool | None = Field(None, description="No text completes an unwanted word.")
    words: _Words | None = Field(None, description="Unwanted words besides those of the lists.")
    allowed: _Words | None = Field(None, description="Words of the lists to let through.")


class StopParameters(BaseModel):
    """Whose texts to stop."""

    model_config = ConfigDict(extra="forbid")

    visitor: str = Field("", description="One pupil; empty for all.")


class ClearParameters(BaseModel):
    """What of a class to forget."""

    model_config = ConfigDict(extra="forbid")

    wall: bool = Field(False, description="All texts on it.")
    names: bool = Field(False, description="All names that pupils gave themselves.")
    trainings: bool = Field(
        False, description="All trainings of pupils that are over, and the models that they made."
    )
