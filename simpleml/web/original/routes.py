"""The original routes: GET /<model>/g/<seed>/<size>[/<temp>], POST /<model>, GET /<model>."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from typing import Any

from flask import Response, current_app, jsonify, request
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import BaseConverter

from simpleml.copying.index import Copied
from simpleml.errors import InvalidValueError, SimpleMLError
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.models.vocabulary import EncodedSeed
from simpleml.web.answers import originality_header
from simpleml.web.classroom.access import refuse_if_paused
from simpleml.web.negotiation import CONTENT_TYPES, head_response, text_form
from simpleml.web.observability.request_log import current_record, load_model
from simpleml.web.openapi.operation import (
    EVENTS,
    GENERATES,
    JSON,
    STRING,
    TEXT,
    Events,
    Operation,
    Routes,
)
from simpleml.web.original.answers import (
    CardAnswer,
    GenerateAnswer,
    QueuePiece,
    TextPiece,
    changes_header,
    generate_answer,
    symbol_logprobs,
)
from simpleml.web.original.parameters import GenerateParameters, known_options
from simpleml.web.parameters import parse, read_json_object
from simpleml.web.run import Run
from simpleml.web.service import Service
from simpleml.web.streaming import event, event_stream, text_stream

blueprint = Routes("original", tag="generate")

_EVENTS = Events(
    "TextEvent",
    "A piece of the text; at the end, as the event `done`, the whole answer, or an `error`. In a "
    "class, before the first piece, where it waits for its place: `queue`.",
    (TextPiece, GenerateAnswer, QueuePiece),
    names=("message", "done", "error", "queue"),
)
_GENERATED = {TEXT: STRING, JSON: GenerateAnswer, EVENTS: _EVENTS}
_HEADERS = (
    "X-Random-State", "X-Fingerprint", "X-Finish-Reason", "X-Seed-Changes", "X-Originality",
    "X-Ignored",
)  # fmt: skip
QUEUE_SECONDS = 0.5
"""Between two words on where a request waits."""
_REST = "/<model>/g/<rest:rest>"


class RestConverter(BaseConverter):
    """The rest of the path whatever it holds: slashes, newlines, nothing."""

    regex = r"(?s:.*)"
    part_isolating = False


@blueprint.operation(
    Operation(
        "get", "/{model}/g/{seed}/{size}", "A text: the seed as given and what follows it.",
        _GENERATED, GENERATES, _REST, query=GenerateParameters, headers=_HEADERS,
        example="'BASE/sherlock/g/Holmes%20/200'",
    ),
    Operation(
        "get", "/{model}/g/{seed}/{size}/{temp}", "The same with a temperature.",
        _GENERATED, GENERATES, _REST, query=GenerateParameters, headers=_HEADERS,
        example="'BASE/sherlock/g/Holmes%20/200/0.8?random_state=7'",
    ),
)  # fmt: skip
def generate_get(model: str, rest: str) -> Response:
    """The seed as given, then exactly `size` generated characters."""
    return answer(model, {**_query(), **split_path(rest)})


def _query() -> dict[str, Any]:
    values: dict[str, Any] = request.args.to_dict()
    if len(stops := request.args.getlist("stop")) > 1:
        values["stop"] = stops
    if "mix" in values:
        values["mix"] = ",".join(request.args.getlist("mix"))
    return values


@blueprint.operation(
    Operation(
        "post", "/{model}", "The same by JSON, whatever the Content-Type says.",
        _GENERATED, (*GENERATES, 408), body=GenerateParameters, headers=_HEADERS,
        example="BASE/sherlock -H 'Accept: application/json' "
        """-d '{"seed": "Holmes ", "size": 200, "temp": 0.5}'""",
    )
)  # fmt: skip
def generate_post(model: str) -> Response:
    """The same by JSON {"seed", "size", "temp"}, whatever its Content-Type."""
    _refuse_other_routes()
    service: Service = current_app.extensions["simpleml"]
    body = read_json_object(service.settings.body_timeout)
    return answer(model, {**request.args.to_dict(), **body})


def _refuse_other_routes() -> None:
    """POST /livez reaches the route of models, because that of probes knows GET alone."""
    adapter = current_app.create_url_adapter(request)
    if adapter is not None and adapter.match(method="GET")[0] != "original.card":
        raise MethodNotAllowed(["GET", "HEAD", "OPTIONS"])


@blueprint.operation(
    Operation(
        "get", "/{model}",
        "The model's card: vocabulary, sizes, mode, validation, licence of the corpus. With a seed "
        "or another option: a text.",
        {**_GENERATED, JSON: (CardAnswer, GenerateAnswer)}, GENERATES, query=GenerateParameters,
        headers=_HEADERS, example="BASE/sherlock",
    )
)  # fmt: skip
def card(model: str) -> Response:
    """The model's card, or a text where the query has options of one."""
    options, ignored = known_options(_query())
    if options:
        return answer(model, _query())
    generator = load_model(model)
    described: CardAnswer = {
        "model": model,
        **generator.card.to_json(),  # type: ignore[typeddict-item]  # a card's fields
        "alphabet": list(generator.vocabulary.symbols),
        "precision": generator.precision,
        "mode": "stateful" if generator.card.stateful else "window",
    }
    response = jsonify(described)
    response.headers.update(_ignored_header(ignored))
    return response


def _ignored_header(names: list[str]) -> dict[str, str]:
    return {"X-Ignored": json.dumps(names)} if names else {}


def _changes_header(seed: EncodedSeed) -> dict[str, str]:
    return {"X-Seed-Changes": changes_header(seed.changes)} if seed.changes else {}


def split_path(rest: str) -> dict[str, str]:
    """Read seed, size and temp from the right of a path's rest; the seed may hold slashes."""
    parts = rest.rsplit("/", 2)
    if len(parts) == 3 and _is_integer(parts[1]):
        return {"seed": parts[0], "size": parts[1], "temp": parts[2]}
    seed, slash, size = rest.rpartition("/")
    if not slash:
        # /<model>/g/<seed> without a size: the default's
        return {"seed": rest}
    return {"seed": seed, "size": size}


def _is_integer(text: str) -> bool:
    return text.lstrip("+-").isdecimal() and text.isascii()


def answer(model: str, values: dict[str, Any]) -> Response:
    """Check the values, generate, and answer in the form that the client asked for."""
    service: Service = current_app.extensions["simpleml"]
    generator = load_model(model)
    options, ignored = known_options(values)
    parameters = parse(GenerateParameters, options)
    if parameters.mix is not None:
        generator = _blended(generator, parameters.mix)
    service.check_size(parameters.size)
    seed = service.encode(generator, parameters.seed, parameters.on_unknown)
    index = service.needed_index(generator, parameters.max_copy, parameters.originality)
    form = text_form(parameters.stream)
    if request.method == "HEAD":  # everything was checked
        return head_response(form)
    refuse_if_paused()
    streaming = parameters.stream or form == "events"
    run = service.generate(
        generator,
        [seed.indices],
        parameters.options(),
        streaming=streaming,
        starts_blank=[not parameters.seed or parameters.seed[-1].isspace()],
        seconds=parameters.max_time_ms / 1000 if parameters.max_time_ms else None,
        index=index,
        request_id=current_record().request_id,
        visitor=current_record().visitor,
    )
    current_record().run = run

    def examine(generated: str) -> Copied | None:
        if index is None or not parameters.originality:
            return None
        return service.examine(generator, index, generated)

    def finished(generated: str, copied: Copied | None) -> GenerateAnswer:
        body = generate_answer(run, generator, parameters, seed, generated, copied)
        if ignored:
            body["ignored"] = ignored
        return body

    headers = {**run.headers, **_ignored_header(ignored), **_changes_header(seed)}
    if form == "events":
        frames = _frames(run, parameters, lambda text: finished(text, examine(text)))
        if not current_record().visitor:
            return event_stream(frames, headers, run=run, error_name="error")
        frames = chain(_queue_frames(service, run), frames)
        return event_stream(frames, headers, run=run, error_name="error", at_once=True)
    if streaming:
        return text_stream(_chunks(run, parameters.seed), headers, run=run)
    (generated,) = run.wait()
    copied = examine(generated)
    if form == "json":
        response = jsonify(finished(generated, copied))
        response.headers.update(run.headers)
        return response
    if copied is not None:
        headers["X-Originality"] = originality_header(copied)
    headers["X-Finish-Reason"] = run.finish_reason(0)
    return Response(parameters.seed + generated, 200, headers, content_type=CONTENT_TYPES["text"])


def _blended(addressed: SequenceGenerator, mix: Mapping[str, float]) -> SequenceGenerator:
    """The models of the address, and others, with their weights."""
    for one in addressed.members:
        if one.name not in mix:
            raise InvalidValueError(
                f"mix leaves out {one.name}, which the address names; give it a weight, 0 if it "
                "shall write nothing",
                param="mix",
            )
    try:
        return load_model(mix)
    except SimpleMLError as error:
        error.param = "mix"
        raise


def _chunks(run: Run, seed: str) -> Iterator[str]:
    if seed:
        yield seed
    for pieces in run.news():
        if pieces is not None:
            yield pieces[0]


def _queue_frames(service: Service, run: Run) -> Iterator[str]:
    for _ in run.queued(QUEUE_SECONDS):
        place, seconds = service.engine.wait_of(run.generation.request_id)
        if place is not None and seconds is not None:
            waiting = max(place, service.engine.waiting)
            piece: QueuePiece = {"place": place, "waiting": waiting, "seconds": round(seconds, 1)}
            yield event(piece, name="queue")


def _frames(
    run: Run, parameters: GenerateParameters, finished: Callable[[str], GenerateAnswer]
) -> Iterator[str | None]:
    generated: list[str] = []
    sent = 0
    for pieces in run.news():
        if pieces is None:
            yield None
            continue
        piece: TextPiece = {"text": pieces[0]}
        if parameters.logprobs is not None:
            # The engine notes a symbol's log p before it shows the symbol, so what stands here
            # covers the piece; with a stop string it may be ahead of the text.
            news = run.streams[0].logprobs[sent:]
            sent += len(news)
            piece["logprobs"] = symbol_logprobs(news)
        if any(piece.values()):
            generated.append(pieces[0])
            yield event(piece)
    done = finished("".join(generated))
    done.pop("logprobs", None)
    yield event(done, name="done")
