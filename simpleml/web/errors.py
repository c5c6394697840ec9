"""The one place where an exception becomes an answer. Never HTML, never a traceback.

/v1 and JSON clients get {"error": {"message", "type", "param", "code"}}, others its message alone.
"""

from __future__ import annotations

import json
import logging

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge

from simpleml.errors import (
    AuthenticationError,
    PayloadTooLargeError,
    QueueFullError,
    SimpleMLError,
    StoppingError,
)
from simpleml.web.answers import ErrorDetails
from simpleml.web.negotiation import wants_json
from simpleml.web.observability.request_log import current_record

_log = logging.getLogger("simpleml")


def describe(error: SimpleMLError) -> ErrorDetails:
    """The fields of an error's JSON body."""
    described: ErrorDetails = {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
    }
    if error.reason:
        described |= {"reason": error.reason, "params": error.params}
    return described


def unexpected_error() -> SimpleMLError:
    """What a client is told of an error that nobody foresaw."""
    return SimpleMLError("Something went wrong in the server; its log says what.")


def error_response(error: SimpleMLError) -> Response:
    """An error as this request's client reads it."""
    current_record().error_code = error.code
    if wants_json():
        body = json.dumps({"error": describe(error)}, ensure_ascii=False)
        response = Response(body, error.status, content_type="application/json; charset=utf-8")
    else:
        response = Response(
            error.message + "\n", error.status, content_type="text/plain; charset=utf-8"
        )
    if isinstance(error, QueueFullError | StoppingError):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, AuthenticationError):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def register_error_handlers(app: Flask) -> None:
    """Handle SimpleMLError, HTTPException and everything else at application level."""

    @app.errorhandler(SimpleMLError)
    def known(error: SimpleMLError) -> Response:
        return error_response(error)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        if isinstance(error, RequestEntityTooLarge):
            limit = request.max_content_length
            return error_response(
                PayloadTooLargeError(
                    f"The body is larger than the {limit} bytes accepted.",
                    reason="body_too_large",
                    params={"limit": limit or 0},
                )
            )
        plain = _PlainHTTPError(error)
        response = error_response(plain)
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        _log.exception("unexpected error in %s %s", request.method, request.endpoint)
        return error_response(unexpected_error())


class _PlainHTTPError(SimpleMLError):
    """An error of routing or of HTTP itself, in our shape."""

    type = "invalid_request_error"

    def __init__(self, error: HTTPException) -> None:
        status = error.code or 500
        message = {
            404: f"There is nothing at {request.path[:100]}. GET / lists what there is.",
            405: f"{request.method} is not allowed here.",
        }.get(status, error.description or error.name)
        super().__init__(message)
        self.status = status  # type: ignore[misc]  # werkzeug's, known only now
        self.code = (error.name or "error").lower().replace(" ", "_")  # type: ignore[misc]
