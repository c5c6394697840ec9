"""How trainings stand, read from their files: in native threads, once for all who ask."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable, Mapping
from threading import BoundedSemaphore
from typing import Any, Generic, NamedTuple, TypeVar

from simpleml.errors import SimpleMLError
from simpleml.jobs.job import Job
from simpleml.jobs.report import Report, read_log, read_report
from simpleml.jobs.store import JobStore
from simpleml.models.artifact import find_artifact, read_card
from simpleml.models.card import Card
from simpleml.web.threads import in_thread
from simpleml.web.train.answers import (
    BeginningAnswer,
    TrainingAnswer,
    TrainingState,
    TrainingSummary,
)
from simpleml.web.train.verdict import bits_of, verdict_of

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
    report, card = _report(store, job), _card(store, job)
    return TrainingAnswer(
        **summary(store, job, store.jobs(), report),
        curve=report.curve,
        counting_bits=bits_of(card.begun_from.get("bar_nats")) if card else None,
        samples=report.samples,
        log=read_log(store.folder(job.name) / "log.txt"),
    )


def summaries(store: JobStore) -> list[TrainingSummary]:
    """How all trainings stand, in the order of the queue."""
    jobs = store.jobs()
    return [summary(store, job, jobs, _report(store, job)) for job in jobs]


def summary(store: JobStore, job: Job, jobs: list[Job], report: Report) -> TrainingSummary:
    """How a training stands, in short.

    Args:
        store: of the trainings.
        job: the one.
        jobs: all of them, for its place in the queue.
        report: what its record says.
    """
    running = job.state == "running"
    now = running and report.time >= (job.started or 0.0)  # and not of an earlier session
    card = _card(store, job)
    beginning = _beginning(card.begun_from) if card else None
    return {
        "name": job.name,
        "state": "stopping" if running and job.cancel else job.state,
        "queue_place": store.place(job, jobs),
        "created": job.created,
        "started": job.started,
        "ended": job.ended,
        "characters": job.characters,
        "source": job.source,
        "visitor": job.visitor,
        "options": job.options,
        "begun_from": beginning["name"] if beginning else None,
        "beginning": beginning,
        "verdict": verdict_of(card),
        "model_ready": _model_ready(store, job),
        "progress": 1.0 if job.state == "done" else min(1.0, max(0.0, report.share)),
        "epoch": report.epoch,
        "characters_per_second": report.characters_per_second if now else None,
        "loss": report.loss,
        "validation_bits": _held_out_bits(card)
        or (report.curve[-1].bits if report.curve else None),
        "seconds": report.seconds,
        "seconds_left": report.seconds_left if now else None,
        "error": job.error,
        "error_reason": job.error_reason,
        "error_values": job.error_values,
    }


def _report(store: JobStore, job: Job) -> Report:
    return read_report(store.model(job.name)) if store.made_here(job) else Report()


def _card(store: JobStore, job: Job) -> Card | None:
    """Of the model that it made, hence there from the first judgement on."""
    try:
        paths = find_artifact(store.models_dir, job.name) if store.made_here(job) else None
        return None if paths is None else read_card(paths)
    except SimpleMLError:
        return None


def _beginning(begun: Mapping[str, Any]) -> BeginningAnswer | None:
    if "reason" not in begun:
        return None
    return {
        "name": begun.get("name"),
        "why": begun["why"],
        "reason": begun["reason"],
        "bits": bits_of(begun.get("nats_before")),
        "counting_bits": bits_of(begun.get("counting_nats")),
    }


def _held_out_bits(card: Card | None) -> float | None:
    """The card's figure, once there is one: it and the training's are the same."""
    found = card.metrics.get("bits_per_character") if card else None
    return found if isinstance(found, float) else None


def _model_ready(store: JobStore, job: Job) -> bool:
    try:
        return store.made_here(job) and find_artifact(store.models_dir, job.name) is not None
    except SimpleMLError:
        return False
