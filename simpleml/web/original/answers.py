"""The JSON of the original routes: types, and what a finished run becomes."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field

# pydantic reads TypedDict from here before Python 3.12
from typing_extensions import TypedDict

from simpleml.copying.index import Copied
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.generation.text_stream import SymbolLogprobs
from simpleml.models.vocabulary import EncodedSeed, SeedChange
from simpleml.web.answers import (
    FinishReason,
    OriginalityAnswer,
    SeedChangeAnswer,
    finite,
    originality_answer,
    seed_change,
)
from simpleml.web.original.parameters import GenerateParameters
from simpleml.web.run import Run

_HEADER_BYTES = 4000
"""Proxies and clients refuse an answer whose headers take more than 8 KB or so."""


class SymbolLogprobsAnswer(TypedDict):
    """What the network thought of one generated symbol, and with which chance it was drawn."""

    symbol: str
    logprob: float
    top: Annotated[
        list[tuple[str, float]],
        Field(
            description="The likeliest symbols with their log probability, likeliest first; "
            "before any option changed it, as `logprob` is."
        ),
    ]
    chance: Annotated[
        float, Field(ge=0, le=1, description="Of the symbol, after temperature and every option.")
    ]
    chances: Annotated[list[float], Field(description="The same of each of `top`.")]


class GenerateAnswer(TypedDict):
    """A generated text with everything that is needed to have it again."""

    model: str
    seed: Annotated[str, Field(description="As given.")]
    text: Annotated[str, Field(description="The seed as given and what follows it.")]
    generated: Annotated[str, Field(description="What follows the seed.")]
    finish_reason: FinishReason
    random_state: Annotated[
        int, Field(ge=0, lt=2**32, description="Drawn by the server when none was given.")
    ]
    fingerprint: Annotated[
        str, Field(description="Of what made the text, as the header X-Fingerprint.")
    ]
    seed_characters_used: Annotated[
        int, Field(ge=0, description="Symbols of the seed that the network reads.")
    ]
    elapsed_ms: Annotated[float, Field(ge=0)]
    truncated_by: NotRequired[
        Annotated[Literal["time"], Field(description="The deadline cut the text.")]
    ]
    seed_changes: NotRequired[list[SeedChangeAnswer]]
    ignored: NotRequired[
        Annotated[list[str], Field(description="Options that mean nothing here; the first 20.")]
    ]
    logprobs: NotRequired[list[SymbolLogprobsAnswer]]
    originality: NotRequired[
        Annotated[OriginalityAnswer, Field(description="What of `generated` is copied.")]
    ]


class TextPiece(TypedDict):
    """The next piece of a streamed text."""

    text: str
    logprobs: NotRequired[list[SymbolLogprobsAnswer]]


class QueuePiece(TypedDict):
    """Where the request waits for its place, in a class."""

    place: Annotated[int, Field(ge=1, description="1 is the next one.")]
    waiting: Annotated[int, Field(ge=1, description="Requests that wait in all.")]
    seconds: Annotated[float, Field(ge=0, description="A guess at how long it still waits.")]


class CardAnswer(TypedDict):
    """What is known of a model."""

    model: str
    layers: Annotated[int, Field(ge=1)]
    units: Annotated[int, Field(ge=1)]
    vocabulary_size: Annotated[int, Field(ge=1)]
    seq_maxlen: Annotated[int, Field(ge=1, description="Characters of the window.")]
    level: Literal["char", "word"]
    stateful: Annotated[bool, Field(description="The state is carried on, unless asked otherwise.")]
    lower: bool
    unknown_symbol: str | None
    base: Annotated[bool, Field(description="Other models may begin from this one.")]
    language: Annotated[str | None, Field(description="Of the text, as in BCP 47: fr, en.")]
    title: Annotated[dict[str, str], Field(description="What pages call it, by language.")]
    metrics: Annotated[
        dict[str, Any], Field(description="Validation nats and bits per character, how held out.")
    ]
    corpus: Annotated[dict[str, Any], Field(description="sha256, characters, source, licence.")]
    training: dict[str, Any]
    weights_sha256: str
    notes: dict[str, Any]
    alphabet: Annotated[list[str], Field(description="The symbols in index order.")]
    precision: Literal["float32", "int8"]
    mode: Literal["stateful", "window"]


def generate_answer(
    run: Run,
    generator: SequenceGenerator,
    parameters: GenerateParameters,
    seed: EncodedSeed,
    generated: str,
    copied: Copied | None,
) -> GenerateAnswer:
    """The JSON answer of a finished run; `copied` where it was asked for."""
    window = run.generation.window
    used = len(seed.indices) if window is None else min(window, len(seed.indices))
    body: GenerateAnswer = {
        "model": generator.name,
        "seed": parameters.seed,
        "text": parameters.seed + generated,
        "generated": generated,
        "finish_reason": run.finish_reason(0),
        "random_state": run.random_state,
        "fingerprint": run.fingerprint,
        "seed_characters_used": used,
        "elapsed_ms": round(1000 * (time.monotonic() - run.generation.submitted_at), 3),
    }
    if run.generation.truncated_by:
        body["truncated_by"] = run.generation.truncated_by
    if seed.changes:
        body["seed_changes"] = [seed_change(one) for one in seed.changes]
    if parameters.logprobs is not None:
        body["logprobs"] = symbol_logprobs(run.streams[0].logprobs)
    if copied is not None:
        body["originality"] = originality_answer(copied, generated)
    return body


def symbol_logprobs(symbols: Sequence[SymbolLogprobs]) -> list[SymbolLogprobsAnswer]:
    """What the network thought of some generated symbols, rounded for sending."""
    return [
        {
            "symbol": one.symbol,
            "logprob": round(finite(one.logprob), 4),
            "top": [(symbol, round(finite(logprob), 4)) for symbol, logprob in one.top],
            "chance": round(one.chance or 0.0, 4),
            "chances": [round(chance, 4) for chance in one.chances],
        }
        for one in symbols
    ]


def changes_header(changes: Sequence[SeedChange]) -> str:
    """X-Seed-Changes: the changes as JSON, as many of them as a header can hold.

    The JSON answer has all of them; where some are left out here the last entry says how many.
    """
    shown: list[str] = []
    room = _HEADER_BYTES
    for one in changes:
        text = json.dumps(seed_change(one))
        room -= len(text) + 2
        if room < 0:
            shown.append(json.dumps({"more": len(changes) - len(shown)}))
            break
        shown.append(text)
    return f"[{', '.join(shown)}]"
