"""The pages' files: their types, that browsers ask again, and what any site is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient
from servers import ROOT

from simpleml import create_app
from simpleml.models.card import RESERVED_NAMES
from simpleml.web.app import OPERATIONS

STATIC = ROOT / "simpleml" / "web" / "static"
FILES = sorted(str(path.relative_to(STATIC)) for path in STATIC.rglob("*.*"))
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
    ".png": "image/png",
}


@pytest.mark.parametrize("file", FILES)
def test_file_has_its_type_and_is_asked_for_again(client: FlaskClient, file: str) -> None:
    answer = client.get(f"/static/{file}")
    assert answer.status_code == 200
    assert answer.data == (STATIC / file).read_bytes()
    assert answer.headers["Content-Type"] == TYPES[Path(file).suffix]
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    again = client.get(f"/static/{file}", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/static/", "/static/playground", "/static/playground/", "/static/nothing.js",
        "/static/../app.py", "/static/playground/../../app.py", "/static/%2e%2e/app.py",
        "/static/playground/%2e%2e/%2e%2e/app.py", "/static//etc/passwd", "/static/%00",
    ],
)  # fmt: skip
def test_nothing_else_is_there(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.content_type == "text/plain; charset=utf-8"


def test_what_any_site_is_asked_for_is_no_model(models_dir: Path) -> None:
    client = create_app(models_dir=models_dir, api_keys=("key",)).test_client()
    icon = client.get("/favicon.ico")
    assert (icon.status_code, icon.content_type) == (200, "image/svg+xml; charset=utf-8")
    robots = client.get("/robots.txt")
    assert (robots.status_code, robots.content_type) == (200, "text/plain; charset=utf-8")
    assert robots.text.startswith("User-agent: *\n") and robots.text.endswith("Disallow: /\n")


def test_no_model_can_take_the_name_of_a_route() -> None:
    firsts = {operation.path.split("/")[1] for operation in OPERATIONS}
    assert {first for first in firsts if first and "{" not in first} <= RESERVED_NAMES
