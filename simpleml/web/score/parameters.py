"""What a request to /v1/score may say, checked once."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from simpleml.web.parameters import OnUnknownField


class ScoreParameters(BaseModel):
    """The body of POST /v1/score."""

    model_config = ConfigDict(extra="ignore", strict=True)

    text: Annotated[str, Field(min_length=2)] = Field(
        description="What is to be predicted, each character from those before it."
    )
    models: str | Annotated[list[str], Field(min_length=1)] = Field(
        "all", description="A model's name, a list of names, or `all`."
    )
    surprise: bool = Field(False, description="Report the nats of every character too.")
    on_unknown: OnUnknownField = Field(
        "nearest",
        description="What happens to characters that a model does not know. What it does not read "
        "costs as much as one among all of Unicode's; `error` makes it the model's error.",
    )
