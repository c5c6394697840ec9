"""Real servers for the tests: gunicorn with gevent workers, and `python app.py`.

    with GunicornServer(models_dir, workers=2, env={"SIMPLEML_MAX_ROWS": "8"}) as server:
        requests.get(server.base_url + "/livez")
        server.workers                 # process ids
        server.stop(signal.SIGTERM)    # returns the exit code

A port is never chosen beforehand: gunicorn is handed a bound socket, app.py binds to port 0.
Each server runs in a session of its own, of which nothing is left afterwards.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent
ONE_PLACE = {
    "SIMPLEML_MAX_ROWS": "1",
    "SIMPLEML_MAX_WAITING": "0",
    "SIMPLEML_MAX_SIZE": "10000000",
}
"""Settings: one text at a time and no queue; texts may be endless."""
START_SECONDS = 60.0


def environment(models_dir: Path | str, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without its own settings, and with those of the test."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SIMPLEML_", "GUNICORN_", "PROMETHEUS_"))
        and name not in ("WEB_CONCURRENCY", "PORT", "HOST")
    }
    return {**kept, "SIMPLEML_MODELS_DIR": str(models_dir), **(env or {})}


_held: list[socket.socket] = []


def free_port() -> int:
    """A port for a program that cannot be handed a socket; no other test gets it.

    It stays bound here. A program that sets SO_REUSEADDR, as servers do, may bind and listen beside
    a socket that does not listen.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _held.append(holder)
    port: int = holder.getsockname()[1]
    return port


class Server:
    """A server process; subclasses say how it is started."""

    base_url: str
    """http://127.0.0.1:port, without a slash at the end."""

    def __init__(
        self,
        models_dir: Path | str,
        *,
        env: Mapping[str, str] | None = None,
        args: Sequence[str] = (),
    ) -> None:
        self.models_dir = Path(models_dir)
        self.args = list(args)
        self._env = environment(models_dir, env)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the server
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it and wait until it answers /livez.

        Raises:
            AssertionError: it ended, or did not answer in time; with what it wrote.
        """
        self._launch()
        try:
            wait_until(self._lives, START_SECONDS, "the server answers /livez")
        except AssertionError as error:
            self.close()
            raise AssertionError(f"{error}\n{self.log}") from None
        if self.process.poll() is not None:
            raise AssertionError(f"the server ended at once:\n{self.log}")
        return self

    def _launch(self) -> None:
        raise NotImplementedError

    def _spawn(self, command: Sequence[str], pass_fds: Sequence[int] = ()) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            pass_fds=pass_fds,
            start_new_session=True,
        )

    def _lives(self) -> bool:
        if self.process.poll() is not None:
            return True  # start() looks at it
        with urllib.request.urlopen(f"{self.base_url}/livez", timeout=5) as answer:
            return bool(answer.status == 200)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the server was not started"
        return self._process

    @property
    def pid(self) -> int:
        """Process id of gunicorn's master, or of the only process."""
        return self.process.pid

    @property
    def log(self) -> str:
        """What it wrote so far, stdout and stderr together."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode("utf-8", "replace")

    def send_signal(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to the master and return at once."""
        self.process.send_signal(number)

    def stop(self, number: int = signal.SIGTERM, seconds: float = 90.0) -> int:
        """Send a signal to the master, wait for its end, return its exit code."""
        self.send_signal(number)
        return self.process.wait(seconds)

    def close(self) -> None:
        """End it, by force if it does not go by itself, with everything it started."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class GunicornServer(Server):
    """`gunicorn app:app` with gevent workers, configured by the repository's gunicorn.conf.py."""

    def __init__(
        self,
        models_dir: Path | str,
        workers: int = 1,
        env: Mapping[str, str] | None = None,
        args: Sequence[str] = (),
        host: str = "127.0.0.1",
    ) -> None:
        super().__init__(models_dir, env=env, args=args)
        self.worker_count = workers
        self.host = host

    def _launch(self) -> None:
        command = ["-m", "gunicorn", "--workers", str(self.worker_count)]
        if not (ROOT / "gunicorn.conf.py").exists():
            command += ["-k", "gevent"]
        self._env.setdefault("WEB_CONCURRENCY", str(self.worker_count))
        with socket.create_server((self.host, 0), backlog=1024) as listener:
            self.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            command += ["--bind", f"fd://{listener.fileno()}", *self.args, "app:app"]
            self._spawn(command, pass_fds=[listener.fileno()])

    @property
    def workers(self) -> list[int]:
        """Process ids of the workers that live now."""
        try:
            children = psutil.Process(self.pid).children()
        except psutil.NoSuchProcess:
            return []
        return [child.pid for child in children if child.status() != psutil.STATUS_ZOMBIE]


class AsgiServer(Server):
    """The application behind its bridge in uvicorn: a thread for each request, and no gevent."""

    def _launch(self) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
            self.base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            place = ["--fd", str(listener.fileno()), "--app-dir", str(ROOT / "tests")]
            command = ["-m", "uvicorn", *place, "--factory", "bridged:make"]
            self._spawn(command, pass_fds=[listener.fileno()])


class AppServer(Server):
    """`python app.py`."""

    def _launch(self) -> None:
        self._env.update(HOST="127.0.0.1", PORT="0", PYTHONUNBUFFERED="1")
        self._spawn(["app.py", *self.args])
        try:
            wait_until(self._find_port, START_SECONDS, "app.py listens")
        except AssertionError as error:
            self.close()
            raise AssertionError(f"{error}\n{self.log}") from None

    def _find_port(self) -> bool:
        if self.process.poll() is not None:
            self.base_url = "http://127.0.0.1:0"
            return True
        for connection in psutil.Process(self.pid).net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN:
                self.base_url = f"http://127.0.0.1:{connection.laddr.port}"
                return True
        return False
