"""How trainings stand, read from their files: in native threads, once for all who ask."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

import gevent
from gevent.lock import BoundedSemaphore
from gevent.util import wrap_errors

from simpleml.errors import SimpleMLError
from simpleml.jobs.job import Job
from simpleml.jobs.report import CurvePoint, read_curve, read_log, read_status
from simpleml.jobs.store import JobStore
from simpleml.models.artifact import find_artifact, read_card
from simpleml.web.train.answers import TrainingAnswer, TrainingState, TrainingSummary

Result = TypeVar("Result")


class Standing(NamedTuple):
    """How a training stood when it was read."""

    state: TrainingState
    json: str
    """A TrainingAnswer."""


class News(Generic[Result]):
    """What many want to know anew: one of them reads it, the others wait for that.

    Args:
        read: reads it; called in a native thread.
    """

    def __init__(self, read: Callable[[], Result]) -> None:
        self._read = read
        self._turn = BoundedSemaphore()
        self._latest: Result
        self.read_at = -math.inf
        """Seconds of time.monotonic."""

    def since(self, moment: float) -> Result:
        """What was read no earlier than `moment` (of time.monotonic).

        Raises:
            Exception: whatever reading it raises.
        """
        with self._turn:
            if self.read_at < moment:
                now = time.monotonic()
                self._latest = in_thread(self._read)
                self.read_at = now
            return self._latest


def in_thread(function: Callable[..., Result], *given: Any) -> Result:
    """Call what waits for the disk in a native thread, while others are served.

    An error that leaves a function in gevent's pool would be printed with its traceback.
    """
    call = wrap_errors(Exception, function)
    result: Result | Exception = gevent.get_hub().threadpool.apply(call, given)
    if isinstance(result, Exception):
        raise result
    return result


def standing(store: JobStore, name: str) -> Standing:
    """How a training stands.

    Raises:
        TrainingNotFoundError: there is none of that name.
    """
    found = answer(store, store.get(name))
    return Standing(
        found["state"], json.dumps(found, ensure_ascii=False, default=dataclasses.asdict)
    )


def answer(store: JobStore, job: Job) -> TrainingAnswer:
    """How a training stands, in full."""
    log = read_log(store.folder(job.name) / "log.txt")
    curve = _curve(store, job)
    return TrainingAnswer(
        **summary(store, job, store.jobs(), curve), curve=curve, samples=log.samples, log=log.lines
    )


def summaries(store: JobStore) -> list[TrainingSummary]:
    """How all trainings stand, in the order of the queue."""
    jobs = store.jobs()
    return [summary(store, job, jobs, _curve(store, job)) for job in jobs]


def summary(store: JobStore, job: Job, jobs: list[Job], curve: list[CurvePoint]) -> TrainingSummary:
    """How a training stands, in short.

    Args:
        jobs: all of them, for its place in the queue.
        curve: its epochs.
    """
    status = read_status(store.folder(job.name) / "status.json")
    last = curve[-1] if curve else None
    running = job.state == "running"
    return {
        "name": job.name,
        "state": "stopping" if running and job.cancel else job.state,
        "queue_place": store.place(job, jobs),
        "created": job.created,
        "started": job.started,
        "ended": job.ended,
        "characters": job.characters,
        "source": job.source,
        "options": job.options,
        "begun_from": _begun_from(store, job),
        "model_ready": _model_ready(store, job),
        "progress": 1.0 if job.state == "done" else min(1.0, status.get("share") or 0.0),
        "epoch": last.epoch if last else 0,
        "characters_per_second": status.get("characters_per_second") if running else None,
        "loss": status.get("loss") or (last.loss if last else None),
        "validation_bits": last.bits if last else None,
        "seconds": last.seconds if last else 0.0,
        "seconds_left": status.get("seconds_left") if running else None,
        "error": job.error,
    }


def _curve(store: JobStore, job: Job) -> list[CurvePoint]:
    return read_curve(store.model(job.name) / "training.csv") if store.made_here(job) else []


def _begun_from(store: JobStore, job: Job) -> str | None:
    """From the card, hence known from the first judgement on."""
    try:
        paths = find_artifact(store.models_dir, job.name) if store.made_here(job) else None
        card = None if paths is None else read_card(paths)
        begun = {} if card is None else card.training.get("begun_from")
    except SimpleMLError:
        return None
    name = begun.get("name") if isinstance(begun, dict) else None
    return name if isinstance(name, str) else None


def _model_ready(store: JobStore, job: Job) -> bool:
    try:
        return store.made_here(job) and find_artifact(store.models_dir, job.name) is not None
    except SimpleMLError:
        return False
