"""What a request to /v1 may say, checked once: OpenAI's fields and vLLM's names for the rest.

One token is one symbol of the model: a character, or a word of a word-level model. Unknown fields
are ignored and null means absent, as clients written for other servers expect.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from simpleml.errors import InvalidValueError
from simpleml.generation.text_stream import GenerationOptions
from simpleml.models.vocabulary import Vocabulary
from simpleml.web.parameters import NUMBER, WHOLE, OnUnknownField, Sampling, Temperature, within

DEFAULT_COMPLETION_TOKENS = 16
DEFAULT_CHAT_TOKENS = 256
"""A chat without a limit would, with OpenAI, go on until the model ends it; these never do."""


def _nullable(schema: dict[str, Any]) -> None:
    """Say in the JSON schema that null means absent."""
    for name, one in schema.get("properties", {}).items():
        kept = {key: one.pop(key) for key in ("title", "description", "default") if key in one}
        if name in schema.get("required", ()) or not one:
            schema["properties"][name] = {**one, **kept}
            continue
        options = one["anyOf"] if set(one) == {"anyOf"} else [one]
        if {"type": "null"} not in options:
            options = [*options, {"type": "null"}]
        schema["properties"][name] = {"anyOf": options, **kept}


def _integer_seed(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(
            "seed is the random state here, a whole number; the text to begin with goes into "
            "prompt (or the last user message)"
        )
    if isinstance(value, bool):
        raise ValueError("must be a whole number, not true or false")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _no_suffix(value: Any) -> Any:
    raise ValueError("it must be absent: these models write forwards only")


def _prompt(value: Any) -> Any:
    kinds = "a text, a list of texts, a list of token ids or a list of such lists"
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not value:
        raise ValueError(f"must be {kinds}")
    if all(isinstance(one, str) for one in value) or _are_ids(value):
        return value
    if all(isinstance(one, list) and _are_ids(one) for one in value):
        return value
    raise ValueError(f"must be {kinds}")


def _are_ids(value: list[Any]) -> bool:
    return all(isinstance(one, int) and not isinstance(one, bool) and one >= 0 for one in value)


TokenIds = list[Annotated[int, Field(ge=0)]]
Prompt = Annotated[
    str | Annotated[list[str], Field(min_length=1)] | TokenIds | list[TokenIds],
    BeforeValidator(_prompt),
]
Seed = Annotated[int, BeforeValidator(_integer_seed)]
TokenIndex = Annotated[str, Field(pattern=r"^[0-9]{1,9}$")]


class StreamOptions(BaseModel):
    """What a stream carries besides text."""

    model_config = ConfigDict(extra="ignore", strict=True)

    include_usage: bool | None = Field(
        None, description="One more chunk before the end, without choices, with the usage."
    )


class OpenAIParameters(Sampling):
    """What completions and chat completions share."""

    model_config = ConfigDict(
        extra="ignore", allow_inf_nan=False, strict=True, json_schema_extra=_nullable
    )

    model: str = Field(
        description="A model's name, as GET /v1/models lists them, or up to four with their "
        "weights: shakespeare:0.7+contes:0.3."
    )
    temperature: Temperature = Field(
        1.0, description="0 takes the likeliest symbol, 1 samples the network's distribution."
    )
    n: Annotated[int, Field(ge=1), WHOLE] = Field(
        1, description="Texts for each prompt; all of them are generated together."
    )
    stream: bool = Field(False, description="Send the text as it grows, as server-sent events.")
    stream_options: StreamOptions | None = None
    seed: Seed | None = Field(
        None,
        description="The random state, any whole number: the same request with the same number "
        "is the same text. Taken modulo 2**32; choice k has the seed plus k.",
    )
    presence_penalty: Annotated[float, within("presence_penalty"), NUMBER] = Field(
        0.0, description="Subtracted from the log probability of every symbol already generated."
    )
    frequency_penalty: Annotated[float, within("frequency_penalty"), NUMBER] = Field(
        0.0, description="Subtracted once for each time that the symbol was generated."
    )
    logit_bias: dict[TokenIndex, Annotated[float, Field(ge=-100, le=100), NUMBER]] = Field(
        default_factory=dict,
        json_schema_extra={"additionalProperties": False},
        description="Added to the log probability of symbols, by their index in the vocabulary "
        "(GET /<model> lists it): -100 bans, 100 all but forces.",
    )
    user: Any = Field(None, description="Accepted and not used.")

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if value is not None}

    def _options(
        self,
        vocabulary: Vocabulary,
        size: int,
        logprobs: int | None,
        prompt_logprobs: int | None = None,
    ) -> GenerationOptions:
        biases = {int(index): bias for index, bias in self.logit_bias.items()}
        for index in biases:
            if index >= len(vocabulary):
                raise InvalidValueError(
                    f"logit_bias names the symbol {index}; the model's symbols are 0 to "
                    f"{len(vocabulary) - 1}",
                    param="logit_bias",
                )
        return GenerationOptions(
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            min_p=self.min_p,
            repetition_penalty=self.repetition_penalty,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
            logit_bias=tuple(sorted(biases.items())),
            size=size,
            random_state=None if self.seed is None else self.seed % 2**32,
            stop=tuple(self.stop),
            logprobs=logprobs,
            prompt_logprobs=prompt_logprobs,
            max_copy=self.max_copy,
        )


class CompletionParameters(OpenAIParameters):
    """The body of POST /v1/completions."""

    prompt: Prompt = Field(
        "", description="What the text begins with: a text, token ids, or a list of either."
    )
    max_tokens: Annotated[int, Field(ge=0), WHOLE] = Field(
        DEFAULT_COMPLETION_TOKENS, description="Symbols to generate; 0 only together with echo."
    )
    logprobs: Annotated[int, within("logprobs", le=5), WHOLE] | None = Field(
        None,
        description="Report each symbol's log probability and the likeliest ones'; with echo "
        "those of the prompt too.",
    )
    echo: bool = Field(False, description="Let the answer begin with the prompt.")
    on_unknown: OnUnknownField = Field(
        "error", description="What happens to characters that the model does not know."
    )
    suffix: Annotated[None, BeforeValidator(_no_suffix)] = Field(
        None, description="Not possible with these models: must be absent."
    )

    def options(self, vocabulary: Vocabulary) -> GenerationOptions:
        """The engine's options. Raises InvalidValueError."""
        if self.max_tokens == 0 and not self.echo:
            raise InvalidValueError(
                "max_tokens is 0; without echo it must be at least 1", param="max_tokens"
            )
        of_prompt = self.logprobs if self.echo else None
        return self._options(vocabulary, self.max_tokens, self.logprobs, of_prompt)

    def prompts(self) -> list[str | list[int]]:
        """Each prompt, a text or token ids."""
        given: Any = self.prompt
        if isinstance(given, str) or isinstance(given[0], int):
            return [given]
        return list(given)


class MessagePart(BaseModel):
    """A part of a message; only text can be read."""

    model_config = ConfigDict(extra="ignore", strict=True)

    type: Literal["text"]
    text: str


class Message(BaseModel):
    """A message of a chat."""

    model_config = ConfigDict(extra="ignore", strict=True)

    role: str
    content: str | list[MessagePart] | None = None

    def text(self) -> str:
        """The message's text, its parts joined."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class ChatParameters(OpenAIParameters):
    """The body of POST /v1/chat/completions."""

    messages: Annotated[list[Message], Field(min_length=1)] = Field(
        description="The last user message is the prompt; the others are not read."
    )
    max_tokens: Annotated[int, Field(ge=1), WHOLE] | None = Field(
        None, description=f"Symbols to generate; {DEFAULT_CHAT_TOKENS} if absent."
    )
    max_completion_tokens: Annotated[int, Field(ge=1), WHOLE] | None = Field(
        None, description="The newer name of max_tokens; takes precedence."
    )
    logprobs: bool = Field(False, description="Report each symbol's log probability.")
    top_logprobs: Annotated[int, within("logprobs"), WHOLE] | None = Field(
        None, description="Report so many of the likeliest symbols too; needs logprobs."
    )
    on_unknown: OnUnknownField = Field(
        "nearest",
        description="What happens to characters that the model does not know: chats hold any.",
    )

    @property
    def size(self) -> int:
        """Symbols of each answer, at most."""
        return self.max_completion_tokens or self.max_tokens or DEFAULT_CHAT_TOKENS

    def options(self, vocabulary: Vocabulary) -> GenerationOptions:
        """The engine's options. Raises InvalidValueError."""
        if self.top_logprobs is not None and not self.logprobs:
            raise InvalidValueError("top_logprobs needs logprobs: true", param="top_logprobs")
        return self._options(
            vocabulary, self.size, (self.top_logprobs or 0) if self.logprobs else None
        )

    def prompt(self) -> str:
        """The last user message.

        Raises:
            InvalidValueError: there is none.
        """
        for message in reversed(self.messages):
            if message.role == "user":
                return message.text()
        raise InvalidValueError(
            "messages holds no message with the role user; the last one is the prompt",
            param="messages",
        )
