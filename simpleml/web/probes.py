"""/livez, /readyz, /healthz, /health: outside the queue, touching no model."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify

from simpleml.web.service import Service

blueprint = Blueprint("probes", __name__)


@blueprint.get("/livez")
def livez() -> Response:
    """The process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
@blueprint.get("/healthz", endpoint="healthz")
@blueprint.get("/health", endpoint="health")
def readyz() -> tuple[Response, int] | Response:
    """Whether a generation would be taken now; 503 with the reasons when not."""
    service: Service = current_app.extensions["simpleml"]
    reasons = []
    if service.engine.stopping:
        reasons.append("the server is stopping")
    if not service.settings.models_dir.is_dir():
        reasons.append("the models folder is not there")
    elif not service.loader.names():
        reasons.append("the models folder holds no model")
    if reasons:
        return jsonify(status="unavailable", reasons=reasons), 503
    return jsonify(status="ok")
