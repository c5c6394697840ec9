"""POST /v1/models/import: a model comes in as a zip; for those who may train.

It is its visitor's, in a class: DELETE /v1/models/import/<model> is for them and the teacher.
"""

from __future__ import annotations

import shutil
import tempfile
from threading import BoundedSemaphore
from typing import IO, Annotated, Any

from flask import Response, current_app, jsonify, request
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict
from werkzeug.exceptions import RequestEntityTooLarge

from simpleml.errors import (
    InvalidValueError,
    ModelExistsError,
    NoRoomError,
)
from simpleml.exporting import brought
from simpleml.exporting.incoming import bring_in
from simpleml.jobs.store import JobStore
from simpleml.models.artifact import Artifact
from simpleml.settings import Settings
from simpleml.web.classroom.access import check_owner
from simpleml.web.observability.request_log import current_record
from simpleml.web.openapi.operation import FILE, JSON, TRAINS, Operation, Routes
from simpleml.web.parameters import parse
from simpleml.web.threads import in_thread, read_within
from simpleml.web.train.access import admit

BLUEPRINT = "import"
blueprint = Routes(BLUEPRINT, tag="export", key="training")

_SLOWNESS = 10
"""A model is larger than a question: so many times longer may it take to arrive."""
_BESIDE_THE_FILE = 64 * 1024
_turn = BoundedSemaphore()
"""One is unpacked at a time, by this worker."""


class ImportParameters(BaseModel):
    """How a model comes in."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=64)] = Field(
        "", description="That it gets; the one that it has in the zip if absent."
    )


class ImportAnswer(TypedDict):
    """The model that came in."""

    name: str
    layers: Annotated[int, Field(ge=1)]
    units: Annotated[int, Field(ge=1)]
    vocabulary_size: Annotated[int, Field(ge=1)]
    weights_sha256: str


class RemovedAnswer(TypedDict):
    """The model that was removed."""

    name: str


@blueprint.before_request
def guard() -> None:
    """Ask for the key that training asks for."""
    admit(_settings())


@blueprint.operation(
    Operation(
        "post", "/v1/models/import",
        "Bring a model in: a zip that export.zip made, as the body or as the file of a form. It is "
        "checked, and taken whole or not at all; a name that is taken is refused.",
        {JSON: ImportAnswer}, TRAINS, query=ImportParameters,
        takes={
            "application/zip": FILE,
            "multipart/form-data": {
                "type": "object", "properties": {"file": FILE}, "required": ["file"],
            },
        },
        example="'BASE/v1/models/import?name=mine' -F file=@sherlock.zip",
    )
)  # fmt: skip
def import_model() -> Response:
    """Bring a model in.

    Raises:
        SimpleMLError: as simpleml.exporting.incoming.
    """
    settings = _settings()
    asked = parse(ImportParameters, request.args.to_dict())
    with _sent_file(settings) as file, _turn:
        artifact = in_thread(_bring_in, settings, file, asked.name, current_record().visitor)
    card = artifact.card
    answer: ImportAnswer = {
        "name": artifact.name,
        "layers": card.layers,
        "units": card.units,
        "vocabulary_size": card.vocabulary_size,
        "weights_sha256": card.weights_sha256,
    }
    return jsonify(answer)


@blueprint.operation(
    Operation(
        "delete", "/v1/models/import/{model}",
        "Remove a model that was brought in, never another one.",
        {JSON: RemovedAnswer}, (403, 404, 409),
        example="-X DELETE BASE/v1/models/import/mine",
    )
)  # fmt: skip
def remove_model(model: str) -> Response:
    """Remove a model that was brought in.

    Raises:
        SimpleMLError: as simpleml.exporting.brought.
    """
    models_dir = _settings().models_dir
    visitor = in_thread(brought.owner, models_dir, model)
    if visitor is not None:
        check_owner(visitor, f"The model {model}")
    in_thread(brought.remove, models_dir, model)
    gone: RemovedAnswer = {"name": model}
    return jsonify(gone)


def _bring_in(settings: Settings, file: IO[bytes], name: str, visitor: str) -> Artifact:
    store = JobStore(settings.models_dir, settings.training_max_jobs)

    def check_free(name: str) -> None:
        if store.find(name) is not None:
            raise ModelExistsError(
                f"There is a training {name}: choose another name.",
                param="name",
                reason="training_exists",
                params={"name": name},
            )

    most = settings.import_max_bytes
    return bring_in(
        settings.models_dir,
        file,
        name,
        most_bytes=most,
        check_free=check_free,
        beside=brought.mark(visitor),
    )


def _settings() -> Settings:
    found: Settings = current_app.extensions["simpleml"].settings
    return found


def _sent_file(settings: Settings) -> IO[bytes]:
    """The zip of the current request, in a file without a name."""
    request.max_content_length = settings.import_max_bytes + _BESIDE_THE_FILE
    seconds = settings.body_timeout * _SLOWNESS
    try:
        if request.mimetype != "multipart/form-data":
            limit = request.max_content_length
            return read_within(seconds, lambda: _kept(limit))
        sent = read_within(seconds, lambda: request.files.get("file"))
    except OSError as error:
        raise NoRoomError(f"What is sent cannot be kept here: {error.strerror}.") from error
    if sent is None:
        raise InvalidValueError(
            "There is no file in the field file.", param="file", reason="file_missing"
        )
    stream: Any = sent.stream
    return stream  # type: ignore[no-any-return]


def _kept(limit: int) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by who reads it
    try:
        shutil.copyfileobj(request.stream, file)
        # A body without a length is silently cut at the limit.
        if request.content_length is None and file.tell() >= limit:
            raise RequestEntityTooLarge
    except BaseException:
        file.close()
        raise
    return file
