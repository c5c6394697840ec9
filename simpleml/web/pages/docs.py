"""/docs: /openapi.json to read, as one page without scripts that needs nothing from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, Response, render_template, request, send_file
from markupsafe import Markup, escape

from simpleml.web.openapi import Schema, current_document

blueprint = Blueprint("docs", __name__)

_STYLE = Path(__file__).parent.parent / "static" / "docs" / "style.css"
_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


@blueprint.get("/docs")
def docs() -> Response:
    """Every route with what it takes and answers, then every schema."""
    document = current_document()
    page = render_template(
        "docs.html",
        document=document,
        groups=groups(document),
        schemas=document["components"]["schemas"],
        base=request.host_url.rstrip("/"),
        kind=kind,
        name_of=_name_of,
    )
    return Response(
        page,
        content_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"},
    )


@blueprint.get("/docs/style.css")
def style() -> Response:
    """The page's style sheet."""
    response = send_file(_STYLE, mimetype="text/css", conditional=True, max_age=None)
    response.headers["Cache-Control"] = "no-cache"
    return response


def groups(document: Schema) -> list[dict[str, Any]]:
    """The tags in order, each with its operations."""
    found = []
    for tag in document["tags"]:
        operations = [
            {**operation, "method": method.upper(), "path": path}
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if tag["name"] in operation["tags"]
        ]
        found.append({**tag, "operations": operations})
    return found


def kind(schema: Schema) -> str:
    """A schema in a few words: "integer from 1", "string or array of string"."""
    if "$ref" in schema:
        return _name_of(schema)
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return " or ".join(dict.fromkeys(kind(one) for one in options))
    if "contentSchema" in schema:
        return f"JSON of {kind(schema['contentSchema'])}"
    if "const" in schema:
        return repr(schema["const"])
    if "enum" in schema:
        return " or ".join(repr(one) for one in schema["enum"])
    words = [str(schema.get("type", "anything"))]
    if schema.get("type") == "array" and "items" in schema:
        words.append(f"of {kind(schema['items'])}")
    if isinstance(schema.get("additionalProperties"), dict):
        words.append(f"of {kind(schema['additionalProperties'])}")
    for key, word in (
        ("minimum", "from"),
        ("exclusiveMinimum", "above"),
        ("maximum", "to"),
        ("exclusiveMaximum", "below"),
        ("minItems", "with at least"),
        ("maxItems", "with at most"),
    ):
        if key in schema:
            words.append(f"{word} {_number(schema[key])}")
    return " ".join(words)


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


@blueprint.app_template_filter("marked")
def marked(text: str) -> Markup:
    """Text with `code` marked as such, everything escaped."""
    parts = escape(text).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if number % 2 else part
        for number, part in enumerate(parts)
    )


def _name_of(schema: Schema) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]
