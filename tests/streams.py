"""Requests that would not end by themselves, for tests of places, queues and gauges."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from servers import Server
from waiting import wait_until


@contextmanager
def endless_stream(server: Server, model: str = "flow") -> Iterator[None]:
    """A request that runs as long as the block; waits until the server takes it.

    The server needs SIMPLEML_MAX_SIZE=10000000.
    """
    body = {"model": model, "max_tokens": 10**7, "stream": True}
    with httpx.Client(base_url=server.base_url, timeout=60) as http:

        def ask() -> httpx.Response:
            request = http.build_request("POST", "/v1/completions", json=body)
            answer = http.send(request, stream=True)
            if answer.status_code != 200:
                answer.close()
                answer.raise_for_status()
            return answer

        answer = wait_until(ask, what="the server takes the request")
        try:
            pieces = answer.iter_bytes()  # kept, or the stream is closed
            next(pieces)
            yield
        finally:
            answer.close()


@contextmanager
def unread_request(server: Server, model: str = "flow", request_id: str = "") -> Iterator[None]:
    """The same, sent and not waited for: it may run, wait or be refused."""
    body = json.dumps({"model": model, "max_tokens": 10**7, "stream": True}).encode()
    host, _, port = server.base_url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        head = f"POST /v1/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}"
        if request_id:
            head += f"\r\nX-Request-Id: {request_id}"
        connection.sendall(head.encode() + b"\r\n\r\n" + body)
        yield
