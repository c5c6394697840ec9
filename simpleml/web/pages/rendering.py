"""What the pages have in common: the visitor's language and colours, words, files, policy.

The words of both languages lie as JSON in static/<folder>/; the templates take them from there, and
so do the pages when the language is switched.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Response, current_app, render_template, request
from pydantic import BaseModel

from simpleml.exporting.page_bundle import imported
from simpleml.settings import Settings
from simpleml.web.observability.request_log import current_record
from simpleml.web.pages.typography import french

COMMON = "common"
LANGUAGES = ("en", "fr")
THEMES = ("auto", "light", "dark")
_STATIC = Path(__file__).parent.parent / "static"
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "manifest-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    )
)


def render_page(template: str, folder: str, **values: Any) -> Response:
    """A page in the visitor's language and colours.

    Args:
        template: file under templates/.
        folder: under static/, of its modules and words; both come besides those of common/.
        **values: for the template.
    """
    language = _chosen("lang", LANGUAGES) or (
        request.accept_languages.best_match(LANGUAGES, default=LANGUAGES[0])
    )
    html = render_template(template, **frame(folder, language), modules=_modules(folder), **values)
    return Response(
        html,
        content_type="text/html; charset=utf-8",
        headers={
            **page_headers(),
            "Content-Language": language,
            "Vary": "Accept, Accept-Language, Cookie",
        },
    )


def page_headers() -> dict[str, str]:
    """Those of every page: what it may do, and that browsers ask each time whether it changed."""
    return {
        "Content-Security-Policy": f"{_POLICY}; frame-ancestors {_frames()}",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }


def frame(folder: str, language: str) -> dict[str, Any]:
    """What head.html and masthead.html need.

    Args:
        folder: of the page, under static/.
        language: of the page.
    """
    return {
        "folder": folder,
        "language": language,
        "theme": _chosen("theme", THEMES) or THEMES[0],
        "t": _words(language, folder),
        "visitor": current_record().visitor,
        "training": _settings().training,
    }


@lru_cache(maxsize=8)
def limits(parameters: type[BaseModel]) -> dict[str, Any]:
    """The schema of each parameter that is a number with bounds, for the page's fields."""
    return {
        name: one
        for name, schema in parameters.model_json_schema()["properties"].items()
        for one in schema.get("anyOf", [schema])
        if "maximum" in one
    }


def _frames() -> str:
    """The origins whose pages may show ours in a frame."""
    return " ".join(_settings().frame_ancestors) or "'none'"


def _settings() -> Settings:
    found: Settings = current_app.extensions["simpleml"].settings
    return found


def _chosen(cookie: str, allowed: tuple[str, ...]) -> str | None:
    value = request.cookies.get(cookie)
    return value if value in allowed else None


@lru_cache(maxsize=8)
def _words(language: str, folder: str) -> dict[str, Any]:
    words: dict[str, Any] = {}
    for path in (_STATIC / one / f"{language}.json" for one in (COMMON, folder)):
        words |= json.loads(path.read_text("utf-8")) if path.exists() else {}
    return {key: french(text) for key, text in words.items()} if language == "fr" else words


@lru_cache(maxsize=8)
def _modules(folder: str) -> list[str]:
    """Addresses of the modules that a page begins with, which the browser asks for at once."""
    found: dict[Path, None] = {}
    left = [_STATIC / folder / "main.js"]
    while left:
        path = left.pop()
        if path not in found:
            found[path] = None
            text = path.read_text("utf-8")
            left += [(path.parent / other).resolve() for other in imported(text)]
    return [f"/static/{path.parent.name}/{path.name}" for path in sorted(found)]
