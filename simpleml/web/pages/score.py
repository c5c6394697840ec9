"""/score: the page that asks which model could have written a text; /v1/score answers it."""

from __future__ import annotations

from flask import Response

from simpleml.web.openapi.operation import HTML, STRING, Operation, Routes
from simpleml.web.pages.rendering import render_page

blueprint = Routes("score_page", tag="score", key="page")


@blueprint.operation(
    Operation("get", "/score", "The page that asks who could have written a text.", {HTML: STRING})
)
def page() -> Response:
    """The page, in the visitor's language and colours."""
    return render_page("score.html", "score")
