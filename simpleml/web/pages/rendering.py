"""What the pages have in common: the visitor's language and colours, words, files, policy.

The words of both languages lie as JSON in static/<folder>/; the templates take them from there, and
so do the pages when the language is switched.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Response, render_template, request

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
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def render_page(template: str, folder: str, **values: Any) -> Response:
    """A page in the visitor's language and colours.

    Args:
        folder: under static/, of its modules and words; both come besides those of common/.
        **values: for the template.
    """
    language = _chosen("lang", LANGUAGES) or (
        request.accept_languages.best_match(LANGUAGES, default=LANGUAGES[0])
    )
    html = render_template(
        template,
        language=language,
        theme=_chosen("theme", THEMES) or THEMES[0],
        t=_words(language, folder),
        folder=folder,
        modules=_modules(folder),
        **values,
    )
    return Response(
        html,
        content_type="text/html; charset=utf-8",
        headers={
            "Content-Language": language,
            "Content-Security-Policy": _POLICY,
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
            "Vary": "Accept, Accept-Language, Cookie",
        },
    )


def _chosen(cookie: str, allowed: tuple[str, ...]) -> str | None:
    value = request.cookies.get(cookie)
    return value if value in allowed else None


@lru_cache(maxsize=8)
def _words(language: str, folder: str) -> dict[str, Any]:
    words: dict[str, Any] = {}
    for one in (COMMON, folder):
        words |= json.loads((_STATIC / one / f"{language}.json").read_text("utf-8"))
    return words


@lru_cache(maxsize=8)
def _modules(folder: str) -> list[str]:
    """Addresses of the modules, which the browser asks for at once."""
    paths = [path for one in (COMMON, folder) for path in sorted((_STATIC / one).glob("*.js"))]
    return [f"/static/{path.parent.name}/{path.name}" for path in paths]
