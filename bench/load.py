"""Closed-loop clients: each sends a request, reads the whole answer, sends the next.

One thread, raw sockets and epoll, so that hundreds of clients cost a few percent of a core. Run in
a process of its own by serve.py, with the plan as JSON in the only argument:

    python bench/load.py '{"port": 8280, "path": "/sherlock/g/abc/200/0.5", "clients": 4,
                           "characters": 203, "seconds": 5}'
"""

from __future__ import annotations

import json
import resource
import selectors
import socket
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Plan:
    """What to ask, how often."""

    port: int
    path: str
    """Its query is completed with a random_state of its own for each request."""
    characters: int = 0
    """Expected in each answer, seed included; 0 does not look."""
    clients: int = 1
    seconds: float = 5.0
    """No request starts after this; those that run are finished."""
    requests_each: int = 0
    """Stop after so many per client whatever the time; 0 for no such limit."""
    stream: bool = False
    """Ask for server-sent events and note when the first one came."""
    pause: float = 0.0
    """Seconds between an answer and the next request."""


@dataclass
class Load:
    """What came of it; times in seconds."""

    requests: int = 0
    failed: int = 0
    first_failure: str = ""
    seconds: float = 0.0
    """From the first request to the last answer."""
    client_cpu: float = 0.0
    """Processor time of this process, as a part of one core."""
    latencies: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)


class _Client:
    """One connection and what it is waiting for."""

    def __init__(self, plan: Plan, number: int, load: Load) -> None:
        self.plan, self.number, self.load = plan, number, load
        self.sent = 0
        self.connect()

    def connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.plan.port), timeout=600)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self) -> None:
        separator = "&" if "?" in self.plan.path else "?"
        state = self.number * 100_003 + self.sent
        accept = "text/event-stream" if self.plan.stream else "text/plain"
        self.sent += 1
        self.received = bytearray()
        self.body_at = -1
        self.length = -1
        self.first_at = 0.0
        self.started = time.perf_counter()
        self.socket.sendall(
            f"GET {self.plan.path}{separator}random_state={state} HTTP/1.1\r\n"
            f"Host: localhost\r\nAccept: {accept}\r\n\r\n".encode()
        )

    def read(self) -> bool:
        """Take what arrived; True when the answer is complete (or broken)."""
        data = self.socket.recv(1 << 16)
        if not data:
            self._fail("the connection was closed")
            self.connect()
            return True
        self.received += data
        if self.body_at < 0 and not self._read_head():
            return False
        if self.first_at == 0.0 and len(self.received) > self.body_at:
            self.first_at = time.perf_counter()
        if self.length >= 0:
            if len(self.received) - self.body_at < self.length:
                return False
        elif not self.received.endswith(b"0\r\n\r\n"):  # chunked
            return False
        self._finish()
        return True

    def _read_head(self) -> bool:
        end = self.received.find(b"\r\n\r\n")
        if end < 0:
            return False
        self.body_at = end + 4
        head = bytes(self.received[:end]).lower()
        self.status = int(head[9:12])
        at = head.find(b"content-length:")
        if at >= 0:
            self.length = int(head[at + 15 :].split(b"\r\n", 1)[0])
        return True

    def _finish(self) -> None:
        now = time.perf_counter()
        body = self.received[self.body_at :]
        if self.status != 200:
            self._fail(f"status {self.status}: {bytes(body[:200])!r}")
            return
        expected = self.plan.characters
        if self.length >= 0 and expected and len(body.decode()) != expected:
            self._fail(f"{len(body.decode())} characters instead of {expected}")
            return
        self.load.requests += 1
        self.load.latencies.append(now - self.started)
        self.load.first.append(self.first_at - self.started)

    def _fail(self, reason: str) -> None:
        self.load.failed += 1
        self.load.first_failure = self.load.first_failure or reason


def run(plan: Plan) -> Load:
    """Carry the plan out."""
    load = Load()
    clients = [_Client(plan, number, load) for number in range(plan.clients)]
    selector = selectors.DefaultSelector()
    cpu = _cpu()
    started = time.perf_counter()
    until = started + plan.seconds
    due: list[tuple[float, _Client]] = []
    for client in clients:
        client.send()
        selector.register(client.socket, selectors.EVENT_READ, client)
    busy = len(clients)
    while busy or due:
        for key, _ in selector.select(0.01 if due else 60.0):
            client = key.data
            old = client.socket
            if not client.read():
                continue
            if client.socket is not old:
                selector.unregister(old)
                selector.register(client.socket, selectors.EVENT_READ, client)
            busy -= 1
            more = not plan.requests_each or client.sent < plan.requests_each
            if more and time.perf_counter() < until:
                due.append((time.perf_counter() + plan.pause, client))
        now = time.perf_counter()
        for at, client in [one for one in due if one[0] <= now]:
            due.remove((at, client))
            client.send()
            busy += 1
    load.seconds = time.perf_counter() - started
    load.client_cpu = (_cpu() - cpu) / load.seconds
    return load


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    details: dict[str, Any] = json.loads(sys.argv[1])
    print(json.dumps(asdict(run(Plan(**details)))))
