"""create_app: settings in, a Flask application out.

    flask application = Service (settings, loader, engine) + blueprints + error handlers

Making an application reads the settings and nothing else: no model, no thread.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

from flask import Flask, Response, g, request

from simpleml.settings import Settings
from simpleml.web.errors import register_error_handlers
from simpleml.web.keys import guard
from simpleml.web.metrics import Metrics
from simpleml.web.request_log import RequestRecord, configure_logging
from simpleml.web.service import Service
from simpleml.web.train.routes import BLUEPRINT as TRAINING
from simpleml.web.train.routes import register_trainings

_CONVERTER = re.compile(r"<[a-z]+:")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


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
    app = Flask("simpleml.web", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # a seed may begin or end with a slash
    service = app.extensions["simpleml"] = Service(settings)
    metrics = app.extensions["simpleml_metrics"] = Metrics(service)
    service.on_submit = metrics.watch
    register_error_handlers(app)
    _register_blueprints(app)
    register_trainings(app, service)

    @app.before_request
    def start() -> None:
        given_id = request.headers.get("X-Request-Id", "")
        request_id = given_id if _REQUEST_ID.fullmatch(given_id) else secrets.token_hex(8)
        g.record = RequestRecord(request.method, request_id)
        if request.url_rule is not None:
            g.record.route = _CONVERTER.sub("<", request.url_rule.rule)

    guard(app, settings.api_keys)

    @app.after_request
    def finish(response: Response) -> Response:
        record: RequestRecord = g.record
        record.status = response.status_code
        response.headers["X-Request-Id"] = record.request_id
        response.headers["X-Content-Type-Options"] = "nosniff"
        if request.blueprint != TRAINING:
            allow_origin(response, settings.cors_origins)

        def over() -> None:
            record.seconds = time.monotonic() - record.started
            metrics.record(record)
            record.write()

        response.call_on_close(over)
        return response

    return app


def _register_blueprints(app: Flask) -> None:
    from simpleml.web import metrics, openapi, probes
    from simpleml.web.openai import routes as openai
    from simpleml.web.original import routes as original
    from simpleml.web.pages import docs, home, playground, training

    app.url_map.converters["rest"] = original.RestConverter
    for module in (probes, metrics, openai, openapi, docs, home, playground, training, original):
        app.register_blueprint(module.blueprint)


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
        "X-Request-Id, X-Seed-Changes, X-Random-State, X-Finish-Reason, X-Originality, Retry-After"
    )
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, HEAD, OPTIONS"
        response.headers["Access-Control-Allow-Headers"] = (
            request.headers.get("Access-Control-Request-Headers") or "Authorization, Content-Type"
        )
        response.headers["Access-Control-Max-Age"] = "86400"
