"""The one worker that has the trainings run: in a process beside the server, or over a cluster.

Every worker has a Supervisor; the one that holds the lock of JobStore.lead acts, and when it goes
another one takes over within a second. A training that dies takes nothing with it: it is noted as
failed with its last line, and the next one starts. Where they run is simpleml.jobs.executor's
affair. Under gevent its thread is a greenlet: what waits for the disk goes to `in_thread`.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

from simpleml.errors import SimpleMLError
from simpleml.jobs import process
from simpleml.jobs.executor import LOST, Executor, LocalExecutor, Order, Run
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


@dataclass
class _Running:
    """A training that runs."""

    run: Run
    asked_at: float | None = None
    """When it was asked to stop."""
    killed: bool = False


class Supervisor:
    """Runs what waits in a store; `start` makes it begin, `stop` and `join` end it.

    Args:
        store: of the trainings.
        in_thread: calls a function with its arguments where waiting for the disk holds up nobody.
        executor: where they run; a LocalExecutor unless given.
    """

    def __init__(
        self,
        store: JobStore,
        in_thread: Callable[..., Any] = lambda function, *given: function(*given),
        executor: Executor | None = None,
    ) -> None:
        self._store = store
        self._in_thread = in_thread
        self._executor: Executor = executor or LocalExecutor()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._stopping = False
        self._leading: IO[str] | None = None
        self._running: dict[str, _Running] = {}

    def start(self) -> None:
        """Begin to look after the trainings; harmless when it was called before."""
        if self._thread is None and not self._stopping:
            self._thread = threading.Thread(target=self._run, name="trainings", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """Look at once: something was changed."""
        self._wake.set()

    def stop(self) -> None:
        """Start no more, and let those that run save and end; returns at once."""
        self._stopping = True
        self._wake.set()

    def join(self, seconds: float) -> None:
        """Wait after `stop` until what ran has ended."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self) -> None:
        failures = 0
        while not self._stopping or self._running:
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
        self._executor.close()
        if self._leading is not None:
            self._leading.close()

    def _pause(self, failures: int) -> float:
        """Seconds until the next look, after so many in a row that failed."""
        if failures and not self._stopping:
            return min(LOOK_EVERY * 2.0 ** min(failures, 16), MOST_PAUSE)
        asked = any(one.asked_at is not None for one in self._running.values())
        return LOOK_EVERY / 5 if asked else LOOK_EVERY

    def _look(self) -> None:
        if self._leading is None:
            if self._stopping:
                return
            self._leading = self._in_thread(self._store.lead)
            if self._leading is None:
                return
            self._in_thread(self._store.tidy)
        for name, one in list(self._running.items()):
            self._watch(name, one)
        if not self._stopping:
            self._start_next()

    # --- those that run ---

    def _watch(self, name: str, one: _Running) -> None:
        """Pass on what is asked of it, and note its end."""
        code = one.run.poll()
        if code is not None:
            self._in_thread(self._ended, name, code, one.asked_at is not None)
            del self._running[name]
            return
        job = self._in_thread(self._store.find, name)
        unwanted = job is None or job.cancel or job.damaged
        if one.asked_at is None and (self._stopping or unwanted):
            one.asked_at = time.monotonic()
            one.run.stop()
        elif one.asked_at is not None and not one.killed:
            one.killed = time.monotonic() - one.asked_at > STOP_SECONDS
            if one.killed:
                one.run.kill()

    def _ended(self, name: str, code: int, asked: bool) -> None:
        """Note how it ended: by itself, because it was asked to, or badly."""
        store, now = self._store, time.time()
        job = store.find(name)
        if job is None:
            return
        if code == 0:
            store.put(name, state="done", ended=now, cancel=False)
        elif job.cancel:
            store.put(name, state="cancelled", ended=now, cancel=False)
        elif asked or code == LOST:
            self._interrupted(job)
        elif code in (128 + signal.SIGTERM, 128 + signal.SIGINT):
            said = last_words(store.folder(name) / "log.txt")
            store.put(name, state="interrupted", ended=now, error=said)
        else:
            store.put(name, state="failed", ended=now, **self._why(name, code))

    def _why(self, name: str, code: int) -> dict[str, Any]:
        """What is to be noted of a failure: in words, and for programs."""
        log = self._store.folder(name) / "log.txt"
        if code >= 0:
            told = told_error(log)
            return {
                "error": told.get("message") or last_words(log) or f"It ended with status {code}.",
                "error_reason": told.get("reason") or "",
                "error_values": told.get("params") or {},
            }
        try:
            sign = signal.Signals(-code).name
        except ValueError:
            sign = str(-code)
        hint = " Perhaps the machine ran out of memory." if -code == signal.SIGKILL else ""
        return {"error": f"Its process was killed ({sign}).{hint}"}

    def _interrupted(self, job: Job) -> None:
        self._store.interrupted(job.name, read_report(self._store.model(job.name)).epoch)

    # --- the next one ---

    def _start_next(self) -> None:
        trouble: Exception | None = None
        waiting = self._in_thread(self._waiting)
        if not waiting and not self._running:
            self._executor.close()
        for job in waiting:
            if not self._executor.free([one.run for one in self._running.values()]):
                break
            try:
                self._launch(job)
            except Exception as error:  # the others need not wait for it
                trouble = error
        if trouble is not None:
            raise trouble

    def _waiting(self) -> list[Job]:
        """Those that may start now, in their order."""
        jobs = self._store.jobs()
        # of a supervisor that is no more
        left = [job for job in jobs if job.state == "running" and job.name not in self._running]
        for job in left:
            if self._store.is_training(job.name):
                return []  # its process is still saving
            self._interrupted(job)
        return training_order(self._store.jobs() if left else jobs)

    def _launch(self, job: Job) -> None:
        order = self._in_thread(self._prepared, job)
        if order is not None:
            self._running[job.name] = _Running(self._executor.start(order))

    def _prepared(self, job: Job) -> Order | None:
        """What is to be run, once it is noted as running; None where it cannot be."""
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
        # With the options of its beginning, but for the minutes: `resume` may add some.
        minutes = {"max_minutes": job.options.get("max_minutes")}
        order = Order(
            folder=str(store.folder(name)),
            saved=str(store.model(name) / SAVED_POINT),
            always=tuple(arguments),
            anew=("--overwrite", *process.flags(job.options)),
            again=("--resume", *process.flags(minutes)),
        )
        # One that was cancelled since it was seen waiting stays so.
        started = store.put(
            name, only=["waiting"], state="running", started=time.time(), cancel=False
        )
        return None if started is None else order
