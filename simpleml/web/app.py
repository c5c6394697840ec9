"""create_app: settings in, a Flask application out.

    flask application = Service (settings, loader, engine) + blueprints + error handlers

Making an application reads the settings and nothing else: no model, no thread.
"""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import Any

from flask import Flask, Response, g, request

from simpleml.settings import Settings
from simpleml.web.errors import register_error_handlers
from simpleml.web.service import Service

_log = logging.getLogger("simpleml.requests")
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
    app = Flask("simpleml.web", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # a seed may begin or end with a slash
    app.extensions["simpleml"] = Service(settings)
    register_error_handlers(app)
    _register_blueprints(app)

    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()
        given_id = request.headers.get("X-Request-Id", "")
        g.request_id = given_id if _REQUEST_ID.fullmatch(given_id) else secrets.token_hex(8)

    @app.after_request
    def finish(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.get("request_id") or secrets.token_hex(8)
        response.headers["X-Content-Type-Options"] = "nosniff"
        allow_origin(response, settings.cors_origins)
        return response

    return app


def _register_blueprints(app: Flask) -> None:
    from simpleml.web import original, probes

    app.url_map.converters["rest"] = original.RestConverter
    app.register_blueprint(probes.blueprint)
    app.register_blueprint(original.blueprint)


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
        "X-Request-Id, X-Seed-Changes, X-Random-State, X-Finish-Reason, Retry-After"
    )
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = "GET, POST, HEAD, OPTIONS"
        response.headers["Access-Control-Allow-Headers"] = (
            request.headers.get("Access-Control-Request-Headers") or "Authorization, Content-Type"
        )
        response.headers["Access-Control-Max-Age"] = "86400"
