"""/v1 as OpenAI's clients know it: models, completions, chat completions.

    client = OpenAI(base_url="http://localhost:8280/v1", api_key="none")
    client.completions.create(model="contes", prompt="le sultan ", max_tokens=200, seed=7)

All texts of a request, n for each prompt, are rows of one request to the engine.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Response, current_app, jsonify

from simpleml.errors import (
    InvalidValueError,
    ModelNotFoundError,
    PayloadTooLargeError,
)
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.generation.text_stream import TextStream
from simpleml.models.vocabulary import OnUnknown
from simpleml.web.answers import OriginalityAnswer, originality_answer
from simpleml.web.classroom.access import refuse_if_paused, visible
from simpleml.web.observability.request_log import current_record, load_model
from simpleml.web.openai.answers import (
    ChatChoice,
    ChatCompletion,
    ChatCompletionChunk,
    ChatShape,
    Completion,
    CompletionChoice,
    CompletionChunk,
    CompletionShape,
    ModelAnswer,
    ModelList,
    Token,
    TokenCursor,
    Usage,
    prompt_tokens,
    usage,
)
from simpleml.web.openai.parameters import ChatParameters, CompletionParameters
from simpleml.web.openapi.operation import EVENTS, GENERATES, JSON, Events, Operation, Routes
from simpleml.web.parameters import parse, read_json_object
from simpleml.web.run import Run
from simpleml.web.service import Service
from simpleml.web.streaming import event, event_stream

blueprint = Routes("openai", tag="openai")

_COMPLETION_EVENTS = Events(
    "CompletionEvent",
    "A chunk; at the end `[DONE]`, or an error.",
    (CompletionChunk,),
    last="[DONE]",
)
_CHAT_EVENTS = Events(
    "ChatCompletionEvent",
    "A chunk; at the end `[DONE]`, or an error.",
    (ChatCompletionChunk,),
    last="[DONE]",
)

_Examine = Callable[[str], OriginalityAnswer | None]
"""What of a generated text is copied; None where that was not asked for."""


@blueprint.operation(
    Operation("get", "/v1/models", "All models.", {JSON: ModelList}, example="BASE/v1/models")
)
def models() -> Response:
    """All models."""
    answer: ModelList = {"object": "list", "data": [_model(name) for name in _names()]}
    return jsonify(answer)


@blueprint.operation(
    Operation(
        "get", "/v1/models/{id}", "One model.", {JSON: ModelAnswer}, (404,),
        "/v1/models/<path:model_id>", example="BASE/v1/models/sherlock",
    )
)  # fmt: skip
def model(model_id: str) -> Response:
    """One model.

    Raises:
        ModelNotFoundError: there is none of that name.
    """
    names = _names()
    if model_id not in names:
        raise ModelNotFoundError.named(model_id, names)
    current_record().model = model_id
    return jsonify(_model(model_id))


@blueprint.operation(
    Operation(
        "post", "/v1/completions", "Texts that go on from one or more prompts.",
        {JSON: Completion, EVENTS: _COMPLETION_EVENTS}, (*GENERATES, 408),
        body=CompletionParameters, headers=("X-Random-State", "X-Fingerprint"),
        example="BASE/v1/completions -H 'Content-Type: application/json' "
        """-d '{"model": "sherlock", "prompt": "Holmes ", "max_tokens": 200, "seed": 7}'""",
    )
)  # fmt: skip
def completions() -> Response:
    """Texts that go on from one or more prompts."""
    service = _service()
    parameters = parse(CompletionParameters, read_json_object(service.settings.body_timeout))
    service.check_size(parameters.max_tokens, "max_tokens", least=0)
    generator = load_model(parameters.model)
    given = parameters.prompts()
    _check_texts(service, len(given), parameters.n)
    prompts = [_read_prompt(generator, one, parameters.on_unknown) for one in given]
    if parameters.echo and parameters.logprobs is not None:
        _check_scored(service, parameters.n * sum(len(one.indices) for one in prompts))
    return _answer(_Job(parameters, generator, prompts, CompletionShape(), parameters.echo))


@blueprint.operation(
    Operation(
        "post", "/v1/chat/completions", "Texts that go on from the last user message.",
        {JSON: ChatCompletion, EVENTS: _CHAT_EVENTS}, (*GENERATES, 408),
        body=ChatParameters, headers=("X-Random-State", "X-Fingerprint"),
        example="-N BASE/v1/chat/completions -H 'Content-Type: application/json' "
        """-d '{"model": "sherlock", "stream": true, """
        """"messages": [{"role": "user", "content": "Holmes "}]}'""",
    )
)  # fmt: skip
def chat_completions() -> Response:
    """Texts that go on from the last user message."""
    service = _service()
    parameters = parse(ChatParameters, read_json_object(service.settings.body_timeout))
    newer = parameters.max_completion_tokens is not None
    service.check_size(parameters.size, "max_completion_tokens" if newer else "max_tokens")
    generator = load_model(parameters.model)
    _check_texts(service, 1, parameters.n)
    prompt = _read_prompt(generator, parameters.prompt(), parameters.on_unknown, "messages")
    return _answer(_Job(parameters, generator, [prompt], ChatShape()))


def _service() -> Service:
    service: Service = current_app.extensions["simpleml"]
    return service


def _names() -> list[str]:
    return visible(_service().loader.names())


def _model(name: str) -> ModelAnswer:
    folder = _service().settings.models_dir / name
    try:
        created = int(folder.stat().st_mtime)
    except OSError:  # deleted just now
        created = 0
    return {"id": name, "object": "model", "created": created, "owned_by": "simpleml"}


def _check_texts(service: Service, prompts: int, n: int) -> None:
    most = service.engine.max_rows
    if prompts * n > most:
        raise InvalidValueError(
            f"The request asks for {prompts * n} texts at once (prompts: {prompts}, n: {n}); the "
            f"server makes at most {most}.",
            param="n" if n > 1 else "prompt",
        )


def _check_scored(service: Service, tokens: int) -> None:
    if tokens > (most := service.settings.max_seed):
        raise PayloadTooLargeError(
            f"The prompts have {tokens} tokens (prompts times n); with echo and logprobs at most "
            f"{most} are accepted.",
            param="prompt",
        )


@dataclass(frozen=True)
class _Prompt:
    text: str
    """As the client gave it."""
    indices: list[int]
    pieces: Callable[[], list[tuple[str, int]]]
    """Of the text, each with how many of the indices it became."""

    @property
    def ends_blank(self) -> bool:
        """Whether a word may follow without a separator."""
        return not self.text or self.text[-1].isspace()


def _read_prompt(
    generator: SequenceGenerator,
    given: str | list[int],
    on_unknown: OnUnknown,
    param: str = "prompt",
) -> _Prompt:
    service = _service()
    vocabulary = generator.vocabulary
    if isinstance(given, str):
        read = service.encode(generator, given, on_unknown, param)
        return _Prompt(given, read.indices, partial(vocabulary.pieces, given, read.changes))
    if len(given) > service.settings.max_seed:
        raise PayloadTooLargeError(
            f"The {param} has {len(given)} tokens; at most {service.settings.max_seed} are "
            "accepted.",
            param=param,
        )
    for index in given:
        if not 0 <= index < len(vocabulary):
            raise InvalidValueError(
                f"{param} holds the token {index}; the model's are 0 to {len(vocabulary) - 1}",
                param=param,
            )
    symbols = [vocabulary.symbols[index] for index in given]
    words = [vocabulary.separator * (at > 0) + one for at, one in enumerate(symbols)]
    return _Prompt("".join(words), given, lambda: [(one, 1) for one in words])


@dataclass(frozen=True)
class _Job:
    """One checked request: what its answer is made of."""

    parameters: CompletionParameters | ChatParameters
    generator: SequenceGenerator
    prompts: list[_Prompt]
    shape: CompletionShape | ChatShape
    echo: bool = False

    @property
    def reports_logprobs(self) -> bool:
        asked = self.parameters.logprobs
        return asked is not None and asked is not False

    def echoed(self, index: int) -> str:
        """What the text of that choice begins with."""
        return self._prompt(index).text if self.echo else ""

    def echoed_tokens(self, index: int, stream: TextStream) -> list[Token] | None:
        """Those of the prompt, when the stream has read it."""
        if not self.reports_logprobs:
            return None
        if not self.echo:
            return []
        pieces, separator = self._prompt(index).pieces(), self.generator.vocabulary.separator
        return prompt_tokens(pieces, stream.prompt_logprobs, separator)

    def cursor(self, index: int) -> TokenCursor:
        return TokenCursor(
            self.generator.vocabulary,
            starts_blank=self._prompt(index).ends_blank,
            offset=len(self.echoed(index)),
        )

    def usage(self, run: Run) -> Usage:
        return usage(
            sum(len(prompt.indices) for prompt in self.prompts), run.generation.symbols_generated
        )

    def _prompt(self, index: int) -> _Prompt:
        return self.prompts[index // self.parameters.n]


def _answer(job: _Job) -> Response:
    parameters = job.parameters
    service = _service()
    index = service.needed_index(job.generator, parameters.max_copy, parameters.originality)

    def examine(text: str) -> OriginalityAnswer | None:
        if index is None or not parameters.originality:
            return None
        return originality_answer(service.examine(job.generator, index, text), text)

    refuse_if_paused()
    run = service.generate(
        job.generator,
        [prompt.indices for prompt in job.prompts],
        parameters.options(job.generator.vocabulary),
        each=parameters.n,
        streaming=parameters.stream,
        starts_blank=[prompt.ends_blank for prompt in job.prompts],
        index=index,
        request_id=current_record().request_id,
        visitor=current_record().visitor,
    )
    current_record().run = run
    head = {
        "id": job.shape.id_prefix + secrets.token_hex(12),
        "object": job.shape.chunk_object if parameters.stream else job.shape.object,
        "created": int(time.time()),
        "model": job.generator.name,
        "system_fingerprint": run.fingerprint,
    }
    if parameters.stream:
        return event_stream(_frames(job, run, head, examine), run.headers, run=run)
    texts = run.wait()
    body = {
        **head,
        **_truncation(run),
        "choices": [_choice(job, run, index, text, examine) for index, text in enumerate(texts)],
        "usage": job.usage(run),
    }
    response = jsonify(body)
    response.headers.update(run.headers)
    return response


def _choice(
    job: _Job, run: Run, index: int, text: str, examine: _Examine
) -> CompletionChoice | ChatChoice:
    tokens = job.echoed_tokens(index, run.streams[index])
    if tokens is not None:
        tokens += job.cursor(index).advance(text, run.streams[index].logprobs, complete=True)
    choice = job.shape.choice(index, job.echoed(index) + text, tokens, run.finish_reason(index))
    if (copied := examine(text)) is not None:
        choice["originality"] = copied
    return choice


def _truncation(run: Run) -> dict[str, str]:
    by = run.generation.truncated_by
    return {"truncated_by": by} if by else {}


def _frames(
    job: _Job, run: Run, head: Mapping[str, Any], examine: _Examine
) -> Iterator[str | None]:
    """The events of a stream, which ends with [DONE] unless it fails."""
    asked = job.parameters.stream_options
    asked_usage = bool(asked and asked.include_usage)
    rest: dict[str, Any] = {"usage": None} if asked_usage else {}
    cursors = [job.cursor(index) for index in range(len(run.streams))]
    texts = [""] * len(run.streams)
    unopened = set(range(len(run.streams)))

    def openings(over: bool = False) -> Iterator[str]:
        """Of the texts whose prompts are read by now."""
        for index in sorted(unopened):
            stream = run.streams[index]
            if stream.unread and not over:
                continue
            unopened.remove(index)
            opening = job.shape.opening(index, job.echoed(index), job.echoed_tokens(index, stream))
            if opening is not None:
                yield event({**head, "choices": [opening], **rest})

    yield from openings()
    for pieces in run.news():
        if pieces is None:
            yield None
            continue
        # A text's last piece is known to be the last when the whole request is over.
        last = run.complete
        yield from openings(last)
        for index, piece in enumerate(pieces):
            if not piece and not last:
                continue
            texts[index] += piece
            tokens = None
            if job.reports_logprobs:
                drawn = run.streams[index].logprobs
                tokens = cursors[index].advance(piece, drawn, complete=last)
            reason = run.finish_reason(index) if last else None
            choice = job.shape.piece(index, piece, tokens, reason)
            if last and (copied := examine(texts[index])) is not None:
                choice["originality"] = copied
            yield event({**head, **_truncation(run), "choices": [choice], **rest})
    if asked_usage:
        yield event({**head, "choices": [], "usage": job.usage(run)})
    yield event("[DONE]")
