"""/train: the page on which one drops a text and watches a model learn it.

`simpleml.web.train` does what it asks.
"""

from __future__ import annotations

from flask import Blueprint, Response, current_app

from simpleml.web.pages.rendering import render_page, send_static
from simpleml.web.service import Service
from simpleml.web.train.access import require_on

blueprint = Blueprint("training_page", __name__)

FOLDER = "training"


@blueprint.get("/train")
def page() -> Response:
    """The page, which holds nothing and asks for the key where one is needed.

    Raises:
        TrainingOffError: the server does not train.
    """
    service: Service = current_app.extensions["simpleml"]
    require_on(service.settings)
    return render_page(
        "training.html",
        ("playground", FOLDER),
        max_bytes=service.settings.training_max_bytes,
    )


@blueprint.get("/static/training/<name>")
def static_file(name: str) -> Response:
    """One of the page's files."""
    return send_static(FOLDER, name)
