"""/openapi.json and /docs: complete, valid, and true of what the server does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from flask import Flask
from servers import GunicornServer

from simpleml import create_app
from simpleml.web.app import OPERATIONS
from simpleml.web.openai.parameters import ChatParameters, CompletionParameters
from simpleml.web.openapi.document import ERRORS, document
from simpleml.web.original.parameters import GenerateParameters
from simpleml.web.train.parameters import CheckParameters, TrainParameters

DOCUMENT = document(OPERATIONS, asks_for_keys=False)


@pytest.fixture(scope="module")
def http(server: GunicornServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url, timeout=60) as client:
        yield client


def answer_schema(method: str, path: str, status: str, kind: str) -> Any:
    """A validator of one answer."""
    operation = DOCUMENT["paths"][path][method]
    schema = operation["responses"][status]["content"][kind]["schema"]
    return jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def event_schema(method: str, path: str) -> Any:
    """A validator of the JSON in an event's data."""
    content = DOCUMENT["paths"][path][method]["responses"]["200"]["content"]
    name = content["text/event-stream"]["schema"]["$ref"].rpartition("/")[2]
    data = DOCUMENT["components"]["schemas"][name]["properties"]["data"]
    json_data = data["anyOf"][1] if "anyOf" in data else data
    return jsonschema_rs.Draft202012Validator(
        {**json_data["contentSchema"], "components": DOCUMENT["components"]}
    )


def test_document_is_served_as_json(http: httpx.Client) -> None:
    answer = http.get("/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == json.loads(json.dumps(DOCUMENT))
    assert answer.json()["openapi"].startswith("3.1")


def test_every_route_is_described(app: Flask) -> None:
    served = {
        (method.lower(), rule.rule)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert {(operation.method, operation.rule) for operation in OPERATIONS} == served


def test_every_error_is_described_for_every_route() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            statuses = {int(status) for status in operation["responses"]}
            assert {405, 500} <= statuses and statuses & {200, 202}, (method, path)
            if (operation["tags"] == ["generate"] and "{seed}" in path) or method == "post":
                assert {400, 401, 404, 413} <= statuses, (method, path)
    generating = DOCUMENT["paths"]["/v1/completions"]["post"]["responses"]
    training = DOCUMENT["paths"]["/v1/train"]["post"]["responses"]
    assert {int(status) for status in {**generating, **training}} - {200, 202} == set(ERRORS)


def test_operation_ids_are_unique_and_references_lead_somewhere() -> None:
    ids = [one["operationId"] for path in DOCUMENT["paths"].values() for one in path.values()]
    assert len(set(ids)) == len(ids)
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(DOCUMENT)):
        found: Any = DOCUMENT
        for part in reference.split("/"):
            found = found[part]


@pytest.mark.parametrize(
    "model",
    [GenerateParameters, CompletionParameters, ChatParameters, CheckParameters, TrainParameters],
)
def test_parameters_are_those_that_validate(model: Any) -> None:
    described = DOCUMENT["components"]["schemas"][model.__name__]["properties"]
    assert set(described) == {one.alias or name for name, one in model.model_fields.items()}
    for name, one in described.items():
        assert one.get("description") or "$ref" in json.dumps(one), name


def test_bounds_are_in_the_schema() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    top_p = schemas["GenerateParameters"]["properties"]["top_p"]
    assert (top_p["exclusiveMinimum"], top_p["maximum"]) == (0, 1)
    logprobs = schemas["CompletionParameters"]["properties"]["logprobs"]["anyOf"]
    assert logprobs == [{"type": "integer", "minimum": 0, "maximum": 5}, {"type": "null"}]


ANSWERS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("get", "/{model}/g/{seed}/{size}", "/tales/g/le /20", {}),
    ("get", "/{model}/g/{seed}/{size}", "/tales/g/LE /20?on_unknown=nearest&logprobs=3", {}),
    ("get", "/{model}/g/{seed}/{size}/{temp}", "/tales/g/le /20/0.2", {}),
    ("get", "/{model}", "/tales", {}),
    ("get", "/{model}", "/old", {}),
    ("get", "/{model}", "/words", {}),
    ("post", "/{model}", "/tales", {"seed": "le ", "size": 3}),
    ("get", "/v1/models", "/v1/models", {}),
    ("get", "/v1/models/{id}", "/v1/models/flow", {}),
    ("post", "/v1/completions", "/v1/completions", {"model": "tales", "logprobs": 2, "n": 2}),
    (
        "post", "/v1/completions", "/v1/completions",
        {"model": "tales", "logprobs": 2, "prompt": "le ", "echo": True, "max_tokens": 0},
    ),
    (
        "post", "/v1/chat/completions", "/v1/chat/completions",
        {
            "model": "tales", "logprobs": True, "top_logprobs": 2,
            "messages": [{"role": "user", "content": "le "}],
        },
    ),
    ("get", "/livez", "/livez", {}),
    ("get", "/readyz", "/readyz", {}),
    ("get", "/", "/", {}),
    ("get", "/api/models", "/api/models", {}),
    ("post", "/api/encode", "/api/encode", {"model": "tales", "seed": "Éa"}),
    ("get", "/api/queue", "/api/queue", {}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "url", "body"), ANSWERS)
def test_answer_is_as_described(
    http: httpx.Client, method: str, path: str, url: str, body: dict[str, Any]
) -> None:
    options = {"json": body} if method == "post" else {}
    answer = http.request(method, url, headers={"Accept": "application/json"}, **options)
    assert answer.status_code == 200, answer.text
    described = DOCUMENT["paths"][path][method]["responses"]["200"]
    assert answer.headers["Content-Type"].partition(";")[0] in described["content"]
    answer_schema(method, path, "200", "application/json").validate(answer.json())


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/completions", {"model": "tales", "prompt": "le ", "echo": True, "logprobs": 1}),
        (
            "/v1/chat/completions",
            {"model": "tales", "messages": [{"role": "user", "content": "a"}], "logprobs": True},
        ),
    ],
)
def test_events_are_as_described(http: httpx.Client, path: str, body: dict[str, Any]) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}}
    answer = http.post(path, json={**body, **options})
    *events, done = answer.text.removesuffix("\n\n").split("\n\n")
    assert done == "data: [DONE]" and len(events) >= 3
    schema = event_schema("post", path)
    for one in events:
        schema.validate(json.loads(one.removeprefix("data: ")))


def test_text_events_are_as_described(http: httpx.Client) -> None:
    answer = http.get("/tales/g/le /60?logprobs=1", headers={"Accept": "text/event-stream"})
    *pieces, done = answer.text.removesuffix("\n\n").split("\n\n")
    assert pieces and done.startswith("event: done\n")
    schema = event_schema("get", "/{model}/g/{seed}/{size}")
    for one in [*pieces, done]:
        schema.validate(json.loads(one.partition("data: ")[2]))


def test_answer_may_hold_nothing_else() -> None:
    schema = answer_schema("get", "/livez", "200", "application/json")
    assert schema.is_valid({"status": "ok"})
    assert not schema.is_valid({"status": "ok", "more": 1})
    assert not schema.is_valid({"status": "fine"})


@pytest.mark.parametrize(
    ("method", "url", "status", "path"),
    [
        ("get", "/nowhere/g/a/5", "404", "/{model}/g/{seed}/{size}"),
        ("get", "/tales/g/É/5", "400", "/{model}/g/{seed}/{size}"),
        ("get", "/damaged", "500", "/{model}"),
        ("post", "/v1/completions", "400", "/v1/completions"),
        ("get", "/v1/models/nowhere", "404", "/v1/models/{id}"),
    ],
)
def test_error_is_as_described(
    http: httpx.Client, method: str, url: str, status: str, path: str
) -> None:
    answer = http.request(method, url, headers={"Accept": "application/json"})
    assert answer.status_code == int(status)
    answer_schema(method, path, status, "application/json").validate(answer.json())


def test_keys_are_asked_for_where_they_are(models_dir: Path) -> None:
    client = create_app(models_dir=models_dir, api_keys=("k",)).test_client()
    described = client.get("/openapi.json", headers={"X-API-Key": "k"}).json
    assert described is not None
    assert {} not in described["security"]
    assert {} in DOCUMENT["security"]
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            url = re.sub(r"\{(\w+)\}", "icon.svg" if "static" in path else "a", path)
            status = client.open(url, method=method.upper()).status_code
            assert (status != 401) == (operation.get("security") == []), path


# --- /docs


class _Page(HTMLParser):
    """Addresses, anchors, scripts and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.addresses += [given[name] for name in ("href", "src") if name in given]
        self.ids += [given["id"]] if "id" in given else []
        assert not any(name.startswith("on") or name == "style" for name in given)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_docs_page_needs_nothing_from_elsewhere(http: httpx.Client) -> None:
    answer = http.get("/docs")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    page = _Page(answer.text)
    assert "script" not in page.tags and "style" not in page.tags
    for address in page.addresses:
        if address.startswith("#"):
            assert address[1:] in page.ids, address
        else:
            assert address.startswith("/")
            assert http.get(address).status_code == 200, address


def test_docs_page_shows_every_route_and_schema(http: httpx.Client) -> None:
    text = _Page(http.get("/docs").text).text
    for operation in OPERATIONS:
        assert operation.path in text and operation.summary in text
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert name in text
        for field in schema.get("properties", ()):
            assert field in text


def test_docs_page_escapes_what_the_client_sends(app: Flask) -> None:
    answer = app.test_client().get("/docs", headers={"Host": "<b>evil</b>"})
    assert b"<b>evil" not in answer.data
