"""/learn: what a network like these is, and the words that the other pages use."""

from __future__ import annotations

from flask import Response

from simpleml.web.openapi.operation import HTML, STRING, Operation, Routes
from simpleml.web.pages.rendering import render_page

blueprint = Routes("learn_page", tag="playground", key="page")

SECTIONS = ("is", "isnot", "temperature", "bits", "surprise", "copies", "train", "program")
"""Each has a title and a text among the page's words, and its name behind the address's #."""


@blueprint.operation(
    Operation("get", "/learn", "The page that explains the others.", {HTML: STRING})
)
def page() -> Response:
    """The page, in the visitor's language and colours."""
    return render_page("learn.html", "learn", sections=SECTIONS)
