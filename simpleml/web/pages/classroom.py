"""/class: where pupils come in, what they publish, and what the teacher sees and sets.

`simpleml.web.classroom` does what it asks.
"""

from __future__ import annotations

from flask import Response

from simpleml.web.classroom.access import the_class
from simpleml.web.openapi.operation import HTML, STRING, Operation, Routes
from simpleml.web.pages.rendering import render_page

blueprint = Routes("class_page", tag="class", key="page")


@blueprint.operation(Operation("get", "/class", "The page of a class.", {HTML: STRING}, (404,)))
def page() -> Response:
    """The page, which holds nothing and asks for the key.

    Raises:
        ClassOffError: the server is no class.
    """
    the_class()
    return render_page("class.html", "class")
