"""API keys: every route asks for one but those that hold nothing; right and wrong ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from flask import Flask
from openai import OpenAI
from servers import GunicornServer

from simpleml.web.keys import Keys, given_keys

PROBES = ("/livez", "/readyz", "/healthz", "/health")
PAGES_OF_ALL = ("/manifest.webmanifest", "/worker.js", "/offline", "/docs", "/docs/style.css")
FOR_ALL = (*PROBES, *PAGES_OF_ALL, "/favicon.ico", "/robots.txt", "/openapi.json")
KEYS = ("first-key", "zweiter Schlüssel")


@pytest.fixture(scope="module")
def guarded(models_dir: Path) -> Iterator[GunicornServer]:
    env = {"SIMPLEML_API_KEYS": f" {KEYS[0]} ,{KEYS[1]},"}
    with GunicornServer(models_dir, env=env) as running:
        yield running


@pytest.fixture(scope="module")
def http(guarded: GunicornServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=guarded.base_url, timeout=60) as client:
        yield client


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEYS[0]}"},
        {"Authorization": f"bearer   {KEYS[0]}"},
        {"X-API-Key": KEYS[0]},
        {"X-API-Key": KEYS[1].encode()},
        {"Authorization": "Basic dXNlcjpwYXNz", "X-API-Key": KEYS[0]},
    ],
)
def test_either_header_with_any_of_the_keys_opens(
    http: httpx.Client, headers: dict[str, str]
) -> None:
    assert http.get("/tales/g/le /5", headers=headers).status_code == 200
    assert http.get("/v1/models", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {KEYS[0]}x"},
        {"Authorization": f"Bearer {KEYS[0][:-1]}"},
        {"Authorization": f"Basic {KEYS[0]}"},
        {"Authorization": KEYS[0]},
        {"X-API-Key": f"Bearer {KEYS[0]}"},
        {"X-API-Key": ",".join(KEYS).encode()},
        {"X-API-Key": b"\xff\xfe"},
    ],
)
def test_without_a_right_key_every_answer_is_401(
    http: httpx.Client, headers: dict[str, str]
) -> None:
    for method, path in (("GET", "/tales/g/a/5"), ("POST", "/v1/completions"), ("GET", "/nowhere")):
        answer = http.request(method, path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert KEYS[0] not in answer.text
    error = http.get("/v1/models", headers=headers).json()["error"]
    assert (error["type"], error["code"]) == ("authentication_error", "invalid_api_key")


def test_every_route_asks_but_probes_documentation_and_the_bare_page(
    http: httpx.Client, app: Flask
) -> None:
    page_file = "/static/playground/icon.svg"
    paths = {
        rule.rule.replace("<model>", "tales").replace("<rest:rest>", "a/5")
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and "static" not in rule.rule
    }
    assert set(PROBES) < paths
    assert http.get("/", headers={"Accept": "text/html"}).status_code == 200
    for path in {*paths, page_file}:
        expected = 200 if path in (*FOR_ALL, page_file) else 401
        assert http.get(path).status_code == expected, path
        assert http.head(path).status_code == expected, path


def test_preflight_passes_without_a_key(http: httpx.Client) -> None:
    answer = http.options(
        "/v1/completions",
        headers={"Origin": "https://page.example", "Access-Control-Request-Method": "POST"},
    )
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_refusal_can_be_read_by_a_page(http: httpx.Client) -> None:
    answer = http.get("/v1/models", headers={"Origin": "https://page.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_openai_client_sends_its_key(guarded: GunicornServer) -> None:
    url = f"{guarded.base_url}/v1"
    with OpenAI(base_url=url, api_key=KEYS[0]) as client:
        assert client.completions.create(model="tales", prompt="le ").choices
    with (
        OpenAI(base_url=url, api_key="wrong") as client,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        client.completions.create(model="tales", prompt="le ")
    assert caught.value.code == "invalid_api_key"


def test_without_keys_everyone_may_call(server: GunicornServer) -> None:
    assert httpx.get(f"{server.base_url}/v1/models", timeout=60).status_code == 200


def test_keys_are_not_in_the_log(guarded: GunicornServer) -> None:
    httpx.get(f"{guarded.base_url}/v1/models", headers={"X-API-Key": KEYS[0]}, timeout=60)
    assert "/v1/models" in guarded.log
    assert not any(key in guarded.log for key in KEYS)


def test_keys_accept_what_was_given_and_nothing_else() -> None:
    keys = Keys(("a", "b"))
    assert keys and not Keys(())
    assert [keys.accept(one) for one in (b"a", b"b", b"", b"ab", b"a ", b"\xff")] == [
        True, True, False, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("authorization", "x_api_key", "found"),
    [
        ("Bearer a", "", [b"a"]),
        ("", " b ", [b"b"]),
        ("Bearer a", "b", [b"a", b"b"]),
        ("Bearer  a b ", "", [b"a b"]),
        ("Bearer \xc3\xa9", "", ["é".encode()]),
        ("Digest a", "", []),
        ("", "", []),
    ],
)
def test_keys_are_read_from_both_headers(
    authorization: str, x_api_key: str, found: list[bytes]
) -> None:
    assert given_keys(authorization, x_api_key) == found
