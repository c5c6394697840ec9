"""GET /: the playground to a browser, to everyone else what there is, as JSON."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify

from simpleml import __version__
from simpleml.web.answers import HomeAnswer
from simpleml.web.pages.playground import page
from simpleml.web.pages.rendering import wants_page
from simpleml.web.service import Service

blueprint = Blueprint("home", __name__)

LINKS = {
    "documentation": "/docs",
    "openapi": "/openapi.json",
    "models": "/v1/models",
    "generate": "/{model}/g/{seed}/{size}",
    "card": "/{model}",
    "completions": "/v1/completions",
    "chat": "/v1/chat/completions",
    "readiness": "/readyz",
    "metrics": "/metrics",
}


@blueprint.get("/")
def home() -> Response:
    """The page, or name, version, models and links."""
    if wants_page():
        return page()
    service: Service = current_app.extensions["simpleml"]
    answer: HomeAnswer = {
        "name": "SimpleML",
        "version": __version__,
        "models": service.loader.names(),
        "links": LINKS,
    }
    response = jsonify(answer)
    response.headers.add("Vary", "Accept")
    return response
