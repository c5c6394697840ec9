"""What is done to the server, one thing after the other, in a shuffled order that a seed fixes.

Each fault is a method; `DEADLY` ones end a worker or the master. A disk is full in a small file
system of its own (root), else by a limit on files' sizes in this process, which the server does not
see then.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

from clients import Tally, storm
from house import House
from known import CHANGING, ILL, STEADY, VERSIONS, Question, write

from simpleml.models.artifact import find_artifact, read_artifact

DISK_MB = 24
STORM = 300
LONGEST_STOP = 10.0
JUMPS = (-86400, -3600, -3, 0, 2, 3600, 86400)
"""Seconds between the clock and the true time."""
DEADLY = ("kill_worker", "kill_master", "kill_master_alone")
OTHERS = (
    "stop_worker", "stop_master", "replace", "truncate", "delete", "fill_disk", "move_clock",
    "storm", "train", "train",
)  # fmt: skip
TRAINING = {
    "layers": 1, "units": 16, "epochs": 4, "patience": 1000, "sample_every": 0, "from": "nothing",
    "text": "The sultan told the vizier a tale, and the vizier told it to the cook. " * 300,
}  # fmt: skip


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """`folder` as a file system of its own, of `DISK_MB`; False where this process may not."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Clock:
    """The wall clock of the server's processes, moved by clock.c where a C compiler is at hand."""

    def __init__(self, folder: Path) -> None:
        self._file, library = folder / "clock", folder / "clock.so"
        self._file.write_bytes(struct.pack("=q", 0))
        command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(library)]
        source = Path(__file__).with_name("clock.c")
        self.there = shutil.which("cc") is not None
        if self.there:
            subprocess.run([*command, str(source)], check=True)
        told = {"LD_PRELOAD": str(library), "CHAOS_CLOCK": str(self._file)}
        self.environment = told if self.there else {}
        """For the server."""

    def move(self, seconds: int) -> None:
        """From the true time, whatever it is now."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("=q", seconds))


class Faults:
    """All of them, and what they found wrong themselves."""

    def __init__(
        self, house: House, tally: Tally, asked: list[Question], random: Random, clock: Clock,
        small: bool,
    ) -> None:  # fmt: skip
        self._house, self._tally, self._asked = house, tally, asked
        self._random, self._clock, self._small = random, clock, small
        self._models = house.models_dir
        self.done = Counter[str]()
        self.complaints: list[str] = []
        self._trainings = 0

    def run(self, names: tuple[str, ...], until: float) -> None:
        """Do them, shuffled again and again, until that moment (time.monotonic())."""
        deck: list[str] = []
        while time.monotonic() < until:
            if not deck:
                deck = self._random.sample(names, len(names))
            name = deck.pop()
            try:
                getattr(self, name)()
                self.done[name] += 1
            except Exception as error:
                self.complaints.append(f"{name}: {error!r}")
            time.sleep(self._random.uniform(0.3, 3))

    def check(self, holds: bool, complaint: str) -> None:
        if not holds:
            self.complaints.append(complaint)

    # --- processes ---

    def kill_worker(self) -> None:
        self._house.kill_worker(self._random.choice(self._house.workers))

    def kill_master(self) -> None:
        self._house.kill_master(alone=False)

    def kill_master_alone(self) -> None:
        self._house.kill_master(alone=True)

    def _pause(self, pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(self._random.uniform(0.5, LONGEST_STOP))
        finally:
            os.kill(pid, signal.SIGCONT)

    def stop_worker(self) -> None:
        self._pause(self._random.choice(self._house.workers))

    def stop_master(self) -> None:
        self._pause(self._house.master)

    # --- models ---

    def replace(self) -> None:
        """Some times, as fast as they can be written."""
        for _ in range(self._random.randint(1, 5)):
            write(self._models, CHANGING, self._random.choice(VERSIONS))
            time.sleep(self._random.uniform(0, 0.5))

    def truncate(self) -> None:
        """A file is cut off where it lies, as a copy that was broken off leaves it."""
        file = self._random.choice(list((self._models / ILL).iterdir()))
        whole = file.read_bytes()
        with self._house.ledger.illness():
            os.truncate(file, self._random.randrange(len(whole)))
            time.sleep(self._random.uniform(0.2, 3))
            file.write_bytes(whole)

    def delete(self) -> None:
        with self._house.ledger.illness():
            shutil.rmtree(self._models / ILL)
            time.sleep(self._random.uniform(0.2, 3))
            write(self._models, ILL)

    # --- the disk ---

    def fill_disk(self) -> None:
        """While nothing fits: models are replaced, brought in, and trained."""
        with self._full_disk():
            with suppress(OSError):
                write(self._models, CHANGING, self._random.choice(VERSIONS))
            paths = find_artifact(self._models, CHANGING)
            self.check(paths is not None, "a model is gone after a full disk")
            if self._small:
                status, said = self._call("POST", "/v1/train", {**TRAINING, "name": "unlucky"})
                self.check(status in (202, 500), f"training on a full disk: {status} {said}")
                status, said = self._import("brought")
                self.check(status in (200, 409, 500), f"import on a full disk: {status} {said}")
            time.sleep(self._random.uniform(0.5, 5))
        if self._small:
            self._wait_for_end("unlucky")
            self._call("DELETE", "/v1/train/unlucky")
            self._call("DELETE", "/v1/models/import/brought")

    @contextmanager
    def _full_disk(self) -> Iterator[None]:
        if not self._small:
            soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            was = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
            try:
                yield
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
                signal.signal(signal.SIGXFSZ, was)
            return
        filler = self._models / ".filler"
        try:
            with filler.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(bytes(4096))
                except OSError as error:
                    assert error.errno == errno.ENOSPC
            yield
        finally:
            filler.unlink()

    # --- load and time ---

    def move_clock(self) -> None:
        self._clock.move(self._random.choice(JUMPS))
        time.sleep(self._random.uniform(1, 3))

    def storm(self) -> None:
        storm(self._house, self._tally, self._asked, self._random, STORM)

    # --- trainings ---

    def train(self) -> None:
        """Begin one, or kill the one that runs, or go on with the one that was killed."""
        name, state = f"trained{self._trainings}", ""
        if self._trainings:
            state = self._state(name)
        if state in ("failed", "interrupted"):
            status, said = self._call("POST", f"/v1/train/{name}/resume")
            self.check(status == 200, f"resume of {name}: {status} {said}")
        elif state == "running":
            for process in self._house.trainings():
                process.kill()
                self.done["training killed"] += 1
        elif state in ("", "done"):
            if state:
                self._call("DELETE", f"/v1/train/{name}")
            self._trainings += 1
            asked = {**TRAINING, "name": f"trained{self._trainings}"}
            status, said = self._call("POST", "/v1/train", asked)
            self.check(status == 202, f"a training does not begin: {status} {said}")

    def end_training(self) -> None:
        """Stop the last one, and remove it."""
        if self._trainings:
            self._wait_for_end(f"trained{self._trainings}")
            self._call("DELETE", f"/v1/train/trained{self._trainings}")
            self._trainings = 0

    def finish_training(self, seconds: float = 600.0) -> None:
        """The last one must come to its end, and be served."""
        if not self._trainings:
            return
        name = f"trained{self._trainings}"
        until = time.monotonic() + seconds
        while (state := self._state(name)) != "done":
            if state in ("failed", "interrupted", "cancelled"):
                self._call("POST", f"/v1/train/{name}/resume")
            for process in self._house.trainings():
                # A training has the lowest priority, and neighbours may leave it nothing.
                os.sched_setscheduler(process.pid, os.SCHED_OTHER, os.sched_param(0))
                process.nice(0)
            if time.monotonic() > until:
                self.complaints.append(f"{name} is still {state} after {seconds:.0f} s")
                return
            time.sleep(1)
        self.check(len(self._house.ask(f"/{name}/g/the/20")) == 23, f"{name} is not served")
        self._call("DELETE", f"/v1/train/{name}")

    def _state(self, name: str) -> str:
        status, said = self._call("GET", f"/v1/train/{name}")
        return str(said.get("state", status)) if isinstance(said, dict) else str(status)

    def _wait_for_end(self, name: str) -> None:
        """Stop a training that may have begun."""
        self._call("POST", f"/v1/train/{name}/cancel")
        until = time.monotonic() + 150
        while self._state(name) in ("waiting", "running", "stopping"):
            if time.monotonic() > until:
                self.complaints.append(f"{name} does not end")
                return
            time.sleep(0.3)

    def _call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body else None
        kind = "application/zip" if isinstance(body, bytes) else "application/json"
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._house.port}{path}", data, {"Content-Type": kind},
            method=method,
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def _import(self, name: str) -> tuple[int, Any]:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self._house.port}/{STEADY}/export.zip", timeout=60
        ) as answer:
            content = answer.read()
        return self._call("POST", f"/v1/models/import?name={name}", content)

    def models_whole(self) -> bool:
        """Whether each model can be read to its end, and nothing half lies beside them."""
        whole = True
        for name in (STEADY, CHANGING, ILL):
            paths = find_artifact(self._models, name)
            if paths is None:
                whole = False
                self.complaints.append(f"{name} is gone")
            else:
                read_artifact(paths)
        known = {STEADY, CHANGING, ILL, ".training"}
        left = sorted(path.name for path in self._models.iterdir() if path.name not in known)
        self.check(not left, f"beside the models there is left: {left}")
        return whole and not left
