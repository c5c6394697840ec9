"""The one worker that runs the trainings, one at a time, in a process of their own.

Every worker has a Supervisor; the one that holds the lock of JobStore.lead acts, and when it goes
another one takes over within a second. A training that dies takes nothing with it: it is noted as
failed with its last line, and the next one starts. Under gevent its thread is a greenlet: what
waits for the disk goes to `in_thread`.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from typing import IO, Any

from simpleml.errors import SimpleMLError
from simpleml.jobs import process
from simpleml.jobs.job import Job
from simpleml.jobs.queue import training_order
from simpleml.jobs.report import last_words, read_report, told_error
from simpleml.jobs.store import JobStore

_log = logging.getLogger("simpleml")

LOOK_EVERY = 0.5  # seconds
MOST_PAUSE = 60.0
"""Seconds between two looks when all of them fail."""
STOP_SECONDS = 60.0
"""How long a training may take to save when it is asked to stop, before it is killed."""
SAVED_POINT = "training/state.npz"  # as simpleml.training.trainer writes it


class Supervisor:
    """Runs what waits in a store; `start` makes it begin, `stop` and `join` end it.

    Args:
        store: of the trainings.
        in_thread: calls a function with its arguments where waiting for the disk holds up nobody.
        priority: of the trainings' processes.
    """

    def __init__(
        self,
        store: JobStore,
        in_thread: Callable[..., Any] = lambda function, *given: function(*given),
        priority: process.Priority = "idle",
    ) -> None:
        self._store = store
        self._in_thread = in_thread
        self._priority = priority
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stopping = False
        self._leading: IO[str] | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._name = ""
        self._asked_at: float | None = None
        """When the child was asked to stop."""

    def start(self) -> None:
        """Begin to look after the trainings; harmless when it was called before."""
        if self._thread is None and not self._stopping:
            self._thread = threading.Thread(target=self._run, name="trainings", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Look at once: something was changed."""
        self._wake.set()

    def stop(self) -> None:
        """Start no more, and let the one that runs save and end; returns at once."""
        self._stopping = True
        self._wake.set()

    def join(self, seconds: float) -> None:
        """Wait after `stop` until the training's process has ended."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        failures = 0
        while not (self._stopping and self._child is None):
            self._wake.clear()
            try:
                self._look()
                if failures:
                    _log.info("the trainings are supervised again")
                failures = 0
            except Exception:
                # Whatever it is must not end the loop: a later look may find it mended.
                failures += 1
                if failures == 1:
                    _log.exception("the trainings cannot be supervised; trying again")
            self._wake.wait(self._pause(failures))
        if self._leading is not None:
            self._leading.close()

    def _pause(self, failures: int) -> float:
        """Seconds until the next look, after so many in a row that failed."""
        if failures and not self._stopping:
            return min(LOOK_EVERY * 2.0 ** min(failures, 16), MOST_PAUSE)
        return LOOK_EVERY / 5 if self._asked_at else LOOK_EVERY

    def _look(self) -> None:
        if self._leading is None:
            if self._stopping:
                return
            self._leading = self._in_thread(self._store.lead)
            if self._leading is None:
                return
            self._in_thread(self._store.tidy)
        if self._child is not None:
            self._watch(self._child)
        if self._child is None and not self._stopping:
            self._start_next()

    # --- the one that runs ---

    def _watch(self, child: subprocess.Popen[bytes]) -> None:
        """Pass on what is asked of it, and note its end."""
        code = child.poll()
        if code is not None:
            if child.stdin is not None:
                child.stdin.close()
            self._in_thread(self._ended, code)
            self._child, self._asked_at = None, None
            return
        job = self._in_thread(self._store.find, self._name)
        unwanted = job is None or job.cancel or job.damaged
        if self._asked_at is None and (self._stopping or unwanted):
            self._asked_at = time.monotonic()
            assert child.stdin is not None
            child.stdin.close()  # it stops when its standard input ends
        elif self._asked_at is not None and time.monotonic() - self._asked_at > STOP_SECONDS:
            child.kill()

    def _ended(self, code: int) -> None:
        """Note how it ended: by itself, because it was asked to, or badly."""
        store, name, now = self._store, self._name, time.time()
        job = store.find(name)
        if job is None:
            return
        if code == 0:
            store.put(name, state="done", ended=now, cancel=False)
        elif job.cancel:
            store.put(name, state="cancelled", ended=now, cancel=False)
        elif self._asked_at is not None:
            self._interrupted(job)
        elif code in (128 + signal.SIGTERM, 128 + signal.SIGINT):
            said = last_words(store.folder(name) / "log.txt")
            store.put(name, state="interrupted", ended=now, error=said)
        else:
            store.put(name, state="failed", ended=now, **self._why(code))

    def _why(self, code: int) -> dict[str, Any]:
        """What is to be noted of a failure: in words, and for programs."""
        log = self._store.folder(self._name) / "log.txt"
        if code >= 0:
            told = told_error(log)
            return {
                "error": told.get("message") or last_words(log) or f"It ended with status {code}.",
                "error_reason": told.get("reason") or "",
                "error_values": told.get("params") or {},
            }
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = str(-code)
        hint = " Perhaps the machine ran out of memory." if -code == signal.SIGKILL else ""
        return {"error": f"Its process was killed ({name}).{hint}"}

    def _interrupted(self, job: Job) -> None:
        self._store.interrupted(job.name, read_report(self._store.model(job.name)).epoch)

    # --- the next one ---

    def _start_next(self) -> None:
        trouble: Exception | None = None
        for job in self._in_thread(self._waiting):
            if self._child is None:
                try:
                    self._launch(job)
                except Exception as error:  # the others need not wait for it
                    trouble = error
        if trouble is not None:
            raise trouble

    def _waiting(self) -> list[Job]:
        """Those that may start now, in their order."""
        jobs = self._store.jobs()
        left = [job for job in jobs if job.state == "running"]  # of a supervisor that is no more
        for job in left:
            if self._store.is_training(job.name):
                return []  # its process is still saving
            self._interrupted(job)
        return training_order(self._store.jobs() if left else jobs)

    def _launch(self, job: Job) -> None:
        arguments = self._in_thread(self._prepared, job)
        if arguments is None:
            return
        folder = self._store.folder(job.name)
        with (folder / "log.txt").open("ab") as log:
            self._child = process.start(
                arguments, folder=folder, lock=folder / "lock", output=log, priority=self._priority
            )
        self._name = job.name

    def _prepared(self, job: Job) -> list[str] | None:
        """The arguments of its process, once it is noted as running; None where it cannot be."""
        store, name = self._store, job.name
        try:
            process.require_training()
            store.claim(job)
        except (SimpleMLError, OSError) as error:
            store.put(name, state="failed", ended=time.time(), error=str(error))
            return None
        arguments = [
            *(f"{name}.txt", "--name", name, "--models-dir", str(store.models_dir)),
            *(*process.PLAIN, "--json"),
        ]
        if job.source:
            arguments += ["--source", job.source]
        if (store.model(name) / SAVED_POINT).exists():
            # With the options of its beginning, but for the minutes: `resume` may add some.
            minutes = {"max_minutes": job.options.get("max_minutes")}
            arguments += ["--resume", *process.flags(minutes)]
        else:
            arguments += ["--overwrite", *process.flags(job.options)]
        started = store.put(name, state="running", started=time.time(), cancel=False)
        return None if started is None else arguments
