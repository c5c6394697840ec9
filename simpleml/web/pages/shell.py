"""What lets a browser install the pages: /manifest.webmanifest, /worker.js, /offline.

The worker is served from the root, since it may answer for no address above its own. It keeps the
page that is shown when the server is gone, and nothing else.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Response, json, render_template

from simpleml.web.openapi.operation import HTML, STRING, Operation, Routes
from simpleml.web.pages.rendering import page_headers
from simpleml.web.pages.typography import french

blueprint = Routes("shell", tag="playground", key="none")

MANIFEST = "application/manifest+json"
SCRIPT = "text/javascript"
_WEB = Path(__file__).parent.parent
_KEPT = (
    "templates/offline.html",
    *(f"static/shell/{name}" for name in ("worker.js", "offline.js", "offline.css")),
    *(f"static/{name}" for name in ("common/page.css", "common/fields.css", "playground/icon.svg")),
)
"""What the worker keeps, and itself: whatever changes of it, browsers fetch all anew."""


@blueprint.operation(
    Operation("get", "/manifest.webmanifest", "For browsers that install the pages.",
              {MANIFEST: {"type": "object"}})
)  # fmt: skip
def manifest() -> Response:
    """Name, icons and colours of the installed page."""
    icons = [
        {"src": f"/static/shell/icon-{size}.png", "sizes": f"{size}x{size}", "type": "image/png",
         "purpose": "any maskable"}
        for size in (192, 512)
    ]  # fmt: skip
    told = {
        "name": "SimpleML",
        "short_name": "SimpleML",
        "id": "/",
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f7f4ee",
        "theme_color": "#a8321a",
        "icons": icons,
    }
    return Response(json.dumps(told), content_type=MANIFEST, headers={"Cache-Control": "no-cache"})


@blueprint.operation(Operation("get", "/worker.js", "The pages' service worker.", {SCRIPT: STRING}))
def worker() -> Response:
    """The worker, with the version of what it keeps before it."""
    text = (_WEB / "static" / "shell" / "worker.js").read_text("utf-8")
    return Response(
        f'const VERSION = "{_version()}";\n{text}',
        content_type=f"{SCRIPT}; charset=utf-8",
        headers={"Cache-Control": "no-cache"},
    )


@lru_cache(maxsize=1)
def _version() -> str:
    content = b"".join((_WEB / name).read_bytes() for name in _KEPT)
    return hashlib.sha256(content).hexdigest()[:12]


@blueprint.operation(
    Operation("get", "/offline", "The page that a browser shows when the server is gone.",
              {HTML: STRING})
)  # fmt: skip
def offline() -> Response:
    """The page, in both languages: it is kept before anybody knows who will read it."""
    html = render_template("offline.html", french=french)
    return Response(html, content_type=f"{HTML}; charset=utf-8", headers=page_headers())
