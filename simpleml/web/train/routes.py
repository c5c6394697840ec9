"""/v1/train: train models on texts that are sent, watch them, cancel, resume, delete.

    POST   /v1/train/read             what is in a file
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

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from flask import Flask, Response, current_app, jsonify

from simpleml.errors import StoppingError, TrainingNotInstalledError
from simpleml.exporting.brought import brought_in
from simpleml.jobs import check, process
from simpleml.jobs.executor import Executor, LocalExecutor
from simpleml.jobs.job import Job
from simpleml.jobs.ray_executor import RayExecutor
from simpleml.jobs.store import JobStore
from simpleml.jobs.supervisor import Supervisor
from simpleml.models.bases import beginnings_in
from simpleml.settings import Settings
from simpleml.web.classroom.access import check_owner, refuse_if_paused, trainings_allowed
from simpleml.web.observability.request_log import current_record
from simpleml.web.openapi.operation import EVENTS, JSON, TRAINS, Events, Operation, Routes
from simpleml.web.run import PING_SECONDS
from simpleml.web.service import Service
from simpleml.web.streaming import event, event_stream
from simpleml.web.threads import in_thread
from simpleml.web.train.access import admit
from simpleml.web.train.answers import (
    CheckAnswer,
    FilesAnswer,
    TrainingAnswer,
    TrainingDeleted,
    TrainingList,
    TrainingState,
)
from simpleml.web.train.parameters import (
    CheckParameters,
    ResumeParameters,
    TrainParameters,
    read,
    read_resume,
    read_sent_files,
)
from simpleml.web.train.standing import News, Standing, answer, standing, summaries

BLUEPRINT = "training"
blueprint = Routes(BLUEPRINT, tag="train", key="training")

_EVENTS = Events(
    "TrainingEvent",
    "How the training stands, whenever that has changed; the last one when it is over.",
    (TrainingAnswer,),
)

EXTENSION = "simpleml_training"
NEWS_SECONDS = 1.0
"""Between two readings of a training for those who watch it."""
_LIVE: tuple[TrainingState, ...] = ("waiting", "running", "stopping")


class Trainings:
    """The trainings as one application sees them: the store, and the supervisor of this worker."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.store = JobStore(service.settings.models_dir, service.settings.training_max_jobs)
        self.supervisor = Supervisor(self.store, in_thread, _executor(service.settings))
        self.list = News(self._list)
        self._news: WeakValueDictionary[str, News[Standing]] = WeakValueDictionary()

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

    def news(self, name: str) -> News[Standing]:
        """How a training stands, shared by all who ask for it now."""
        found = self._news.get(name)
        if found is None:
            found = self._news[name] = News(partial(standing, self.store, name))
        return found

    def _list(self) -> TrainingList:
        try:
            process.require_training()
            problem = ""
        except TrainingNotInstalledError as error:
            problem = error.message
        return {
            "trainings": summaries(self.store),
            "max_bytes": self.service.settings.training_max_bytes,
            "max_trainings": self.store.most,
            "beginnings": beginnings_in(self.service.settings.models_dir),
            "brought": brought_in(self.service.settings.models_dir),
            "problem": problem,
        }


def trainings() -> Trainings:
    """Those of the application that is answering."""
    found: Trainings = current_app.extensions[EXTENSION]
    return found


def register_trainings(app: Flask, service: Service) -> None:
    """Let the routes of an application know its trainings."""
    app.extensions[EXTENSION] = Trainings(service)


@blueprint.before_request
def guard() -> None:
    """Ask for the key, and look after the trainings even where no one called `start`."""
    mine = trainings()
    admit(mine.service.settings)
    if not mine.service.engine.stopping:
        mine.start()


@blueprint.operation(
    Operation(
        "post", "/v1/train/read",
        "What is in files: what kind each is, and how the text that is taken out of it begins.",
        {JSON: FilesAnswer}, TRAINS, upload=True,
        example="BASE/v1/train/read -F text=@tales.docx",
    )
)  # fmt: skip
def read_text() -> Response:
    """What is in files: what kind each is, and how the text that is taken out of it begins."""
    settings = trainings().service.settings
    process.require_training()
    documents = read_sent_files(settings.training_max_bytes, settings.body_timeout)
    return jsonify(files=[document.facts for document in documents])


@blueprint.operation(
    Operation(
        "post", "/v1/train/check",
        "Whether a text is enough, and how long a training of it takes on this machine.",
        {JSON: CheckAnswer}, (*TRAINS, 429, 504), body=CheckParameters,
        upload=True, example="'BASE/v1/train/check?units=256' -F text=@tales.txt",
    )
)  # fmt: skip
def check_text() -> Response:
    """Whether a text is enough, and how long a training of it takes here."""
    asked = _read(CheckParameters)
    facts = check.check(trainings().store, asked.text, asked.options())
    return jsonify({**facts, "files": asked.files})


@blueprint.operation(
    Operation(
        "post", "/v1/train", "Start a training, or put it at the end of the queue.",
        {JSON: TrainingAnswer}, TRAINS, body=TrainParameters, status=202,
        upload=True, example="BASE/v1/train -F name=tales -F text=@tales.txt",
    )
)  # fmt: skip
def create() -> tuple[Response, int]:
    """Start a training, or put it at the end of the queue."""
    mine = trainings()
    if mine.service.engine.stopping:
        raise StoppingError("The server is stopping and takes no training.")
    in_thread(process.require_training)
    refuse_if_paused()
    asked = _read(TrainParameters)
    create = partial(
        mine.store.create, visitor=current_record().visitor, most_own=trainings_allowed()
    )
    return _changed(create, asked.name, asked.text, asked.options(), asked.source), 202


@blueprint.operation(
    Operation(
        "get", "/v1/train", "All trainings, and what the server takes.",
        {JSON: TrainingList}, (403,), example="BASE/v1/train",
    )
)  # fmt: skip
def every() -> Response:
    """All trainings and what the server takes."""
    return jsonify(trainings().list.since(time.monotonic()))


@blueprint.operation(
    Operation(
        "get", "/v1/train/{name}", "How a training stands: progress, curve, samples, log.",
        {JSON: TrainingAnswer}, (403, 404), example="BASE/v1/train/tales",
    )
)  # fmt: skip
def one(name: str) -> Response:
    """How a training stands."""
    found = trainings().news(name).since(time.monotonic())
    return current_app.response_class(found.json, content_type="application/json")


@blueprint.operation(
    Operation(
        "get", "/v1/train/{name}/events", "The same as a stream, until it is over.",
        {EVENTS: _EVENTS}, (403, 404), example="-N BASE/v1/train/tales/events",
    )
)  # fmt: skip
def events(name: str) -> Response:
    """How a training stands, again whenever that changes, until it is over."""
    mine = trainings()
    return event_stream(_events(mine, mine.news(name)))


@blueprint.operation(
    Operation(
        "post", "/v1/train/{name}/cancel",
        "Stop a training as soon as it has saved; its model stays, and it can be resumed.",
        {JSON: TrainingAnswer}, TRAINS, example="-X POST BASE/v1/train/tales/cancel",
    )
)  # fmt: skip
def cancel(name: str) -> Response:
    """Stop a training; what it has learnt by then stays, and `resume` goes on."""
    _check_owner(name)
    return _changed(trainings().store.cancel, name)


@blueprint.operation(
    Operation(
        "post", "/v1/train/{name}/resume",
        "Put a training that ended before its time at the end of the queue; with `max_minutes` "
        "also one whose minutes are over.",
        {JSON: TrainingAnswer}, TRAINS, query=ResumeParameters,
        example="-X POST 'BASE/v1/train/tales/resume?max_minutes=10'",
    )
)  # fmt: skip
def resume(name: str) -> Response:
    """Go on with a training that ended before its time, or for some minutes more."""
    mine = trainings()
    _check_owner(name)
    refuse_if_paused()
    asked = read_resume(mine.service.settings.body_timeout)
    resume = partial(mine.store.resume, most_own=trainings_allowed())
    return _changed(resume, name, asked.max_minutes)


@blueprint.operation(
    Operation(
        "delete", "/v1/train/{name}",
        "Remove a training and the model that it made, never another one.",
        {JSON: TrainingDeleted}, (403, 404, 409), example="-X DELETE BASE/v1/train/tales",
    )
)  # fmt: skip
def delete(name: str) -> Response:
    """Remove a training and the model that it made."""
    _check_owner(name)
    gone: TrainingDeleted = {
        "name": name,
        "model_deleted": in_thread(trainings().store.delete, name),
    }
    return jsonify(gone)


def _check_owner(name: str) -> None:
    """In a class, a training is for its pupil and the teacher to stop, resume and delete."""
    job = in_thread(trainings().store.find, name)
    if job is not None:
        check_owner(job.visitor, f"The training {name}")


def _events(mine: Trainings, news: News[Standing]) -> Iterator[str | None]:
    said, quiet_since, wanted = "", 0.0, time.monotonic()
    while True:
        now = news.since(wanted)
        again = news.read_at + NEWS_SECONDS
        wanted = math.nextafter(news.read_at, math.inf)  # by then, whoever has read it
        if now.json != said:
            said, quiet_since = now.json, time.monotonic()
            yield event(now.json)
        elif time.monotonic() - quiet_since >= PING_SECONDS:
            quiet_since = time.monotonic()
            yield None
        if now.state not in _LIVE or mine.service.engine.stopping:
            return
        time.sleep(max(0.0, again - time.monotonic()))


def _executor(settings: Settings) -> Executor:
    if not settings.ray_address:
        # Thirty pupils who write leave no core free: the training of one would never begin.
        return LocalExecutor("low" if settings.class_ else "idle")
    return RayExecutor(settings.ray_address, settings.ray_cores, settings.ray_gpus)


def _changed(change: Callable[..., Job], *given: Any) -> Response:
    mine = trainings()
    job = in_thread(change, *given)
    mine.supervisor.wake()
    return jsonify(in_thread(answer, mine.store, job))


Parameters = TypeVar("Parameters", bound=CheckParameters)


def _read(model: type[Parameters]) -> Parameters:
    settings = trainings().service.settings
    return read(model, settings.training_max_bytes, settings.body_timeout)
