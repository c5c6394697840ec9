"""Trainings as tasks of a Ray cluster, several at once: the server's side of ray_driver.py.

A task takes cores, or a GPU, of any node. When its node dies, Ray starts it on another one, where
it goes on from what was saved. The models folder is the same on all nodes. Nothing here imports
Ray, and nothing waits: under gevent other requests would wait too.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simpleml.errors import SettingsError, TrainingError
from simpleml.jobs import process, task
from simpleml.jobs.executor import LOST, Order, Run

_MOST_SAID = 2000
"""Characters of what the driver says when it fails."""


class RayExecutor:
    """Has trainings run over a cluster.

    One is ordered when all before it have got their cores: the queue stays the server's, and a
    cluster that grows by itself sees that one more is wanted.

    Args:
        address: of the cluster, as `ray.init` takes it; this machine is one of its nodes.
        cores: of each training.
        gpus: of each training.

    Raises:
        SettingsError: Ray is not installed.
    """

    def __init__(self, address: str, cores: int, gpus: int) -> None:
        if importlib.util.find_spec("ray") is None:
            raise SettingsError(
                "SIMPLEML_RAY_ADDRESS is set, but Ray is not installed: "
                "pip install -r required-ray.txt",
                param="SIMPLEML_RAY_ADDRESS",
            )
        self._arguments = [address, str(cores), str(gpus)]
        self._driver: _Driver | None = None
        self._numbers = (f"{secrets.token_hex(4)}-{number}" for number in itertools.count())

    def free(self, runs: Sequence[Run]) -> bool:
        """Whether the cluster is there and all others have got their cores.

        Raises:
            TrainingError: the cluster cannot be reached.
        """
        driver = self._driver
        if driver is not None and not driver.alive:
            self.close()
            if not driver.ready:
                raise TrainingError(
                    f"the Ray cluster {self._arguments[0]} is not there: {driver.complaint}"
                )
        if self._driver is None:
            self._driver = _Driver(self._arguments)
        return self._driver.ready and all(run.begun for run in runs)

    def start(self, order: Order) -> Run:
        """Order one; `free` has just said that it may be."""
        assert self._driver is not None
        number = next(self._numbers)
        self._driver.tell({"start": number, "order": dataclasses.asdict(order)})
        return _RayRun(self._driver, number, Path(order.folder))

    def close(self) -> None:
        """End the process that speaks with Ray, which takes memory."""
        if self._driver is not None:
            self._driver.close()
            self._driver = None


class _RayRun:
    """One order."""

    def __init__(self, driver: _Driver, number: str, folder: Path) -> None:
        self._driver = driver
        self._number = number
        self._folder = folder

    @property
    def begun(self) -> bool:
        """Whether a node has taken it."""
        return task.begun(self._folder, self._number)

    def poll(self) -> int | None:
        """Its exit status; LOST where the process that ordered it is no more."""
        alive = self._driver.alive  # before what it said is read
        code = self._driver.ended.get(self._number)
        return LOST if code is None and not alive else code

    def stop(self) -> None:
        """Cancel it: it saves."""
        self._driver.tell({"stop": self._number})

    def kill(self) -> None:
        """Cancel it by force."""
        self._driver.tell({"kill": self._number})


class _Driver:
    """simpleml.jobs.ray_driver, started."""

    def __init__(self, arguments: Sequence[str]) -> None:
        # Files rather than pipes: reading them never waits.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as it lives
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115
        self._read = 0
        self._ready = False
        self._ended: dict[str, int] = {}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "simpleml.jobs.ray_driver", *arguments],
            cwd=process.ROOT,
            env=process.environment(),
            stdin=subprocess.PIPE,
            stdout=self._said,
            stderr=self._complaints,
        )

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether it has reached the cluster."""
        self._listen()
        return self._ready

    @property
    def ended(self) -> dict[str, int]:
        """Exit statuses by order."""
        self._listen()
        return self._ended

    @property
    def complaint(self) -> str:
        """The last thing it wrote as it failed."""
        size = os.fstat(self._complaints.fileno()).st_size
        text = os.pread(self._complaints.fileno(), _MOST_SAID, max(0, size - _MOST_SAID))
        lines = text.decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def tell(self, what: dict[str, Any]) -> None:
        """Give it a line; one that is no more hears nothing."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(what).encode() + b"\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass

    def close(self) -> None:
        """It ends when its tasks have."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass

    def _listen(self) -> None:
        said = os.pread(self._said.fileno(), 1 << 20, self._read)
        whole = said[: said.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            told = json.loads(line)
            self._ready = self._ready or told.get("ready", False)
            if "ended" in told:
                self._ended[told["ended"]] = told["code"]
