"""Clients for the fault tests: plain sockets and http.client; nothing is asked again by itself.

ask(server, "/tales/g/once/20")               # one request on a connection of its own
with Crowd(server, [path] * 8) as crowd: …    # eight clients that ask again and again
stream = Stream(server, path)                 # a streamed answer, read as it comes
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families
from servers import Server
from waiting import wait_until

PATIENCE = 120.0
"""Seconds after which a socket gives up: a failure, never reached by a working server."""
ENDLESS = 10**7
"""Characters of a request that is not meant to end by itself (SIMPLEML_MAX_SIZE must allow it)."""
ENDLESS_ALLOWED = {"SIMPLEML_MAX_SIZE": str(ENDLESS), "SIMPLEML_DEADLINE": "600"}


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    headers: Mapping[str, str]
    text: str


def address(server: Server) -> tuple[str, int]:
    """Where the server listens."""
    parts = urlsplit(server.base_url)
    assert parts.hostname and parts.port
    return parts.hostname, parts.port


def ask(
    server: Server,
    path: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    connection: http.client.HTTPConnection | None = None,
) -> Answer:
    """GET, or POST where there is a body (made JSON unless it is bytes).

    Raises:
        OSError, http.client.HTTPException: no answer came, or half of one.
    """
    used = connection or http.client.HTTPConnection(*address(server), timeout=PATIENCE)
    try:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        used.request("GET" if body is None else "POST", path, data, dict(headers or {}))
        response = used.getresponse()
        text = response.read().decode()
        return Answer(response.status, dict(response.getheaders()), text)
    except BaseException:
        used.close()
        raise
    finally:
        if connection is None:
            used.close()


def metric(server: Server, name: str, **labels: str) -> float:
    """The sum of a metric's samples that carry these labels."""
    page = ask(server, "/metrics").text
    return sum(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def wait_until_counted(server: Server, characters: int, model: str = "tales") -> None:
    """A worker counts a request when its answer has gone out, a moment after it came in here."""
    name = "simpleml_generated_characters_total"
    wait_until(
        lambda: metric(server, name, model=model) == characters, what=f"{characters} are counted"
    )


def running(server: Server) -> float:
    """Requests whose texts are being generated, in all workers."""
    return metric(server, "simpleml_requests_running")


def waiting(server: Server) -> float:
    """Requests that wait for a place, in all workers."""
    return metric(server, "simpleml_requests_waiting")


class Stream:
    """A streamed plain-text answer on a connection of its own."""

    def __init__(self, server: Server, path: str, *, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(address(server))
        mark = "&" if "?" in path else "?"
        self.socket.sendall(
            f"GET {path}{mark}stream=1 HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        self.received = b""

    @property
    def local_port(self) -> int:
        port: int = self.socket.getsockname()[1]
        return port

    def read(self, most: int = 4096) -> bytes:
        """What has come, waiting for at least a byte; nothing at the end."""
        data = self.socket.recv(most)
        self.received += data
        return data

    def read_first(self) -> None:
        """Wait until some text has come."""
        while len(self.received.partition(b"\r\n\r\n")[2]) == 0:
            assert self.read(), f"the stream ended early: {self.received!r}"

    def read_all(self) -> str:
        """Read to the end; returns the text.

        Raises:
            EOFError: the stream was cut before its last chunk.
        """
        while self.read(1 << 16):
            pass
        head, _, body = self.received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        text = b""
        while True:
            size, found, body = body.partition(b"\r\n")
            if not found:
                raise EOFError("the stream was cut")
            length = int(size, 16)
            if length == 0:
                return text.decode()
            if len(body) < length + 2:
                raise EOFError("the stream was cut")
            text, body = text + body[:length], body[length + 2 :]

    def close(self) -> None:
        """Leave, whatever is still to come."""
        self.socket.close()


@contextmanager
def streams(server: Server, paths: Sequence[str]) -> Iterator[list[Stream]]:
    """Streams of these paths, each of which has begun."""
    opened = [Stream(server, path) for path in paths]
    try:
        for one in opened:
            one.read_first()
        yield opened
    finally:
        for one in opened:
            one.close()


class Asked(threading.Thread):
    """A request asked beside others; `result()` is its Answer or the exception it ended with."""

    def __init__(self, server: Server, path: str, body: Any = None) -> None:
        super().__init__(daemon=True)
        self._server, self._path, self._body = server, path, body
        self._result: Answer | Exception | None = None
        self.connection = http.client.HTTPConnection(*address(server), timeout=PATIENCE)
        self.connection.connect()
        self.local_port: int = self.connection.sock.getsockname()[1]
        self.start()

    def run(self) -> None:
        try:
            self._result = ask(self._server, self._path, self._body, connection=self.connection)
        except (OSError, http.client.HTTPException) as error:
            self._result = error
        finally:
            self.connection.close()

    def result(self) -> Answer | Exception:
        """Wait for the end."""
        self.join(PATIENCE)
        assert self._result is not None, f"{self._path} is still not answered"
        return self._result

    def answer(self) -> Answer:
        """Wait for the answer; fails if none came."""
        result = self.result()
        assert isinstance(result, Answer), f"{self._path} ended with {result!r}"
        return result


class Crowd:
    """Clients that ask the same path again and again until the with block ends."""

    def __init__(self, server: Server, paths: Sequence[str]) -> None:
        self._server, self._paths = server, paths
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.answers: list[tuple[str, Answer]] = []
        self.errors: list[Exception] = []
        self._threads = [threading.Thread(target=self._ask, args=(path,)) for path in paths]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _ask(self, path: str) -> None:
        connection = http.client.HTTPConnection(*address(self._server), timeout=PATIENCE)
        while not self._stop.is_set():
            try:
                answer = ask(self._server, path, connection=connection)
                with self._lock:
                    self.answers.append((path, answer))
            except (OSError, http.client.HTTPException) as error:
                with self._lock:
                    self.errors.append(error)
        connection.close()

    def count(self, path: str, status: int = 200) -> int:
        """How many answers with this status to this path there are already."""
        with self._lock:
            return sum(one == path and answer.status == status for one, answer in self.answers)

    def texts(self, path: str) -> set[str]:
        """The different texts of the good answers to this path."""
        with self._lock:
            return {a.text for one, a in self.answers if one == path and a.status == 200}

    def statuses(self, path: str) -> set[int]:
        """The different statuses of all answers to this path."""
        with self._lock:
            return {answer.status for one, answer in self.answers if one == path}
