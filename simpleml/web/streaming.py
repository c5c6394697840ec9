"""Responses that are sent while they grow: server-sent events, and plain text.

The first item is drawn before the response starts, so that an early error keeps its status. What
fails later is the last event of a stream of events; plain text has no words for it and is cut.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from flask import Response, request

from simpleml.errors import SimpleMLError
from simpleml.web.errors import describe, unexpected_error
from simpleml.web.negotiation import CONTENT_TYPES, Form
from simpleml.web.run import Run

_log = logging.getLogger("simpleml")


def event(data: Mapping[str, Any] | str, name: str = "") -> str:
    """One server-sent event; data is JSON unless it is a string already."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {text}\n\n"


def event_stream(
    frames: Iterator[str | None],
    headers: Mapping[str, str] | None = None,
    *,
    run: Run | None = None,
    error_name: str = "",
    at_once: bool = False,
) -> Response:
    """A response of server-sent events, whose last one is an error if anything fails.

    Args:
        frames: events as `event` makes them; None after a silence, for a comment.
        headers: besides those that every stream has.
        run: what the frames tell of; its rows are freed when the response is over.
        error_name: name of the event that tells of an error.
        at_once: there may be frames before the run's first symbol.

    Raises:
        Exception: whatever the first frame raises; nothing was sent by then.
    """
    first = _first(frames, run, at_once)
    route = request.endpoint

    def guarded() -> Iterator[str]:
        try:
            for frame in chain([first], frames):
                yield ": ping\n\n" if frame is None else frame
            return
        except SimpleMLError as error:
            failure = error
        except Exception:
            _log.exception("unexpected error in a stream of %s", route)
            failure = unexpected_error()
        yield event({"error": describe(failure)}, error_name)

    return _response(guarded(), "events", headers or {}, run)


def text_stream(chunks: Iterator[str], headers: Mapping[str, str], *, run: Run) -> Response:
    """A response of plain text chunks, for curl -N; `run` as for event_stream."""
    first = _first(chunks, run) or ""
    return _response(chain([first], chunks), "text", headers, run)


def _first(items: Iterator[str | None], run: Run | None, at_once: bool = False) -> str | None:
    try:
        if run is not None and not at_once:
            run.wait_for_first()
        return next(items, None)
    except BaseException:
        if run is not None:
            run.close()
        raise


def _response(
    items: Iterator[str], form: Form, headers: Mapping[str, str], run: Run | None
) -> Response:
    response = Response(
        (item.encode("utf-8", "replace") for item in items),
        content_type=CONTENT_TYPES[form],
        headers={**headers, "Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )
    if run is not None:
        response.call_on_close(run.close)
    return response
