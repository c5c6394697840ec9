"""/presentation: a text in large letters, written slowly or chosen letter by letter, for a room."""

from __future__ import annotations

from flask import Response

from simpleml.web.openapi.operation import HTML, STRING, Operation, Routes
from simpleml.web.pages.rendering import render_page

blueprint = Routes("presentation_page", tag="playground", key="page")


@blueprint.operation(
    Operation("get", "/presentation", "The page that shows how a text comes about.", {HTML: STRING})
)
def page() -> Response:
    """The page; what it shows is asked for by the original routes."""
    return render_page("presentation.html", "presentation")
