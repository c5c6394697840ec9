"""Responses that are sent while the text grows.

The first item is drawn before the response starts, so that an early error keeps its status; the
run's rows are freed when the client leaves, whichever way the response ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from flask import Response

from simpleml.web.service import Run


def event(data: Mapping[str, Any] | str, name: str = "") -> str:
    """One server-sent event; data is JSON unless it is a string already."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {text}\n\n"


def event_stream(frames: Iterator[str], run: Run, headers: Mapping[str, str]) -> Response:
    """A response of server-sent events."""
    return _response(frames, run, "text/event-stream; charset=utf-8", headers)


def text_stream(chunks: Iterator[str], run: Run, headers: Mapping[str, str]) -> Response:
    """A response of plain text chunks, for curl -N."""
    return _response(chunks, run, "text/plain; charset=utf-8", headers)


def _response(
    items: Iterator[str], run: Run, content_type: str, headers: Mapping[str, str]
) -> Response:
    try:
        run.wait_for_first()
        first = next(items, "")
    except BaseException:
        run.close()
        raise
    response = Response(
        (item.encode("utf-8", "replace") for item in chain([first], items)),
        content_type=content_type,
        headers={**headers, "Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )
    response.call_on_close(run.close)
    return response
