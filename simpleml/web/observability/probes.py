"""/livez, /readyz, /healthz, /health: outside the queue, touching no model."""

from __future__ import annotations

from typing import Literal, NotRequired

from flask import Response, current_app, jsonify

# pydantic reads TypedDict from here before Python 3.12
from typing_extensions import TypedDict

from simpleml.web.openapi.operation import JSON, Operation, Routes
from simpleml.web.service import Service

blueprint = Routes("probes", tag="operate", key="none")


class ProbeAnswer(TypedDict):
    """Whether the server is well."""

    status: Literal["ok", "unavailable"]
    reasons: NotRequired[list[str]]


@blueprint.operation(
    Operation(
        "get", "/livez", "The process answers.", {JSON: ProbeAnswer}, example="BASE/livez",
    )
)  # fmt: skip
def livez() -> Response:
    """The process answers."""
    answer: ProbeAnswer = {"status": "ok"}
    return jsonify(answer)


@blueprint.operation(
    *(
        Operation(
            "get", path, summary, {JSON: ProbeAnswer},
            more_answers={503: ProbeAnswer}, example=f"BASE{path}",
        )
        for path, summary in (
            ("/readyz", "The server can generate; 503 with the reasons when not."),
            ("/healthz", "The same as /readyz."),
            ("/health", "The same as /readyz."),
        )
    )
)  # fmt: skip
def readyz() -> tuple[Response, int]:
    """Whether a generation would be taken now; 503 with the reasons when not."""
    service: Service = current_app.extensions["simpleml"]
    reasons = []
    if service.engine.stopping:
        reasons.append("the server is stopping")
    if not service.settings.models_dir.is_dir():
        reasons.append("the models folder is not there")
    elif not service.loader.names():
        reasons.append("the models folder holds no model")
    answer: ProbeAnswer = {"status": "ok"}
    if reasons:
        answer = {"status": "unavailable", "reasons": reasons}
    return jsonify(answer), 503 if reasons else 200
