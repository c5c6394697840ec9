"""GET /<model>/export.zip and export.html: a model to take away."""

from __future__ import annotations

from flask import Response

from simpleml.exporting.archive import ZIP
from simpleml.exporting.page import PAGE
from simpleml.web.export.sending import send
from simpleml.web.openapi.operation import FILE, HTML, STRING, Operation, Routes

blueprint = Routes("export", tag="export")

EXPORTS = (404, 409)


@blueprint.operation(
    Operation(
        "get", "/{model}/export.zip",
        "The model's files with a README, for SimpleML and TFLearn.",
        {ZIP.content_type: FILE}, EXPORTS, headers=("ETag",),
        example="-OJ BASE/sherlock/export.zip",
    )
)  # fmt: skip
def export_zip(model: str) -> Response:
    """The model's files with a README."""
    return send(model, ZIP)


@blueprint.operation(
    Operation(
        "get", "/{model}/export.html",
        "A page that holds the model and writes without a server or a network.",
        {HTML: STRING}, EXPORTS, headers=("ETag",),
        example="-OJ BASE/sherlock/export.html",
    )
)  # fmt: skip
def export_html(model: str) -> Response:
    """A page that holds the model."""
    return send(model, PAGE)
