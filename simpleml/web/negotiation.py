"""Which form an answer takes: what the Accept header, the path and the option `stream` ask for."""

from __future__ import annotations

from typing import Literal

from flask import Response, request

from simpleml.web.openapi.operation import EVENTS, HTML, JSON, TEXT

Form = Literal["text", "json", "events"]

CONTENT_TYPES: dict[Form, str] = {
    "text": "text/plain; charset=utf-8",
    "json": "application/json",
    "events": "text/event-stream; charset=utf-8",
}


def wants_json() -> bool:
    """Whether this request's errors are JSON."""
    if request.path.startswith("/v1/") or request.path == "/v1":
        return True
    best = request.accept_mimetypes.best_match([TEXT, JSON], TEXT)
    return best == JSON and JSON in request.headers.get("Accept", "")


def wants_page() -> bool:
    """Whether the client is a browser that asks for a page: it names text/html first."""
    accepts = request.accept_mimetypes
    named = {value for value, _ in accepts}
    return HTML in named and accepts.best_match([HTML, JSON]) == HTML


def text_form(stream: bool) -> Form:
    """The form of a generated text; what is streamed is no JSON.

    Args:
        stream: it is to be sent as it grows. Who asks for events has them as they come anyway.
    """
    if _names(EVENTS) or (stream and not _prefers(TEXT)):
        return "events"
    return "json" if not stream and _prefers(JSON) else "text"


def _prefers(kind: str) -> bool:
    """Whether the client names this type and none of ours before it."""
    return _names(kind) and request.accept_mimetypes.best_match([TEXT, JSON, EVENTS]) == kind


def _names(kind: str) -> bool:
    """Whether the client names this very type, and not to exclude it."""
    return any(value.lower() == kind and weight > 0 for value, weight in request.accept_mimetypes)


def head_response(form: Form) -> Response:
    """The answer to HEAD, for a text that is not generated to be thrown away."""
    response = Response(content_type=CONTENT_TYPES[form])
    response.automatically_set_content_length = False  # it is not known
    return response
