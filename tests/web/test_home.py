"""GET /: the page to a browser, JSON to everyone else."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from simpleml import __version__

FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    "accept", ["application/json", "*/*", None, "application/json, text/html;q=0.5"]
)
def test_programs_get_what_there_is(client: FlaskClient, accept: str | None) -> None:
    answer = client.get("/", headers={"Accept": accept} if accept else {})
    body = answer.get_json()
    assert set(body) == {"name", "version", "models", "links"}
    assert (body["name"], body["version"]) == ("SimpleML", __version__)
    assert body["models"] == ["damaged", "flow", "old", "tales", "words"]
    assert "Accept" in answer.headers["Vary"]


def test_links_lead_somewhere(client: FlaskClient) -> None:
    for link in client.get("/").get_json()["links"].values():
        path = link.format(model="tales", seed="a", size="5")
        assert client.options(path).status_code == 200, link
        assert client.get(path).status_code in (200, 405), link


def test_browser_gets_the_page(client: FlaskClient) -> None:
    answer = client.get("/", headers={"Accept": FIREFOX})
    assert answer.content_type == "text/html; charset=utf-8"
    assert b"<!doctype html" in answer.data.lower()


def test_nothing_but_get_is_allowed(client: FlaskClient) -> None:
    answer = client.post("/")
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
