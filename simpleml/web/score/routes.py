"""POST /v1/score: how well each model predicts a text, the best first.

    curl http://localhost:8280/v1/score -d '{"text": "To be, or not to be", "models": "all"}'

One model after the other reads it, in the engine, beside what is generated meanwhile. A model that
cannot costs its own row; who asks for events sees each row as it comes, and how far the reading is.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing

from flask import Response, current_app, jsonify

from simpleml.errors import (
    DeadlineError,
    ModelNotFoundError,
    QueueFullError,
    SimpleMLError,
    StoppingError,
)
from simpleml.generation.scoring import SCORED, Score, Scoring
from simpleml.web.errors import describe
from simpleml.web.negotiation import text_form
from simpleml.web.observability.request_log import RequestRecord, current_record
from simpleml.web.openapi.operation import EVENTS, JSON, Events, Operation, Routes
from simpleml.web.parameters import parse, read_json_object
from simpleml.web.score.answers import (
    FailedModel,
    ScoreAnswer,
    ScoredModel,
    ScoreProgress,
    ranked,
    scored_model,
)
from simpleml.web.score.parameters import ScoreParameters
from simpleml.web.service import Service
from simpleml.web.streaming import event, event_stream
from simpleml.web.threads import in_thread

blueprint = Routes("score", tag="score")

_EVENTS = Events(
    "ScoreEvent",
    "A model's row; as the event `progress` how far a model has read; at the end, as the event "
    "`done`, the whole answer without `surprise`, or an `error`.",
    (ScoredModel, FailedModel, ScoreProgress, ScoreAnswer),
    names=("message", "progress", "done", "error"),
)
_NEWS_SECONDS = 1.0


@blueprint.operation(
    Operation(
        "post", "/v1/score", "How well each model predicts a text, the best first.",
        {JSON: ScoreAnswer, EVENTS: _EVENTS}, (400, 404, 408, 413, 429, 503),
        body=ScoreParameters,
        example="""BASE/v1/score -d '{"text": "To be, or not to be, that is the question"}'""",
    )
)  # fmt: skip
def score() -> Response:
    """How well each model predicts a text, the best first."""
    service: Service = current_app.extensions["simpleml"]
    asked = parse(ScoreParameters, read_json_object(service.settings.body_timeout))
    service.check_seed(asked.text, "text")
    news = _news(service, asked, _names(service, asked.models), current_record())
    if text_form(False) == "events":
        frames = _frames(service, asked, news)
        response = event_stream(frames, error_name="error")
        response.call_on_close(frames.close)  # a client that left frees its rows
        return response
    return jsonify(_answer(service, asked, [row for row in news if "read" not in row]))


def _names(service: Service, asked: str | list[str]) -> list[str]:
    """Those to be asked.

    Raises:
        ModelNotFoundError: one that is named is not there, or there is none at all.
    """
    there = service.loader.names()
    names = there if asked == "all" else [asked] if isinstance(asked, str) else asked
    for name in names or ["all"]:
        if name not in there:
            raise ModelNotFoundError.named(name, there, param="models")
    return list(dict.fromkeys(names))


_News = ScoreProgress | ScoredModel | FailedModel


def _news(
    service: Service, asked: ScoreParameters, names: list[str], record: RequestRecord
) -> Generator[_News]:
    """Every model's row, with its progress before it."""
    deadline = time.monotonic() + service.settings.deadline
    for name in names:
        try:
            yield from _read(service, asked, name, deadline, record)
        except (QueueFullError, StoppingError):  # not this model's fault
            raise
        except SimpleMLError as error:
            yield {"model": name, "error": describe(error)}


def _read(
    service: Service, asked: ScoreParameters, name: str, deadline: float, record: RequestRecord
) -> Iterator[_News]:
    generator = service.load(name)
    read = service.encode(generator, asked.text, asked.on_unknown, "text")
    rows = service.engine.max_rows
    scoring = Scoring(generator.vocabulary, asked.text, read, generator.window(), rows)
    run = service.generate(
        generator,
        scoring.seeds,
        SCORED,
        starts_blank=[True] * len(scoring.seeds),
        seconds=deadline - time.monotonic(),
        request_id=record.request_id,
    )
    record.run = run
    try:
        for _ in run.waiting(_NEWS_SECONDS):
            left = run.generation.symbols_left
            symbols = sum(map(len, scoring.seeds))
            yield {"model": name, "read": max(0, symbols - left), "symbols": symbols}
    except DeadlineError:
        raise DeadlineError(
            f"The time ran out before the model had read the text; all models together have "
            f"{service.settings.deadline:g} seconds."
        ) from None
    finally:
        run.close()
    found: Score = in_thread(scoring.result, run.streams)
    yield scored_model(name, found, asked.surprise)


def _frames(service: Service, asked: ScoreParameters, news: Generator[_News]) -> Generator[str]:
    rows: list[ScoredModel | FailedModel] = []
    with closing(news):
        for one in news:
            if "read" in one:
                yield event(one, "progress")
                continue
            yield event(one)
            rows.append(one.copy())
            rows[-1].pop("surprise", None)  # type: ignore[typeddict-item]  # not in FailedModel
    yield event(_answer(service, asked, rows), "done")


def _answer(
    service: Service, asked: ScoreParameters, rows: list[ScoredModel | FailedModel]
) -> ScoreAnswer:
    return {
        "characters": len(asked.text),
        "precision": service.loader.precision,
        "models": ranked(rows),
    }
