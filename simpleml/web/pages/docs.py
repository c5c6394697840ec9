"""/openapi.json, and /docs: the same to read, as one page that needs nothing from elsewhere.

Neither asks for a key: they say what any server like this one can do, and a browser has no way to
send one with an address.
"""

from __future__ import annotations

from typing import Any

from flask import Response, current_app, jsonify, render_template, request
from markupsafe import Markup, escape

from simpleml.web.openapi.document import document
from simpleml.web.openapi.operation import HTML, JSON, STRING, Operation, Routes, Schema
from simpleml.web.pages.rendering import frame

blueprint = Routes("docs", tag="operate", key="none")

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def _current() -> Schema:
    """The document of the application that is answering, made once."""
    extensions = current_app.extensions
    if "simpleml_document" not in extensions:
        asks_for_keys = bool(extensions["simpleml"].settings.api_keys)
        extensions["simpleml_document"] = document(extensions["simpleml_operations"], asks_for_keys)
    found: Schema = extensions["simpleml_document"]
    return found


@blueprint.operation(
    Operation(
        "get", "/openapi.json", "This document.", {JSON: {"type": "object"}},
        example="BASE/openapi.json",
    )
)  # fmt: skip
def openapi() -> Response:
    """The document."""
    return jsonify(_current())


@blueprint.operation(Operation("get", "/docs", "This document to read.", {HTML: STRING}))
def docs() -> Response:
    """Every route with what it takes and answers, then every schema."""
    current = _current()
    page = render_template(
        "docs.html",
        **frame("docs", "en"),
        bare=True,
        document=current,
        groups=groups(current),
        schemas=current["components"]["schemas"],
        base=request.host_url.rstrip("/"),
        kind=kind,
        name_of=_name_of,
    )
    return Response(
        page,
        content_type="text/html; charset=utf-8",
        headers={
            "Content-Security-Policy": _POLICY,
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
            "Vary": "Cookie",
        },
    )


@blueprint.operation(Operation("get", "/docs/style.css", "Its style sheet.", {"text/css": STRING}))
def style() -> Response:
    """The page's style sheet."""
    return current_app.send_static_file("docs/style.css")


def groups(described: Schema) -> list[dict[str, Any]]:
    """The tags of a document in order, each with its operations."""
    found = []
    for tag in described["tags"]:
        operations = [
            {**operation, "method": method.upper(), "path": path}
            for path, methods in described["paths"].items()
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
