"""Those who ask: clients that check every text, slow ones, ones that vanish, and storms of them.

Nothing is asked again by itself; an answer is right, refused (429, with when to come again),
excused (its worker or server was killed, its model was ill), lost, wrong, or it hangs. Where no
server listens at all, nothing is asked: away.
"""

from __future__ import annotations

import http.client
import socket
import struct
import threading
import time
from collections import Counter
from contextlib import suppress
from random import Random

from house import House, connect
from known import ILL, Question, text_of

PATIENCE = 100.0
"""Seconds after which a client hangs: more than the server's deadline and ten seconds' stop."""
_EXAMPLES = 20


class Tally:
    """What came of all requests."""

    def __init__(self) -> None:
        self.counts = Counter[str]()
        self.examples: list[str] = []
        """Of those that were wrong, lost or hung."""
        self.slowest = 0.0
        self._lock = threading.Lock()

    def note(self, kind: str, why: str = "") -> None:
        with self._lock:
            self.counts[kind] += 1
            if kind in ("wrong", "lost", "hung") and len(self.examples) < _EXAMPLES:
                self.examples.append(f"{kind}: {why}")


class Gate:
    """Open: clients ask. Closed: they finish, close their connections and wait."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._changed = threading.Condition()
        self.busy = 0
        self.over = False

    def enter(self) -> bool:
        """Wait until it is open; False when all is over."""
        while not self.over:
            if self._open.wait(0.2):
                with self._changed:
                    if self._open.is_set():
                        self.busy += 1
                        return True
        return False

    def leave(self) -> None:
        with self._changed:
            self.busy -= 1
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        return not self._open.is_set()

    def open(self) -> None:
        self._open.set()

    def close(self, seconds: float) -> int:
        """Let nobody in, wait until all have left; returns how many did not."""
        with self._changed:
            self._open.clear()
            self._changed.wait_for(lambda: self.busy == 0, seconds)
            return self.busy


def judge(house: House, tally: Tally, question: Question, spans: tuple[float, float, int],
          status: int, kind: str, body: str, retry: str | None) -> None:  # fmt: skip
    """Note what a whole answer is worth.

    Args:
        spans: when its connection was opened, when it was asked, the client's port.
        retry: its Retry-After.
    """
    opened, started, port = spans
    now = time.monotonic()
    if status == 200:
        try:
            text = text_of(kind, body)
        except (ValueError, KeyError, IndexError):
            ill = question.model == ILL and house.ledger.was_ill(started, now)
            killed = house.ledger.killed(port, opened, now)
            tally.note("excused" if ill or killed else "lost", f"{question.path} broke off: {body}")
            return
        right = text in question.texts
        tally.note("right" if right else "wrong", f"{question.path}: {text!r}")
    elif status == 429 and retry:
        tally.note("refused")
    elif (
        status in (404, 500) and question.model == ILL and house.ledger.was_ill(started, now)
    ) or (status == 503 and house.ledger.killed(port, opened, now)):
        tally.note("excused")
    else:
        tally.note("lost", f"{question.path}: {status} {body[:300]}")


class Checker(threading.Thread):
    """Asks one question after the other, mostly on one connection, and checks every text."""

    def __init__(
        self, house: House, tally: Tally, gate: Gate, asked: list[Question], random: Random
    ) -> None:
        super().__init__(daemon=True)
        self._house, self._tally, self._gate = house, tally, gate
        self._asked, self._random = asked, random
        self._connection: http.client.HTTPConnection | None = None
        self._opened = 0.0
        self._port = 0

    def run(self) -> None:
        while self._gate.enter():
            try:
                while not self._gate.closed:
                    self._turn(self._random.choice(self._asked))
            finally:
                self._close()
                self._gate.leave()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _turn(self, question: Question) -> None:
        started = time.monotonic()
        if self._connection is None:
            self._opened = started
        try:
            self._ask(question, started)
            if self._random.random() < 0.1:
                self._close()
        except TimeoutError:
            self._close()
            self._tally.note("hung", f"{question.path} after {time.monotonic() - started:.0f} s")
        except (OSError, http.client.HTTPException) as error:
            self._close()
            killed = self._house.ledger.killed(self._port, self._opened, time.monotonic())
            kind = "away" if isinstance(error, ConnectionRefusedError) else "excused"
            self._tally.note(kind if killed else "lost", f"{question.path}: {error!r}")
            time.sleep(0.2)
        self._tally.slowest = max(self._tally.slowest, time.monotonic() - started)

    def _ask(self, question: Question, started: float) -> None:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self._house.port, timeout=PATIENCE
            )
            self._connection.connect()
            self._port = self._connection.sock.getsockname()[1]
        method = "POST" if question.body else "GET"
        self._connection.request(method, question.path, question.body, dict(question.headers))
        answer = self._connection.getresponse()
        body = answer.read().decode()
        retry = answer.getheader("Retry-After")
        kind = answer.getheader("Content-Type") or ""
        spans = (self._opened, started, self._port)
        judge(self._house, self._tally, question, spans, answer.status, kind, body, retry)
        if answer.status != 200:
            time.sleep(self._random.uniform(0.05, 0.3))


class Nuisance(threading.Thread):
    """Slow and vanishing clients, one after the other; a slow reader's text is checked too."""

    def __init__(
        self, house: House, tally: Tally, gate: Gate, asked: list[Question], random: Random
    ) -> None:
        super().__init__(daemon=True)
        self._house, self._tally, self._gate = house, tally, gate
        self._asked = [one for one in asked if one.body is None]
        self._posts = [one for one in asked if one.body is not None]
        self._random = random

    def run(self) -> None:
        kinds = (self._leave, self._leave, self._read_slowly, self._send_slowly, self._half_a_body)
        while self._gate.enter():
            try:
                with suppress(OSError):  # its own doing, or a killed worker's
                    self._random.choice(kinds)()
                    self._tally.note("nuisances")
            finally:
                self._gate.leave()
            time.sleep(self._random.uniform(0, 0.5))

    def _stream(self) -> bytes:
        path = self._random.choice(self._asked).path.partition("?")[0]
        return Question("", f"{path.rpartition('/')[0]}/5000?stream=1").head

    def _leave(self) -> None:
        """Begin to read a long text, and go; now and then with a reset."""
        with connect(self._house.port, 30) as connection:
            connection.sendall(self._stream())
            if self._random.random() < 0.7:
                connection.recv(4096)
            if self._random.random() < 0.5:
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    def _send_slowly(self) -> None:
        """The head of a request, a few bytes at a time, and never its end."""
        head = self._random.choice(self._asked).head[:-2]
        with connect(self._house.port, 30) as connection:
            for at in range(0, min(len(head), 120), 12):
                connection.sendall(head[at : at + 12])
                time.sleep(0.1)

    def _half_a_body(self) -> None:
        question = self._random.choice(self._posts)
        with connect(self._house.port, 30) as connection:
            connection.sendall(question.head[:-5])
            time.sleep(self._random.uniform(0.1, 2))

    def _read_slowly(self) -> None:
        question = self._random.choice(self._asked)
        opened = time.monotonic()
        with connect(self._house.port, PATIENCE, receive_buffer=2048) as connection:
            connection.sendall(question.head)
            received = b""
            while data := connection.recv(256):
                received += data
                time.sleep(0.05)
            port = connection.getsockname()[1]
        judge_raw(self._house, self._tally, question, (opened, opened, port), received)


def judge_raw(house: House, tally: Tally, question: Question,
              spans: tuple[float, float, int], received: bytes) -> None:  # fmt: skip
    """The same for what came over a plain connection that the server has closed."""
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    said = {key.lower(): value.strip() for key, _, value in (one.partition(":") for one in lines)}
    whole = bool(head)
    if said.get("transfer-encoding") == "chunked":
        whole = body.endswith(b"0\r\n\r\n")
        body = _unchunked(body)
    elif "content-length" in said:
        whole = len(body) == int(said["content-length"])
    if not whole:
        killed = house.ledger.killed(spans[2], spans[0], time.monotonic())
        tally.note("excused" if killed else "lost", f"{question.path}: cut, {received[-200:]!r}")
        return
    kind = said.get("content-type", "")
    status, text = int(lines[0].split()[1]), body.decode()
    judge(house, tally, question, spans, status, kind, text, said.get("retry-after"))


def _unchunked(body: bytes) -> bytes:
    text = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size or b"0", 16)
        text, body = text + body[:length], body[length + 2 :]
    return text


def storm(house: House, tally: Tally, asked: list[Question], random: Random, size: int) -> None:
    """Far more requests at once than the server takes; each is answered, 429 or text."""
    opened = time.monotonic()
    sent: list[tuple[Question, socket.socket]] = []
    try:
        for question in random.choices(asked, k=size):
            connection = connect(house.port, PATIENCE)
            sent.append((question, connection))
            connection.sendall(question.head)
        for question, connection in sent:
            received = b""
            try:
                while data := connection.recv(1 << 16):
                    received += data
            except TimeoutError:
                tally.note("hung", f"{question.path} in a storm")
                continue
            except OSError:
                pass  # what has come says whether that was all
            port = connection.getsockname()[1]
            judge_raw(house, tally, question, (opened, opened, port), received)
    finally:
        for _, connection in sent:
            connection.close()
