"""The text that a model has read, without which no copies are found.

GET  /v1/models/<model>/text    whether it is here, and how it could come
POST /v1/models/<model>/text    fetch it, where it is published; for those who may train
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from flask import Response, current_app, jsonify
from pydantic import Field
from typing_extensions import TypedDict

from simpleml.corpora import entry_of
from simpleml.corpora.fetching import begin, standing
from simpleml.errors import CorpusError, CorpusUnavailableError, ModelNotFoundError, NoRoomError
from simpleml.native import start_thread
from simpleml.web.openapi.operation import JSON, Operation, Routes
from simpleml.web.service import Service
from simpleml.web.threads import in_thread
from simpleml.web.train.access import admit

BLUEPRINT = "texts"
blueprint = Routes(BLUEPRINT, tag="copies")


class ModelTextAnswer(TypedDict):
    """Whether the text that a model has read is on the server."""

    model: str
    state: Annotated[
        Literal["here", "missing", "fetching", "failed"],
        Field(description="failed: it was being fetched, and `error` says what was in the way."),
    ]
    fetchable: Annotated[bool, Field(description="It is published, and can be fetched by POST.")]
    on_request: Annotated[
        bool, Field(description="POST fetches it, for those who may train; else `command` does.")
    ]
    characters: Annotated[int | None, Field(description="Of the text, where they are known.")]
    progress: Annotated[float, Field(ge=0, le=1, description="Of fetching it.")]
    error: Annotated[str, Field(description="In English; else empty.")]
    command: Annotated[
        str, Field(description="What fetches it on the server's own machine; else empty.")
    ]


@blueprint.operation(
    Operation(
        "get", "/v1/models/{model}/text",
        "Whether the text that a model has read is here, and how it could come.",
        {JSON: ModelTextAnswer}, (404,), example="BASE/v1/models/sherlock/text",
    )
)  # fmt: skip
def text(model: str) -> Response:
    """Whether the text of a model is here, and how it could come."""
    return jsonify(in_thread(_answer, _service(), model))


@blueprint.operation(
    Operation(
        "post", "/v1/models/{model}/text",
        "Fetch the text that a shipped model has read, checked by its sum; for those who may "
        "train. GET says how far it is.",
        {JSON: ModelTextAnswer}, (400, 403, 404, 409, 413), status=202, key="training",
        example="-X POST BASE/v1/models/sherlock/text",
    )
)  # fmt: skip
def fetch_text(model: str) -> tuple[Response, int]:
    """Begin to fetch the text of a model, where that is not done already.

    Raises:
        CorpusUnavailableError: it is published nowhere that is known here.
        NoRoomError: it cannot be written.
    """
    service = _service()
    admit(service.settings)
    in_thread(_begin, service, model)
    return jsonify(in_thread(_answer, service, model)), 202


def _service() -> Service:
    found: Service = current_app.extensions["simpleml"]
    return found


def _corpus(service: Service, model: str) -> Mapping[str, Any]:
    """What the card says of the text.

    Raises:
        ModelNotFoundError: there is no such model.
    """
    names = service.loader.names()
    if model not in names:
        raise ModelNotFoundError.named(model, names)
    return service.loader.corpus(model)


def _answer(service: Service, model: str) -> ModelTextAnswer:
    corpus = _corpus(service, model)
    entry, characters = entry_of(model, corpus), corpus.get("characters")
    here = service.loader.has_corpus(model)
    now = None if here or entry is None else standing(entry, service.loader.models_dir)
    return {
        "model": model,
        "state": "here" if here else now.state if now else "missing",
        "fetchable": not here and entry is not None,
        "on_request": not here and entry is not None and service.settings.training,
        "characters": characters if isinstance(characters, int) else None,
        "progress": 1.0 if here else now.share if now else 0.0,
        "error": now.error if now else "",
        "command": "" if here or entry is None else f"simpleml corpora get {entry.name}",
    }


def _begin(service: Service, model: str) -> None:
    entry = entry_of(model, _corpus(service, model))
    if service.loader.has_corpus(model):
        return
    if entry is None:
        raise CorpusUnavailableError(
            f"What {model} has read is not here, and this server knows of no place that it is "
            "published at: put it beside the models.",
            param="model",
        )
    try:
        fetch = begin(entry, service.loader.models_dir, service.settings.corpora_url)
    except CorpusError as error:
        raise NoRoomError(f"{error.message}.") from None
    if fetch is not None:
        start_thread(fetch)
