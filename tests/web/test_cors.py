"""Which pages may call the server: all by default, those of the settings otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from servers import GunicornServer

from simpleml import create_app

ORIGIN = "https://page.example"
OTHER = "https://other.example"
PATHS = ("/livez", "/tales/g/a/3", "/tales", "/v1/models", "/nowhere", "/", "/openapi.json")


@pytest.fixture(scope="module")
def http(server: GunicornServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url, timeout=60) as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
def test_every_origin_may_call_by_default(http: httpx.Client, path: str) -> None:
    answer = http.get(path, headers={"Origin": ORIGIN})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_errors_and_streams_can_be_read_by_pages(http: httpx.Client) -> None:
    for body in ({"model": "nowhere"}, {"model": "tales", "stream": True}, {}):
        answer = http.post("/v1/completions", json=body, headers={"Origin": ORIGIN})
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["/tales", "/tales/g/a/b/3", "/v1/chat/completions"])
def test_preflight_allows_what_it_asks_for(http: httpx.Client, path: str) -> None:
    answer = http.options(
        path,
        headers={
            "Origin": ORIGIN,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type, x-api-key",
        },
    )
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Access-Control-Allow-Headers"] == "content-type, x-api-key"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]


def test_pages_can_read_our_headers(http: httpx.Client) -> None:
    answer = http.get("/tales/g/a/3", headers={"Origin": ORIGIN})
    exposed = answer.headers["Access-Control-Expose-Headers"]
    for name in ("X-Request-Id", "X-Random-State", "X-Seed-Changes", "Retry-After"):
        assert name in exposed


def test_setting_narrows_the_origins(models_dir: Path) -> None:
    client = create_app(
        models_dir=models_dir, cors_origins=(ORIGIN, "http://localhost:3000")
    ).test_client()
    for path in PATHS:
        allowed = client.get(path, headers={"Origin": ORIGIN})
        assert allowed.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Origin" in allowed.headers.getlist("Vary")
        for headers in ({"Origin": OTHER}, {"Origin": "null"}, {"Origin": ORIGIN + ".evil"}, {}):
            refused = client.get(path, headers=headers)
            assert "Access-Control-Allow-Origin" not in refused.headers
            assert "Origin" in refused.headers.getlist("Vary")


def test_preflight_of_another_origin_is_refused(models_dir: Path) -> None:
    client = create_app(models_dir=models_dir, cors_origins=(ORIGIN,)).test_client()
    asked = {"Access-Control-Request-Method": "POST"}
    allowed = client.options("/v1/completions", headers={**asked, "Origin": ORIGIN})
    refused = client.options("/v1/completions", headers={**asked, "Origin": OTHER})
    assert allowed.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert not [name for name, _ in refused.headers if name.startswith("Access-Control-")]
