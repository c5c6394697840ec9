"""GET /: the playground to a browser, to everyone else what there is, as JSON.

And what browsers and crawlers ask of any site: its icon, and where they may go.
"""

from __future__ import annotations

from flask import Response, current_app, jsonify

from simpleml import __version__
from simpleml.web.classroom.access import visible
from simpleml.web.negotiation import CONTENT_TYPES, wants_page
from simpleml.web.openapi.operation import HTML, JSON, STRING, TEXT, Operation, Routes
from simpleml.web.pages.answers import HomeAnswer
from simpleml.web.pages.playground import page
from simpleml.web.service import Service

blueprint = Routes("home", tag="playground", key="page")

LINKS = {
    "documentation": "/docs",
    "openapi": "/openapi.json",
    "models": "/v1/models",
    "generate": "/{model}/g/{seed}/{size}",
    "card": "/{model}",
    "completions": "/v1/completions",
    "chat": "/v1/chat/completions",
    "score": "/v1/score",
    "readiness": "/readyz",
    "metrics": "/metrics",
}


_ROBOTS = """\
User-agent: *
Allow: /$
Allow: /docs$
Allow: /static/
Disallow: /
"""
"""Generating a text for a crawler is work for nothing."""


@blueprint.operation(
    Operation(
        "get", "/",
        "The playground to a browser; name, version, models and links to others.",
        {JSON: HomeAnswer, HTML: STRING}, example="BASE/ -H 'Accept: application/json'",
    )
)  # fmt: skip
def home() -> Response:
    """The page, or name, version, models and links."""
    if wants_page():
        return page()
    service: Service = current_app.extensions["simpleml"]
    answer: HomeAnswer = {
        "name": "SimpleML",
        "version": __version__,
        "models": visible(service.loader.names()),
        "links": LINKS,
    }
    response = jsonify(answer)
    response.headers.add("Vary", "Accept")
    return response


@blueprint.operation(
    Operation(
        "get", "/favicon.ico", "The icon, for browsers that look for it here.",
        {"image/svg+xml": STRING}, key="none",
    )
)  # fmt: skip
def favicon() -> Response:
    """The pages' icon."""
    return current_app.send_static_file("playground/icon.svg")


@blueprint.operation(
    Operation("get", "/robots.txt", "What crawlers may read.", {TEXT: STRING}, key="none")
)
def robots() -> Response:
    """The pages, and nothing that costs work."""
    return Response(_ROBOTS, content_type=CONTENT_TYPES["text"])
