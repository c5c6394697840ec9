"""/train: the page on which one drops a text and watches a model learn it.

`simpleml.web.train` does what it asks.
"""

from __future__ import annotations

from flask import Response, current_app

from simpleml.web.openapi.operation import HTML, STRING, Operation, Routes
from simpleml.web.pages.rendering import limits, render_page
from simpleml.web.service import Service
from simpleml.web.train.access import require_on
from simpleml.web.train.parameters import TrainParameters

blueprint = Routes("training_page", tag="train", key="training")


@blueprint.operation(
    Operation("get", "/train", "The page on which one trains.", {HTML: STRING}, (403,))
)
def page() -> Response:
    """The page, which holds nothing and asks for the key where one is needed.

    Raises:
        TrainingOffError: the server does not train.
    """
    service: Service = current_app.extensions["simpleml"]
    require_on(service.settings)
    return render_page(
        "training.html",
        "training",
        limits=limits(TrainParameters),
        max_bytes=service.settings.training_max_bytes,
    )
