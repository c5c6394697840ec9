"""The WSGI application for servers that speak ASGI, such as Ray Serve: a thread for each request.

What comes from the application is gathered for a few milliseconds, so that a character costs no
trip through the event loop of its own. A client's leaving is seen at the next piece, a body that
is too slow by whoever reads it (simpleml.web.threads.read_within). Nothing here needs gevent.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote_to_bytes

from simpleml.native import Signal
from simpleml.web.threads import BODY_DEADLINE, late_body

_log = logging.getLogger("simpleml")

_GATHER_SECONDS = 0.02
_MOST_UNSENT = 1 << 18
"""Bytes that a client's connection may lag behind, before its text waits."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Bridge:
    """An ASGI application out of a WSGI one.

    Args:
        app: the WSGI application.
        started: called in a thread when the server starts.
        stopping: called in a thread when it stops; the requests that run are finished beside it.
    """

    def __init__(
        self,
        app: WSGIApplication,
        started: Callable[[], None] = lambda: None,
        stopping: Callable[[], None] = lambda: None,
    ) -> None:
        self._app = app
        self._events = {"lifespan.startup": started, "lifespan.shutdown": stopping}

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server's life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await _Exchange(self._app, scope).run(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})

    async def _live(self, receive: Receive, send: Send) -> None:
        for _ in self._events:
            kind = (await receive())["type"]
            await asyncio.to_thread(self._events[kind])
            await send({"type": f"{kind}.complete"})


class _ClientLeft(Exception):
    """Ends the application's iteration; told to nobody."""


class _Exchange:
    """One request and its answer, between the event loop and the application's thread."""

    def __init__(self, app: WSGIApplication, scope: Mapping[str, Any]) -> None:
        self._app = app
        self._loop = asyncio.get_running_loop()
        self._body = _Body(self._loop)
        self._environ = _environ(scope, self._body)
        self._lock = threading.Lock()  # of the next four
        self._pieces: list[bytes] = []
        self._unsent = 0
        self._told = False
        self._over = False
        self._left = False
        self._failed = False
        self._start: Message | None = None
        self._to_come: int | None = None
        """Bytes of the body that are still to come, where the application has said so."""
        self._room = Signal()
        self._news = asyncio.Event()
        self._ended = asyncio.Event()

    # --- in the event loop ---

    async def run(self, receive: Receive, send: Send) -> None:
        """Start the thread, hand it what comes and send what it makes."""
        threading.Thread(target=self._answer, name="request", daemon=True).start()
        listening = asyncio.create_task(self._listen(receive))
        try:
            await self._send(send)
        finally:
            self._leave()
            listening.cancel()
        if self._failed:
            raise RuntimeError("the answer was cut")  # the server closes the connection

    async def _listen(self, receive: Receive) -> None:
        while (message := await receive())["type"] == "http.request":
            await self._body.put(message.get("body", b""), message.get("more_body", False))
        self._leave()
        self._news.set()

    def _leave(self) -> None:
        self._left = True
        self._body.cut()
        self._room.set()

    async def _send(self, send: Send) -> None:
        started = False
        while not self._left:
            await self._news.wait()
            with self._lock:
                self._news.clear()
                self._told = False
                body, over = b"".join(self._pieces), self._over
                self._pieces.clear()
                self._unsent = 0
            self._room.set()
            if self._failed or self._start is None:
                return
            if not started:
                started = True
                await send(self._start)
            await send({"type": "http.response.body", "body": body, "more_body": not over})
            if over:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _GATHER_SECONDS)

    # --- in the thread ---

    def _answer(self) -> None:
        try:
            pieces = self._app(self._environ, self._start_response)
            try:
                for piece in pieces:
                    if piece:
                        self._put(piece)
            finally:
                if (close := getattr(pieces, "close", None)) is not None:
                    close()
        except _ClientLeft:
            pass
        except BaseException:
            self._failed = True
            _log.exception("an answer was cut")
        self._put(b"", over=True)

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], failure: Any = None
    ) -> Callable[[bytes], None]:
        given = [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in headers]
        self._start = {"type": "http.response.start", "status": int(status[:3]), "headers": given}
        length = dict(given).get(b"content-length")
        self._to_come = None if length is None else int(length)
        return self._put

    def _put(self, piece: bytes, over: bool = False) -> None:
        if self._left and not over:
            raise _ClientLeft
        if self._to_come is not None:
            self._to_come -= len(piece)
            over = over or self._to_come <= 0
        with self._lock:
            self._pieces.append(piece)
            self._unsent += len(piece)
            self._over = self._over or over
            tell, self._told = not self._told, True
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens
            if over:
                self._loop.call_soon_threadsafe(self._end)
            elif tell:
                self._loop.call_soon_threadsafe(self._news.set)
        while self._unsent > _MOST_UNSENT and not self._left:
            self._room.wait(1.0)

    def _end(self) -> None:
        self._news.set()
        self._ended.set()


class _Body(io.RawIOBase):
    """A request's body: put in by the event loop, a piece at a time, and read by the thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pieces: deque[bytes] = deque()
        self._complete = False
        self._cut = False
        self._news = Signal()
        self._taken = asyncio.Event()
        self._deadline: float | None = None
        self._seconds = 0.0

    async def put(self, piece: bytes, more: bool) -> None:
        """Hand a piece over; where more are to come, wait until it is taken."""
        self._taken.clear()
        self._pieces.append(piece)
        self._complete = not more
        self._news.set()
        if more and piece:
            await self._taken.wait()

    def cut(self) -> None:
        """The client has left."""
        self._cut = True
        self._news.set()

    def limit(self, deadline: float) -> None:
        """Raise RequestTimeoutError where it is not complete by then (time.monotonic)."""
        self._deadline = deadline
        self._seconds = deadline - time.monotonic()

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, place: Any) -> int:
        """Read what is there, at least a byte, waiting for it; 0 at the end."""
        while not self._pieces or not self._pieces[0]:
            if self._pieces:
                self._pieces.popleft()
            elif self._complete:
                return 0
            elif self._cut:
                raise ConnectionResetError("the client has left")
            else:
                self._wait()
        piece = self._pieces.popleft()
        size = min(len(place), len(piece))
        place[:size] = piece[:size]
        if size < len(piece):
            self._pieces.appendleft(piece[size:])
        else:
            self._loop.call_soon_threadsafe(self._taken.set)
        return size

    def _wait(self) -> None:
        left = 60.0 if self._deadline is None else self._deadline - time.monotonic()
        if left <= 0:
            raise late_body(round(self._seconds, 3))
        self._news.wait(left)


def _environ(scope: Mapping[str, Any], body: _Body) -> dict[str, Any]:
    """The WSGI environment of an ASGI request."""
    raw_path = scope.get("raw_path") or scope["path"].encode()
    host, port = scope.get("server") or ("localhost", 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": scope.get("root_path", ""),
        "PATH_INFO": unquote_to_bytes(raw_path.partition(b"?")[0]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "REMOTE_ADDR": (scope.get("client") or ("", 0))[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BufferedReader(body),
        "wsgi.input_terminated": True,  # it ends where the body ends, also without a length
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        BODY_DEADLINE: body.limit,
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").upper(), raw_value.decode("latin-1")
        if "_" in name:
            continue  # X_Request_Id would pass for X-Request-Id
        key = name.replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        joint = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{joint}{value}" if key in environ else value
    return environ
