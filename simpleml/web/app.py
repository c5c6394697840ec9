"""create_app: settings in, a Flask application out.

    flask application = Service (settings, loader, engine) + blueprints + error handlers

Making an application reads the settings, and the keys of a class, and nothing else: no model, no
thread.
"""

from __future__ import annotations

import re
import secrets
import time
from pathlib import PurePosixPath
from typing import Any

from flask import Flask, Response, g, request, send_from_directory

from simpleml.errors import InvalidValueError
from simpleml.settings import Settings
from simpleml.web.classroom import routes as classroom
from simpleml.web.classroom.classroom import Classroom
from simpleml.web.errors import register_error_handlers
from simpleml.web.export import incoming
from simpleml.web.export import routes as export
from simpleml.web.keys import guard
from simpleml.web.observability import metrics, probes
from simpleml.web.observability.metrics import Metrics
from simpleml.web.observability.request_log import RequestRecord, configure_logging
from simpleml.web.openai import routes as openai
from simpleml.web.openapi.operation import JSON, STRING, Operation
from simpleml.web.original import routes as original
from simpleml.web.pages import classroom as class_page
from simpleml.web.pages import docs, home, learn, playground, presentation, shell, training
from simpleml.web.pages import score as score_page
from simpleml.web.score import routes as score
from simpleml.web.service import Service
from simpleml.web.texts import routes as texts
from simpleml.web.train import routes as train

_CONVERTER = re.compile(r"<[a-z]+:")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_FILE_TYPES = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_FILE_ANSWER = dict.fromkeys(
    ("text/javascript", "text/css", JSON, "image/svg+xml", "image/png"), STRING
)

MODULES = (
    original,
    openai,
    export,
    incoming,
    score,
    texts,
    train,
    probes,
    metrics,
    docs,
    home,
    playground,
    training,
    score_page,
    presentation,
    learn,
    shell,
    class_page,
    classroom,
)
OPERATIONS = (
    *(operation for module in MODULES for operation in module.blueprint.operations),
    *(
        Operation(
            "get", f"/static/{folder}/{{file}}", summary, _FILE_ANSWER, (404,),
            "/static/<path:filename>", tag=tag, key="none",
        )
        for folder, tag, summary in (
            ("common", "playground", "A file of all pages."),
            ("training", "train", "A file of that page."),
            ("score", "score", "A file of that page."),
            ("presentation", "playground", "A file of the page for a room."),
            ("learn", "playground", "A file of the page that explains the others."),
            ("class", "class", "A file of the class's page."),
            ("playground", "playground", "A file of the page."),
            ("shell", "playground", "A file of the installed page."),
        )
    ),
)  # fmt: skip
"""What the application answers."""


class _Application(Flask):
    """Flask with files whose types do not hang on what the machine calls them."""

    def send_static_file(self, filename: str) -> Response:
        """One of the pages' files; the browser asks each time whether it has changed."""
        kind = _FILE_TYPES.get(PurePosixPath(filename).suffix)
        return send_from_directory(self.static_folder or "", filename, mimetype=kind)


def create_app(settings: Settings | None = None, **given: Any) -> Flask:
    """Make the application.

    Args:
        settings: complete settings; None reads the environment.
        **given: single settings, which go before the environment's (models_dir="…").

    Raises:
        SettingsError: a setting has a value it cannot have.
    """
    settings = settings or Settings.read(**given)
    configure_logging()
    opened = Classroom.of(settings)
    settings = opened.settings if opened else settings
    app = _Application("simpleml.web")
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # a seed may begin or end with a slash
    service = app.extensions["simpleml"] = Service(settings)
    measured = app.extensions["simpleml_metrics"] = Metrics(service)
    service.on_submit = measured.watch
    app.extensions["simpleml_operations"] = OPERATIONS
    register_error_handlers(app)
    app.url_map.converters["rest"] = original.RestConverter
    for module in MODULES:
        app.register_blueprint(module.blueprint)
    train.register_trainings(app, service)
    app.before_request(_begin_record)
    guard(app, settings, OPERATIONS)
    if opened:
        opened.register(app)
    _finish_records(app, settings, measured)
    return app


def _begin_record() -> None:
    given_id = request.headers.get("X-Request-Id", "")
    request_id = given_id if _REQUEST_ID.fullmatch(given_id) else secrets.token_hex(8)
    g.record = RequestRecord(request.method, request_id)
    if request.url_rule is not None:
        g.record.route = _CONVERTER.sub("<", request.url_rule.rule)
    if not request.query_string.isascii():  # gunicorn 23 lets such bytes in
        raise InvalidValueError("The query holds a byte that is not percent-encoded.")


def _finish_records(app: Flask, settings: Settings, measured: Metrics) -> None:
    @app.after_request
    def finish(response: Response) -> Response:
        record: RequestRecord = g.record
        record.status = response.status_code
        response.headers["X-Request-Id"] = record.request_id
        response.headers["X-Content-Type-Options"] = "nosniff"
        if request.blueprint not in (train.BLUEPRINT, incoming.BLUEPRINT, texts.BLUEPRINT):
            allow_origin(response, settings.cors_origins)

        def over() -> None:
            record.seconds = time.monotonic() - record.started
            measured.record(record)
            record.write()

        response.call_on_close(over)
        return response


def allow_origin(response: Response, origins: tuple[str, ...]) -> None:
    """CORS without credentials: every origin, or those of the settings."""
    origin = request.headers.get("Origin")
    if "*" in origins:
        response.headers["Access-Control-Allow-Origin"] = "*"
    else:
        response.headers.add("Vary", "Origin")
        if origin is None or origin not in origins:
            return
        response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = (
        "X-Request-Id, X-Seed-Changes, X-Random-State, X-Fingerprint, X-Finish-Reason, "
        "X-Originality, X-Ignored, Retry-After"
    )
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, HEAD, OPTIONS"
        response.headers["Access-Control-Allow-Headers"] = (
            request.headers.get("Access-Control-Request-Headers") or "Authorization, Content-Type"
        )
        response.headers["Access-Control-Max-Age"] = "86400"
