"""A real Ray cluster of several nodes on this machine, and what is served over it.

    with own_network(), Nodes(folder, models_dir) as nodes:   # the head, on 127.0.0.1
        other = nodes.add(cores=1)                             # 127.0.0.2
        with nodes.serve(precision="int8") as base_url: ...
        other.kill()                                           # as if its power had failed

In a network of its own (own_network.py), where the ports of Ray are free. Each node is a session
of processes, of which nothing is left afterwards.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil
from servers import ROOT, environment
from waiting import wait_until

BIN = Path(sys.executable).parent
ADDRESS = "127.0.0.1:6379"
PROXYS_OWN = "http://127.0.0.1:8404/stats;csv"
START_SECONDS = 180.0
"""A busy machine takes its time over ten processes a node."""
TRIES = 4


def variables(models_dir: Path | str, **more: str) -> dict[str, str]:
    """What deploy/ray/environment sets, for one machine alone."""
    lines = (ROOT / "deploy" / "ray" / "environment").read_text().splitlines()
    set_there = dict(line.split("=", 1) for line in lines if line and line[0] != "#")
    found = {
        **environment(models_dir),
        **set_there,
        "RAY_AUTH_MODE": "disabled",
        "RAY_ADDRESS": ADDRESS,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        # A replica that stops is told to wait half a minute for proxies; ours is on this machine.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
        **more,
    }
    return found


def processes_of(session: int) -> list[psutil.Process]:
    """What runs in a session."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session:
                found.append(process)
        except (ProcessLookupError, PermissionError):
            pass
    return found


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Node:
    """A node's processes."""

    def __init__(self, address: str, session: int) -> None:
        self.address = address
        self.session = session

    @property
    def processes(self) -> list[psutil.Process]:
        """All of them, with what they started."""
        return processes_of(self.session)

    def kill(self) -> None:
        """End all of it at once, as a failing machine does."""
        while found := [one for one in self.processes if _lives(one)]:
            # what is started meanwhile is found the next time
            for act in (psutil.Process.suspend, psutil.Process.kill):
                for one in found:
                    with suppress(psutil.NoSuchProcess):  # it has just ended
                        act(one)
            psutil.wait_procs(found, 10)


class Nodes:
    """A cluster: its head, and the nodes that are added."""

    def __init__(self, models_dir: Path | str, cores: int = 1, **env: str) -> None:
        self.models_dir = models_dir
        self.env = variables(models_dir, **env)
        self._cores = cores
        self._folder = Path(tempfile.mkdtemp(prefix="ray-"))  # a socket's path is short
        self._nodes: list[Node] = []
        self._serving: list[int] = []

    def __enter__(self) -> Self:
        try:
            self.head = self.add(self._cores)
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        for node in reversed(self._nodes):
            node.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def added(self) -> list[Node]:
        """The nodes beside the head."""
        return self._nodes[1:]

    @property
    def sessions(self) -> tuple[int, ...]:
        """Of all processes: the nodes', and those that serve over them."""
        return (*(node.session for node in self._nodes), *self._serving)

    def add(self, cores: int = 1) -> Node:
        """Start one more node."""
        number = len(self._nodes) + 1
        address = f"127.0.0.{number}"
        if number == 1:
            where = ["--head", "--port", "6379", "--include-dashboard=false"]
            where += ["--temp-dir", str(self._folder)]
        else:
            where = ["--address", ADDRESS]
        command = [BIN / "ray", "start", *where, "--node-ip-address", address]
        command += ["--num-cpus", str(cores), "--object-store-memory", "100000000"]
        # `ray start` gives its daemons half a minute, which a busy machine may exceed.
        for _ in range(TRIES):
            node, said = self._start(command, address)
            if not said:
                self._nodes.append(node)
                return node
            node.kill()
        raise AssertionError(said)

    def _start(self, command: list[str | Path], address: str) -> tuple[Node, str]:
        """The node, and what it said if it did not start."""
        log = self._folder / f"{address}.txt"
        started = self._run(command, log)
        node = Node(address, started.pid)
        try:
            well = started.wait(START_SECONDS) == 0
        except BaseException:
            node.kill()
            raise
        return node, "" if well else log.read_text()

    def _run(self, command: Sequence[str | Path], log: Path) -> subprocess.Popen[bytes]:
        """A process with its children in a session of their own; what it says goes to the log."""
        with log.open("wb") as output:
            return subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @contextmanager
    def serve(self, replicas: int = 1, **settings: Any) -> Iterator[str]:
        """`serve run` what deploy/ray/simpleml.yaml says, with these settings; its address."""
        base_url = "http://127.0.0.1:8280"
        with suppress(httpx.HTTPError):  # it would be replaced, and answer meanwhile
            said = httpx.get(f"{base_url}/livez", timeout=5).status_code
            assert said != 200, "another application is being served"
        config = self._folder / f"served-{len(self._serving)}.json"
        arguments = {"replicas": replicas, "models_dir": str(self.models_dir), **settings}
        config.write_text(json.dumps(served(arguments)))
        log = config.with_suffix(".txt")
        running = self._run([BIN / "serve", "run", config], log)
        self._serving.append(running.pid)

        def ready() -> bool:
            if running.poll() is not None:
                return True
            return httpx.get(f"{base_url}/readyz", timeout=5).status_code == 200

        try:
            wait_until(ready, START_SECONDS, "the replicas answer", every=0.1)
            assert running.poll() is None
            wait_until(lambda: len(answered()) >= replicas, START_SECONDS, "all of them", every=0.1)
            yield base_url
        except BaseException:
            print(log.read_text()[-8000:])
            raise
        finally:
            running.send_signal(signal.SIGINT)
            try:
                running.wait(60)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


def answered() -> dict[str, int]:
    """The replicas that the proxy sends requests to, and how many each had since it began."""
    page = httpx.get(PROXYS_OWN, timeout=5).text.removeprefix("# ")
    return {
        row["svname"]: int(row["stot"])
        for row in csv.DictReader(io.StringIO(page))
        if row["svname"].startswith("SERVE_REPLICA") and row["status"] == "UP"
    }


def served(arguments: dict[str, Any]) -> dict[str, Any]:
    """The configuration of deploy/ray/ with other arguments, for nodes on one machine."""
    import yaml

    config: dict[str, Any] = yaml.safe_load((ROOT / "deploy/ray/simpleml.yaml").read_text())
    (application,) = config["applications"]
    application["args"] = {**application["args"], **arguments}
    # Two proxies would want the same port here.
    return {**config, "proxy_location": "HeadOnly"}
