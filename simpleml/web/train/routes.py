"""/v1/train: train models on texts that are sent, watch them, cancel, resume, delete.

    POST   /v1/train/check            is the text enough, how long will it take
    POST   /v1/train                  start, or wait for a turn
    GET    /v1/train                  all trainings
    GET    /v1/train/<name>           one, with curve, samples and log
    GET    /v1/train/<name>/events    the same as server-sent events
    POST   /v1/train/<name>/cancel, /resume
    DELETE /v1/train/<name>           with the model that it made

The trainings are files that all workers share (simpleml.jobs); whichever is asked answers.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import gevent
from flask import Blueprint, Flask, Response, current_app, jsonify
from gevent.util import wrap_errors

from simpleml.errors import (
    SimpleMLError,
    StoppingError,
    TrainingNotInstalledError,
)
from simpleml.jobs import check, process
from simpleml.jobs.report import Point, read_curve, read_log, read_status
from simpleml.jobs.store import Job, JobStore
from simpleml.jobs.supervisor import Supervisor
from simpleml.models.artifact import find_artifact
from simpleml.web.service import PING_SECONDS, Service
from simpleml.web.streaming import event, event_stream
from simpleml.web.train.access import admit
from simpleml.web.train.answers import TrainingAnswer, TrainingState, TrainingSummary
from simpleml.web.train.parameters import CheckParameters, TrainParameters, read

BLUEPRINT = "training"
blueprint = Blueprint(BLUEPRINT, __name__)

EXTENSION = "simpleml_training"
_NEWS_SECONDS = 1.0
_LIVE: tuple[TrainingState, ...] = ("waiting", "running", "stopping")
Result = TypeVar("Result")


class Trainings:
    """The trainings as one application sees them: the store, and the supervisor of this worker."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.store = JobStore(service.settings.models_dir, service.settings.training_max_jobs)
        self.supervisor = Supervisor(self.store)

    def start(self) -> None:
        """Look after the trainings, if the server trains."""
        if self.service.settings.training:
            self.supervisor.start()

    def stop(self) -> None:
        """Let the one that runs save and end; returns at once."""
        self.supervisor.stop()

    def join(self, seconds: float) -> None:
        """Wait after `stop` until it has ended."""
        self.supervisor.join(seconds)


def trainings() -> Trainings:
    """Those of the application that is answering."""
    found: Trainings = current_app.extensions[EXTENSION]
    return found


def register_trainings(app: Flask, service: Service) -> None:
    """Add the routes to an application."""
    app.extensions[EXTENSION] = Trainings(service)
    app.register_blueprint(blueprint)


@blueprint.before_request
def guard() -> None:
    """Ask for the key, and look after the trainings even where no one called `start`."""
    mine = trainings()
    admit(mine.service.settings)
    if not mine.service.engine.stopping:
        mine.start()


@blueprint.post("/v1/train/check")
def check_text() -> Response:
    """Whether a text is enough, and how long a training of it takes here."""
    asked = _read(CheckParameters)
    return jsonify(check.check(trainings().store, asked.text, asked.options()))


@blueprint.post("/v1/train")
def create() -> tuple[Response, int]:
    """Start a training, or put it at the end of the queue."""
    mine = trainings()
    if mine.service.engine.stopping:
        raise StoppingError("The server is stopping and takes no training.")
    process.require_training()
    asked = _read(TrainParameters)
    mine.store.check_free(asked.name)
    job = _native(mine.store.create, asked.name, asked.text, asked.options(), asked.source)
    mine.supervisor.wake()
    return jsonify(answer(mine.store, job)), 202


@blueprint.get("/v1/train")
def every() -> Response:
    """All trainings and what the server takes."""
    mine = trainings()
    try:
        process.require_training()
        problem = ""
    except TrainingNotInstalledError as error:
        problem = error.message
    jobs = mine.store.jobs()
    return jsonify(
        trainings=[summary(mine.store, job, jobs) for job in jobs],
        max_bytes=mine.service.settings.training_max_bytes,
        max_trainings=mine.store.most,
        problem=problem,
    )


@blueprint.get("/v1/train/<name>")
def one(name: str) -> Response:
    """How a training stands."""
    store = trainings().store
    return jsonify(answer(store, store.get(name)))


@blueprint.get("/v1/train/<name>/events")
def events(name: str) -> Response:
    """How a training stands, again whenever that changes, until it is over."""
    mine = trainings()
    return event_stream(_events(mine, answer(mine.store, mine.store.get(name))))


@blueprint.post("/v1/train/<name>/cancel")
def cancel(name: str) -> Response:
    """Stop a training; what it has learnt by then stays, and `resume` goes on."""
    return _changed(name, trainings().store.cancel)


@blueprint.post("/v1/train/<name>/resume")
def resume(name: str) -> Response:
    """Go on with a training that ended before its time."""
    return _changed(name, trainings().store.resume)


@blueprint.delete("/v1/train/<name>")
def delete(name: str) -> Response:
    """Remove a training and the model that it made."""
    return jsonify(name=name, model_deleted=_native(trainings().store.delete, name))


def summary(
    store: JobStore, job: Job, jobs: list[Job], curve: list[Point] | None = None
) -> TrainingSummary:
    """How a training stands, in short.

    Args:
        jobs: all of them, for its place in the queue.
        curve: its epochs, read if they are not given.
    """
    curve = _curve(store, job) if curve is None else curve
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


def answer(store: JobStore, job: Job) -> TrainingAnswer:
    """How a training stands, in full."""
    log = read_log(store.folder(job.name) / "log.txt")
    curve = _curve(store, job)
    found: dict[str, Any] = {
        **summary(store, job, store.jobs(), curve),
        "curve": [dataclasses.asdict(point) for point in curve],
        "samples": [dataclasses.asdict(sample) for sample in log.samples],
        "log": log.lines,
    }
    return found  # type: ignore[return-value]  # its keys are those of the type


def _curve(store: JobStore, job: Job) -> list[Point]:
    return read_curve(store.model(job.name) / "training.csv") if store.made_here(job) else []


def _model_ready(store: JobStore, job: Job) -> bool:
    try:
        return store.made_here(job) and find_artifact(store.models_dir, job.name) is not None
    except SimpleMLError:
        return False


def _events(mine: Trainings, first: TrainingAnswer) -> Iterator[str | None]:
    said, quiet_since = first, time.monotonic()
    yield event(first)
    while said["state"] in _LIVE and not mine.service.engine.stopping:
        gevent.sleep(_NEWS_SECONDS)
        now = answer(mine.store, mine.store.get(said["name"]))
        if now != said:
            said, quiet_since = now, time.monotonic()
            yield event(now)
        elif time.monotonic() - quiet_since >= PING_SECONDS:
            quiet_since = time.monotonic()
            yield None


def _changed(name: str, change: Callable[[str], Job]) -> Response:
    job = _native(change, name)
    mine = trainings()
    mine.supervisor.wake()
    return jsonify(answer(mine.store, job))


Parameters = TypeVar("Parameters", bound=CheckParameters)


def _read(model: type[Parameters]) -> Parameters:
    settings = trainings().service.settings
    return read(model, settings.training_max_bytes, settings.body_timeout)


def _native(function: Callable[..., Result], *given: Any) -> Result:
    """Call what waits for the disk in a native thread, while others are served.

    An error that leaves a function in gevent's pool would be printed with its traceback.
    """
    call = wrap_errors(SimpleMLError, function)
    result: Result | SimpleMLError = gevent.get_hub().threadpool.apply(call, given)
    if isinstance(result, SimpleMLError):
        raise result
    return result
