"""The JSON of /v1, in OpenAI's shapes: types, and how choices and log probabilities become them.

Everything here is pure. One token is one symbol of the model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from simpleml.generation.text_stream import SymbolLogprobs
from simpleml.models.vocabulary import Vocabulary
from simpleml.web.answers import FinishReason, OriginalityAnswer, finite


class ModelAnswer(TypedDict):
    """A model that can be asked."""

    id: str
    object: Literal["model"]
    created: Annotated[int, Field(description="When its files were written, in Unix seconds.")]
    owned_by: str


class ModelList(TypedDict):
    """All models."""

    object: Literal["list"]
    data: list[ModelAnswer]


class Usage(TypedDict):
    """Symbols read and written."""

    prompt_tokens: Annotated[int, Field(ge=0)]
    completion_tokens: Annotated[int, Field(ge=0)]
    total_tokens: Annotated[int, Field(ge=0)]


class CompletionLogprobs(TypedDict):
    """Log probabilities before temperature and every other option.

    Null for the prompt's first token, and for what of it the model does not read.
    """

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None]
    text_offset: list[int]


class CompletionChoice(TypedDict):
    """One text."""

    index: int
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: FinishReason
    originality: NotRequired[OriginalityAnswer]


class CompletionChunkChoice(TypedDict):
    """The next piece of one text; finish_reason comes with its last."""

    index: int
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: FinishReason | None
    originality: NotRequired[OriginalityAnswer]


class _Head(TypedDict):
    id: str
    created: Annotated[int, Field(description="Unix seconds.")]
    model: str
    system_fingerprint: Annotated[str, Field(description="As X-Fingerprint.")]
    truncated_by: NotRequired[
        Annotated[Literal["time"], Field(description="The deadline cut the text.")]
    ]


class Completion(_Head):
    """The answer to POST /v1/completions."""

    object: Literal["text_completion"]
    choices: list[CompletionChoice]
    usage: Usage


class CompletionChunk(_Head):
    """An event of a streamed completion; with include_usage the last has usage and no choices."""

    object: Literal["text_completion"]
    choices: list[CompletionChunkChoice]
    usage: NotRequired[Usage | None]


class TopLogprob(TypedDict):
    """A symbol that could have come."""

    token: str
    logprob: float
    bytes: list[int] | None


class TokenLogprob(TopLogprob):
    """A symbol that came."""

    top_logprobs: list[TopLogprob]


class ChatLogprobs(TypedDict):
    """Log probabilities before temperature and every other option."""

    content: list[TokenLogprob]
    refusal: None


class ChatMessage(TypedDict):
    """The text."""

    role: Literal["assistant"]
    content: str
    refusal: None


class ChatChoice(TypedDict):
    """One text."""

    index: int
    message: ChatMessage
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason
    originality: NotRequired[OriginalityAnswer]


class ChatDelta(TypedDict):
    """The next piece of the text."""

    role: NotRequired[Literal["assistant"]]
    content: NotRequired[str]


class ChatChunkChoice(TypedDict):
    """The next piece of one text; finish_reason comes with its last."""

    index: int
    delta: ChatDelta
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason | None
    originality: NotRequired[OriginalityAnswer]


class ChatCompletion(_Head):
    """The answer to POST /v1/chat/completions."""

    object: Literal["chat.completion"]
    choices: list[ChatChoice]
    usage: Usage


class ChatCompletionChunk(_Head):
    """An event of a streamed chat; with include_usage the last has usage and no choices."""

    object: Literal["chat.completion.chunk"]
    choices: list[ChatChunkChoice]
    usage: NotRequired[Usage | None]


def usage(prompt: int, completion: int) -> Usage:
    """The three counts."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


@dataclass(frozen=True)
class Token:
    """A token's text as it stands in the answer, and what the network thought of it."""

    text: str
    offset: int
    """Characters of the answer before it."""
    logprob: float | None = None
    """None where nothing stands before it, or where the model does not read it."""
    top: tuple[tuple[str, float], ...] = ()


class TokenCursor:
    """Gives the tokens of a growing text, in step with the pieces of text that are sent.

    Symbols are drawn before they may be shown (a stop string could be growing) and some never are;
    a token goes with the piece that completes it.
    """

    def __init__(self, vocabulary: Vocabulary, *, starts_blank: bool, offset: int = 0) -> None:
        self._separator = vocabulary.separator
        self._blank = starts_blank
        self._offset = offset
        self._shown = offset
        self._taken = 0

    def advance(
        self, piece: str, drawn: Sequence[SymbolLogprobs], complete: bool = False
    ) -> list[Token]:
        """Tokens that `piece`, the text's next, completes.

        Args:
            piece: characters to be shown now.
            drawn: everything drawn so far.
            complete: the text ends with this piece, so a token cut by a stop string goes too.
        """
        self._shown += len(piece)
        tokens = []
        while self._taken < len(drawn):
            one = drawn[self._taken]
            before = "" if self._blank else self._separator
            text = before + one.symbol
            end = self._offset + len(text)
            if end > self._shown and not (complete and self._offset < self._shown):
                break
            top = tuple((before + symbol, logprob) for symbol, logprob in one.top)
            tokens.append(Token(text, self._offset, one.logprob, top))
            self._blank = False
            self._offset = end
            self._taken += 1
        return tokens


def prompt_tokens(
    pieces: Iterable[tuple[str, int]], noted: Sequence[SymbolLogprobs], separator: str
) -> list[Token]:
    """The tokens of an echoed prompt; joined they are the prompt.

    Args:
        pieces: of the prompt, each with how many symbols the model read for it.
        noted: of each of those symbols but the first.
        separator: of the vocabulary, which stands before a word.
    """
    tokens, offset, read = [], 0, 0
    for text, became in pieces:
        given = noted[read - 1 : read - 1 + became] if read else ()
        logprob = sum(one.logprob for one in given) if 0 < len(given) == became else None
        top = given[0].top if logprob is not None and became == 1 else ()
        shown = tuple((separator + symbol, likely) for symbol, likely in top)
        tokens.append(Token(text, offset, logprob, shown))
        offset += len(text)
        read += became
    return tokens


def completion_logprobs(tokens: Sequence[Token]) -> CompletionLogprobs:
    """The parallel lists of /v1/completions; the drawn token is always among its top ones."""
    tops: list[dict[str, float] | None] = []
    for token in tokens:
        if token.logprob is None:
            tops.append(None)
            continue
        top = {symbol: finite(logprob) for symbol, logprob in token.top}
        top.setdefault(token.text, finite(token.logprob))
        tops.append(top)
    return {
        "tokens": [token.text for token in tokens],
        "token_logprobs": [
            None if token.logprob is None else finite(token.logprob) for token in tokens
        ],
        "top_logprobs": tops,
        "text_offset": [token.offset for token in tokens],
    }


def chat_logprobs(tokens: Sequence[Token]) -> ChatLogprobs:
    """The list of objects of /v1/chat/completions."""
    content: list[TokenLogprob] = [
        {
            **_top(token.text, token.logprob or 0.0),
            "top_logprobs": [_top(symbol, logprob) for symbol, logprob in token.top],
        }
        for token in tokens
    ]
    return {"content": content, "refusal": None}


def _top(token: str, logprob: float) -> TopLogprob:
    return {
        "token": token,
        "logprob": finite(logprob),
        "bytes": list(token.encode("utf-8", "replace")),
    }


class CompletionShape:
    """A completion's choices."""

    id_prefix = "cmpl-"
    object = "text_completion"
    chunk_object = "text_completion"

    def choice(
        self, index: int, text: str, tokens: Sequence[Token] | None, reason: FinishReason
    ) -> CompletionChoice:
        """A whole text; without tokens, without log probabilities."""
        return {
            "index": index,
            "text": text,
            "logprobs": None if tokens is None else completion_logprobs(tokens),
            "finish_reason": reason,
        }

    def piece(
        self, index: int, text: str, tokens: Sequence[Token] | None, reason: FinishReason | None
    ) -> CompletionChunkChoice:
        """The next piece of a text; a reason with its last."""
        return {
            "index": index,
            "text": text,
            "logprobs": None if tokens is None else completion_logprobs(tokens),
            "finish_reason": reason,
        }

    def opening(
        self, index: int, echoed: str, tokens: Sequence[Token] | None
    ) -> CompletionChunkChoice | None:
        """What comes before the first piece: the prompt, with echo."""
        return self.piece(index, echoed, tokens, None) if echoed else None


class ChatShape:
    """A chat completion's choices."""

    id_prefix = "chatcmpl-"
    object = "chat.completion"
    chunk_object = "chat.completion.chunk"

    def choice(
        self, index: int, text: str, tokens: Sequence[Token] | None, reason: FinishReason
    ) -> ChatChoice:
        """A whole text; without tokens, without log probabilities."""
        return {
            "index": index,
            "message": {"role": "assistant", "content": text, "refusal": None},
            "logprobs": None if tokens is None else chat_logprobs(tokens),
            "finish_reason": reason,
        }

    def piece(
        self, index: int, text: str, tokens: Sequence[Token] | None, reason: FinishReason | None
    ) -> ChatChunkChoice:
        """The next piece of a text; a reason with its last."""
        return {
            "index": index,
            "delta": {"content": text} if text or reason is None else {},
            "logprobs": None if tokens is None else chat_logprobs(tokens),
            "finish_reason": reason,
        }

    def opening(
        self, index: int, echoed: str, tokens: Sequence[Token] | None
    ) -> ChatChunkChoice | None:
        """What comes before the first piece: who speaks."""
        return {
            "index": index,
            "delta": {"role": "assistant", "content": ""},
            "logprobs": None,
            "finish_reason": None,
        }
