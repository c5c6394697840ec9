"""What a request to the original routes may say: query, JSON body and path all end here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from simpleml.generation.text_stream import GenerationOptions
from simpleml.web.parameters import WHOLE, Mix, OnUnknownField, Sampling, Temperature, within

_LARGEST_TIME_MS = 3_600_000


ALIASES = {"temperature": "temp", "max_tokens": "size", "length": "size"}
"""What other programs call our options."""
_MOST_IGNORED, _LONGEST_NAME = 20, 60


class GenerateParameters(Sampling):
    """Options of the original routes, as JSON fields or query options."""

    seed: str = Field("", description="What the text begins with; may be empty.")
    size: Annotated[int, Field(ge=1), WHOLE] = Field(
        100, description="Characters to generate (words, of a word-level model)."
    )
    temp: Temperature = Field(
        0.5, description="0 takes the likeliest character, 1 samples the network's distribution."
    )
    random_state: Annotated[int, within("random_state"), WHOLE] | None = Field(
        None, description="The same request with the same number is the same text."
    )
    on_unknown: OnUnknownField = Field(
        "error", description="What happens to characters that the model does not know."
    )
    stateful: bool | None = Field(
        None, description="Carry the state on, or use windows; as the model's card says if absent."
    )
    stream: bool = Field(False, description="Send the text as it grows.")
    max_time_ms: Annotated[int, Field(ge=1, le=_LARGEST_TIME_MS), WHOLE] | None = Field(
        None, description="Return what there is after so long."
    )
    mix: Mix | None = Field(
        None,
        description="The model and up to three others with their weights, that write together: "
        '{"shakespeare": 0.7, "contes": 0.3}, in a query also shakespeare:0.7,contes:0.3.',
    )
    logprobs: Annotated[int, within("logprobs"), WHOLE] | None = Field(
        None,
        description="Report log p of each symbol and of this many likeliest ones (JSON, events).",
    )

    def options(self) -> GenerationOptions:
        """The engine's options. Raises InvalidValueError."""
        return GenerationOptions(
            temperature=self.temp,
            top_k=self.top_k,
            top_p=self.top_p,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            size=self.size,
            random_state=self.random_state,
            stateful=self.stateful,
            stop=tuple(self.stop),
            logprobs=self.logprobs,
            max_copy=self.max_copy,
        )


def known_options(values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The values under our own names, and the names of those that mean nothing here.

    An alias beside the option's own name, or beside another alias of it, means nothing.
    """
    known = {name: one for name, one in values.items() if name in GenerateParameters.model_fields}
    ignored = []
    for name, value in values.items():
        if name in GenerateParameters.model_fields:
            continue
        own = ALIASES.get(name)
        if own is None or own in known:
            ignored.append(name[:_LONGEST_NAME])
        else:
            known[own] = value
    return known, ignored[:_MOST_IGNORED]
