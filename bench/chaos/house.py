"""The server under test, kept as systemd keeps it, and a ledger of what was done to it when.

A master that ends is started again after two seconds, as deploy/simpleml.service says
(Restart=on-failure, RestartSec=2). The ledger knows which connections a killed worker held, so that
a request that was lost with it is told from one that was lost without a reason.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
from servers import ROOT, environment, free_port
from waiting import wait_until

RESTART_SECONDS = 2.0
GRACE = 3.0
"""Seconds after a disturbance during which it may still be seen."""


@dataclass
class Ledger:
    """What was done, by time.monotonic()."""

    doomed: list[tuple[float, frozenset[int]]] = field(default_factory=list)
    """When workers were killed, and the clients' ports of the connections that they held."""
    down: list[list[float]] = field(default_factory=list)
    """From the killing of a master until a new one answers."""
    ill: list[list[float]] = field(default_factory=list)
    """While the model of that name was broken or gone."""

    def killed(self, port: int, opened: float, ended: float) -> bool:
        """Whether a connection, open in that time, was lost with its worker or its server."""
        doomed = any(opened <= at <= ended and port in ports for at, ports in self.doomed)
        return doomed or _within(self.down, opened, ended)

    def was_ill(self, started: float, ended: float) -> bool:
        return _within(self.ill, started, ended)

    @contextmanager
    def illness(self) -> Iterator[None]:
        """While the block runs, the model may be broken."""
        self.ill.append([time.monotonic(), float("inf")])
        try:
            yield
        finally:
            self.ill[-1][1] = time.monotonic() + GRACE


def _within(spans: list[list[float]], started: float, ended: float) -> bool:
    return any(begin <= ended and started <= end for begin, end in spans)


@dataclass(frozen=True)
class Figures:
    """A worker at rest."""

    pid: int
    memory_mb: float
    threads: int
    files: int
    watchers: int


class House:
    """gunicorn over a models folder, with its keeper."""

    def __init__(
        self, folder: Path, models_dir: Path, workers: int, env: Mapping[str, str]
    ) -> None:
        self.ledger = Ledger()
        self.models_dir = models_dir
        self.port = free_port()
        self.workers_wanted = workers
        self.ended_by_itself = 0
        self._figures = folder / "figures"
        self._figures.mkdir()
        self._temporary = folder / "tmp"
        self._temporary.mkdir()
        own = {"CHAOS_FIGURES": str(self._figures), "WEB_CONCURRENCY": str(workers)}
        own["TMPDIR"] = str(self._temporary)
        self._env = environment(models_dir, {**own, **env})
        self._log = (folder / "server.log").open("ab")
        self.log_file = folder / "server.log"
        self._changing = threading.Lock()
        self._closed = False
        self._process = self._start()
        self.wait_ready()
        threading.Thread(target=self._keep, daemon=True).start()

    def _start(self) -> subprocess.Popen[bytes]:
        conf = Path(__file__).with_name("figures.conf.py")
        command = [sys.executable, "-m", "gunicorn", "--config", str(conf)]
        return subprocess.Popen(
            [*command, "--bind", f"127.0.0.1:{self.port}"],
            cwd=ROOT, env=self._env, stdin=subprocess.DEVNULL,
            stdout=self._log, stderr=self._log, start_new_session=True,
        )  # fmt: skip

    def _keep(self) -> None:
        """Start it again where it ends, which it should not do by itself."""
        while not self._closed:
            if self._process.poll() is not None:
                with self._changing:
                    if self._process.poll() is not None and not self._closed:
                        self.ended_by_itself += 1
                        time.sleep(RESTART_SECONDS)
                        self._process = self._start()
            time.sleep(0.2)

    @property
    def master(self) -> int:
        return self._process.pid

    @property
    def workers(self) -> list[int]:
        """Process ids of the workers that live now."""
        with suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.master).children()
            return [one.pid for one in children if one.status() != psutil.STATUS_ZOMBIE]
        return []

    def descendants(self) -> list[psutil.Process]:
        """All that the master has started, trainings too."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.master).children(recursive=True)
        return []

    def trainings(self) -> list[psutil.Process]:
        """The processes that train now: at most one, and what it may have started."""
        found = []
        for process in self.descendants():
            with suppress(psutil.NoSuchProcess):
                if "simpleml.jobs.child" in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def ask(self, path: str, seconds: float = 10.0) -> str:
        """GET a path.

        Raises:
            OSError: it did not answer, or not with 200.
        """
        url = f"http://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(url, timeout=seconds) as answer:
            return str(answer.read().decode())

    def wait_ready(self) -> None:
        """Until it answers, and has all of its workers."""
        wait_until(lambda: self.ask("/livez"), 60, "the server answers", every=0.1)
        wait_until(lambda: len(self.workers) == self.workers_wanted, 60, "all workers are there")

    # --- what is done to it ---

    def _doom(self, pids: list[int]) -> None:
        """Stop processes and note whose connections they hold; they are killed next."""
        ports: set[int] = set()
        for pid in pids:
            with suppress(ProcessLookupError, psutil.NoSuchProcess):
                os.kill(pid, signal.SIGSTOP)
        for pid in pids:
            with suppress(psutil.NoSuchProcess):
                held = psutil.Process(pid).net_connections("tcp")
                ports |= {one.raddr.port for one in held if one.raddr}
        self.ledger.doomed.append((time.monotonic(), frozenset(ports)))

    def kill_worker(self, pid: int) -> None:
        """kill -9; the master starts another one."""
        self._doom([pid])
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: pid not in self.workers, 30, "the dead worker is noticed")
        self.wait_ready()

    def kill_master(self, alone: bool) -> None:
        """kill -9 of the master; systemd then kills the rest (KillMode=mixed) and starts it again.

        Args:
            alone: nobody kills the rest, and a new one is started at once.
        """
        with self._changing:
            rest = [one.pid for one in self.descendants()]
            span = [time.monotonic(), float("inf")]
            self.ledger.down.append(span)
            if not alone:
                self._doom(rest)
            os.kill(self.master, signal.SIGKILL)
            self._process.wait()
            for pid in rest if not alone else ():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not alone:
                time.sleep(RESTART_SECONDS)
            # What is left of the old one may hold the port for some seconds: as systemd does.
            self._process = self._start()
            while not self._listens():
                if self._process.poll() is not None:
                    time.sleep(RESTART_SECONDS)
                    self._process = self._start()
                time.sleep(0.1)
            span[1] = time.monotonic() + GRACE
        self.wait_ready()

    def _listens(self) -> bool:
        """Whether the new master itself does: what is left of an old one may answer still."""
        if self._process.poll() is not None or len(self.workers) < self.workers_wanted:
            return False
        with suppress(OSError):
            return bool(self.ask("/livez", 5))
        return False

    # --- at rest ---

    def at_rest(self) -> bool:
        """Whether no worker generates, and no one is connected."""
        for line in self.ask("/metrics").splitlines():
            name, _, value = line.rpartition(" ")
            if name in ("simpleml_requests_running", "simpleml_requests_waiting") and float(value):
                return False
        return all(not self._connected(pid) for pid in self.workers)

    def _connected(self, pid: int) -> bool:
        connections = psutil.Process(pid).net_connections("tcp")
        return any(one.status == psutil.CONN_ESTABLISHED for one in connections)

    def figures(self, looks: int = 10, every: float = 0.4) -> list[Figures]:
        """Of all workers, the server being at rest: the least of some looks, since timers and
        files of those who look after trainings come and go."""
        found: dict[int, list[Figures]] = {pid: [] for pid in self.workers}
        for _ in range(looks):
            time.sleep(every)
            for pid, seen in found.items():
                seen.append(self._figures_of(pid))
        return [
            Figures(
                pid,
                min(one.memory_mb for one in seen),
                min(one.threads for one in seen),
                min(one.files for one in seen),
                min(one.watchers for one in seen),
            )
            for pid, seen in found.items()
        ]

    def _figures_of(self, pid: int) -> Figures:
        told = json.loads((self._figures / f"{pid}.json").read_text())
        process = psutil.Process(pid)
        memory = round(process.memory_info().rss / 1e6, 1)
        return Figures(pid, memory, process.num_threads(), process.num_fds(), told["watchers"])

    def left_behind(self) -> list[str]:
        """What lies in its temporary folder once it has ended."""
        return sorted(path.name for path in self._temporary.iterdir())

    def close(self) -> int:
        """SIGTERM, and its exit code."""
        self._closed = True
        self._process.terminate()
        return self._process.wait(120)

    def end(self) -> None:
        """Leave nothing running."""
        self._closed = True
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()


def table(figures: list[Figures]) -> list[dict[str, float]]:
    """For the JSON line."""
    return [asdict(one) for one in figures]


def connect(port: int, seconds: float, receive_buffer: int = 0) -> socket.socket:
    """A plain connection to the server."""
    made = socket.socket()
    made.settimeout(seconds)
    if receive_buffer:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    made.connect(("127.0.0.1", port))
    return made
