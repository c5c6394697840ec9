"""GET /<model>/export.html: the page, its tag, and why there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from simpleml import ModelLoader, create_app
from simpleml.exporting.export import tag
from simpleml.exporting.page import PAGE, page
from simpleml.models.artifact import find_artifact, read_artifact


@pytest.mark.parametrize("name", ["tales", "old", "words"])
def test_the_route_sends_the_page(name: str, client: FlaskClient, models_dir: Path) -> None:
    answer = client.get(f"/{name}/export.html")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Disposition"] == f"attachment; filename={name}.html"
    paths = find_artifact(models_dir, name)
    assert paths
    assert answer.text == page(read_artifact(paths))
    again = client.get(f"/{name}/export.html", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get(f"/{name}/export.zip").headers["ETag"] != answer.headers["ETag"]


@pytest.mark.parametrize(("name", "status"), [("nobody", 404), ("damaged", 409)])
def test_what_cannot_be_a_page_is_said(name: str, status: int, client: FlaskClient) -> None:
    answer = client.get(f"/{name}/export.html", headers={"Accept": "application/json"})
    assert answer.status_code == status
    assert name in answer.json["error"]["message"]  # type: ignore[index]


def test_it_asks_for_the_key_that_reading_the_model_asks_for(models_dir: Path) -> None:
    client = create_app(models_dir=models_dir, api_keys=("k",)).test_client()
    assert client.get("/flow/export.html").status_code == 401
    assert client.get("/flow/export.html", headers={"X-API-Key": "k"}).status_code == 200


def test_another_page_around_the_same_model_has_another_tag(models_dir: Path) -> None:
    loader = ModelLoader(models_dir)
    ours = tag(loader, "flow", PAGE)
    assert ours == tag(loader, "flow", replace(PAGE, revision=lambda: PAGE.revision()))
    assert ours != tag(loader, "flow", replace(PAGE, revision=lambda: "the page of tomorrow"))
