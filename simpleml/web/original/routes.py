"""The original routes: GET /<model>/g/<seed>/<size>[/<temp>], POST /<model>, GET /<model>."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.routing import BaseConverter

from simpleml.copying.index import Originality
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.generation.text_stream import SymbolLogprobs
from simpleml.models.vocabulary import EncodedSeed, SeedChange
from simpleml.web import copying as originality
from simpleml.web.answers import finite
from simpleml.web.parameters import GenerateParameters, parse, read_json_object
from simpleml.web.request_log import current_record, load_model
from simpleml.web.service import Run, Service
from simpleml.web.streaming import event, event_stream, text_stream

blueprint = Blueprint("original", __name__)

_HEADER_BYTES = 4000
"""Proxies and clients refuse an answer whose headers take more than 8 KB or so."""


class RestConverter(BaseConverter):
    """The rest of the path whatever it holds: slashes, newlines, nothing."""

    regex = r"(?s:.*)"
    part_isolating = False


@blueprint.get("/<model>/g/<rest:rest>")
def generate_get(model: str, rest: str) -> Response:
    """The seed as given, then exactly `size` generated characters."""
    values: dict[str, Any] = dict(request.args.items())
    if len(stops := request.args.getlist("stop")) > 1:
        values["stop"] = stops
    values.update(split_path(rest))
    return answer(model, values)


@blueprint.post("/<model>")
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


@blueprint.get("/<model>")
def card(model: str) -> Response:
    """The model's card."""
    generator = load_model(model)
    described = {"model": model, **generator.card.to_json()}
    described["alphabet"] = list(generator.vocabulary.symbols)
    described["precision"] = generator.precision
    described["mode"] = "stateful" if generator.card.stateful else "window"
    return jsonify(described)


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
    parameters = parse(GenerateParameters, values)
    service.check_size(parameters.size)
    seed = service.encode(generator, parameters.seed, parameters.on_unknown)
    index = originality.needed_index(service, generator, parameters)
    accepts = request.accept_mimetypes
    as_events = _names(accepts, "text/event-stream") or (
        parameters.stream and not _prefers(accepts, "text/plain")
    )
    as_json = _prefers(accepts, "application/json")
    streaming = as_events or parameters.stream
    if request.method == "HEAD":  # everything was checked; nothing is generated to be thrown away
        return _head("event-stream" if as_events else "json" if as_json else "plain")
    seconds = parameters.max_time_ms / 1000 if parameters.max_time_ms else None
    run = service.generate(
        generator,
        [seed.indices],
        parameters.options(),
        streaming=streaming,
        starts_blank=not parameters.seed or parameters.seed[-1].isspace(),
        seconds=seconds,
        index=index,
        request_id=current_record().request_id,
    )
    current_record().run = run

    def examine(generated: str) -> Originality | None:
        if index is None or not parameters.originality:
            return None
        return service.examine(index, generated)

    headers = {"X-Random-State": str(run.options.random_state)}
    if seed.changes:
        headers["X-Seed-Changes"] = changes_header(seed.changes)
    if as_events:
        events = _events(run, generator, parameters, seed, examine)
        return event_stream(events, headers, run=run, error_name="error")
    if streaming:
        return text_stream(_chunks(run, parameters.seed), headers, run=run)
    (generated,) = run.wait()
    copied = examine(generated)
    if as_json:
        return jsonify(result(run, generator, parameters, seed, generated, copied))
    if copied is not None:
        headers["X-Originality"] = originality.header(copied)
    headers["X-Finish-Reason"] = run.streams[0].finish_reason or ""
    return Response(
        parameters.seed + generated, headers=headers, content_type="text/plain; charset=utf-8"
    )


def _prefers(accepts: Any, kind: str) -> bool:
    """Whether the client names this type and none of ours before it."""
    ours = ["text/plain", "application/json", "text/event-stream"]
    return _names(accepts, kind) and accepts.best_match(ours) == kind


def _names(accepts: Any, kind: str) -> bool:
    """Whether the client names this very type, and not to exclude it."""
    return any(value.lower() == kind and quality > 0 for value, quality in accepts)


def _head(kind: str) -> Response:
    content_type = {
        "plain": "text/plain; charset=utf-8",
        "json": "application/json",
        "event-stream": "text/event-stream; charset=utf-8",
    }[kind]
    response = Response(content_type=content_type)
    # The length of a text that was not generated is not known.
    response.automatically_set_content_length = False
    return response


def changes_header(changes: list[SeedChange]) -> str:
    """X-Seed-Changes: the changes as JSON, as many of them as a header can hold.

    The JSON answer has all of them; where some are left out here the last entry says how many.
    """
    shown: list[str] = []
    room = _HEADER_BYTES
    for one in changes:
        text = json.dumps(one.to_json())
        room -= len(text) + 2
        if room < 0:
            shown.append(json.dumps({"more": len(changes) - len(shown)}))
            break
        shown.append(text)
    return f"[{', '.join(shown)}]"


def result(
    run: Run,
    generator: SequenceGenerator,
    parameters: GenerateParameters,
    seed: EncodedSeed,
    generated: str,
    copied: Originality | None,
) -> dict[str, Any]:
    """The JSON answer of a finished run; `copied` where it was asked for."""
    window = run.generation.window
    used = len(seed.indices) if window is None else min(window, len(seed.indices))
    body: dict[str, Any] = {
        "model": generator.name,
        "seed": parameters.seed,
        "text": parameters.seed + generated,
        "generated": generated,
        "finish_reason": run.streams[0].finish_reason,
        "random_state": run.options.random_state,
        "seed_characters_used": used,
        "elapsed_ms": round(1000 * (time.monotonic() - run.generation.submitted_at), 3),
    }
    if run.generation.truncated_by:
        body["truncated_by"] = run.generation.truncated_by
    if seed.changes:
        body["seed_changes"] = [one.to_json() for one in seed.changes]
    if parameters.logprobs is not None:
        body["logprobs"] = [_logprobs(one) for one in run.streams[0].logprobs]
    if copied is not None:
        body["originality"] = originality.answer(copied, generated)
    return body


def _logprobs(symbol: SymbolLogprobs) -> dict[str, Any]:
    return {
        "symbol": symbol.symbol,
        "logprob": _rounded(symbol.logprob),
        "top": [[other, _rounded(logprob)] for other, logprob in symbol.top],
    }


def _rounded(logprob: float) -> float:
    """Rounded for sending."""
    return round(finite(logprob), 4)


def _chunks(run: Run, seed: str) -> Iterator[str]:
    if seed:
        yield seed
    for pieces in run.news():
        if pieces is not None:
            yield pieces[0]


def _events(
    run: Run,
    generator: SequenceGenerator,
    parameters: GenerateParameters,
    seed: EncodedSeed,
    examine: Callable[[str], Originality | None],
) -> Iterator[str | None]:
    generated: list[str] = []
    sent = 0
    for pieces in run.news():
        if pieces is None:
            yield None
            continue
        frame: dict[str, Any] = {"text": pieces[0]}
        if parameters.logprobs is not None:
            # The engine notes a symbol's log p before it shows the symbol, so what stands
            # here covers the piece; with a stop string it may be ahead of the text.
            news = run.streams[0].logprobs[sent:]
            sent += len(news)
            frame["logprobs"] = [_logprobs(one) for one in news]
        if any(frame.values()):
            generated.append(pieces[0])
            yield event(frame)
    text = "".join(generated)
    done = result(run, generator, parameters, seed, text, examine(text))
    done.pop("logprobs", None)
    yield event(done, name="done")
