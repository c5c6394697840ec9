"""The options originality and max_copy, over HTTP."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import psutil
import pytest
from flask.testing import FlaskClient
from models import WORDS, pair_weights, write_model
from servers import GunicornServer
from streams import endless_stream, unread_request
from waiting import wait_until

from simpleml import ModelLoader, create_app
from simpleml.web.app import OPERATIONS
from simpleml.web.openapi.document import document

TEXT = "abcdefghijklmnopqrstuvwxyz .,;é漢😀" * 12
AS_JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def copying(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of one text: copies (its text beside it), edited, without, words."""
    folder = tmp_path_factory.mktemp("ML")
    data = TEXT.encode()
    for name in ("copies", "edited", "without"):
        write_model(
            folder, name, alphabet=sorted(set(TEXT)), weights=pair_weights(TEXT), stateful=True,
            corpus={"file": f"{name}.txt", "sha256": hashlib.sha256(data).hexdigest()},
        )  # fmt: skip
    (folder / "copies.txt").write_bytes(data)
    (folder / "edited.txt").write_bytes(data[:-4])
    write_model(folder, "words", level="word", alphabet=WORDS, unknown_symbol="<unk>")
    (folder / "words.txt").write_text(" the sultan said to his vizier." * 3)
    for name, file in (("tuned", "copies.txt"), ("alone", "gone.txt")):
        begun = {"name": "novels", "corpus": {"file": file}}
        write_model(
            folder, name, alphabet=sorted(set(TEXT)), weights=pair_weights(TEXT), stateful=True,
            training={"begun_from": begun},
        )  # fmt: skip
        (folder / f"{name}.txt").write_text("nothing of what was read before")
    return folder


@pytest.fixture
def client(copying: Path) -> FlaskClient:
    return create_app(models_dir=copying).test_client()


@pytest.fixture(scope="module")
def server(copying: Path) -> Iterator[GunicornServer]:
    """Two workers."""
    with GunicornServer(copying, workers=2) as running:
        yield running


@pytest.fixture
def http(server: GunicornServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url, timeout=60) as client:
        yield client


def check(said: dict[str, Any], generated: str) -> None:
    """What is said of a text is true of it."""
    assert said["characters"] == len(generated)
    copied = set()
    for one in said["passages"]:
        stretch = generated[one["start"] : one["start"] + one["length"]]
        assert len(stretch) == one["length"] >= 20
        assert TEXT[one["corpus_start"] :].startswith(stretch)
        copied |= set(range(one["start"], one["start"] + one["length"]))
    assert said["copied"] == len(copied)
    assert said["copied_share"] == round(len(copied) / len(generated), 4)
    longest = max(said["passages"], key=lambda one: one["length"])
    assert said["longest"] == {
        **longest,
        "text": generated[longest["start"] : longest["start"] + longest["length"]],
    }


def test_json_says_what_of_the_generated_text_is_copied(client: FlaskClient) -> None:
    body = {"seed": "abc", "size": 120, "temp": 0.9, "random_state": 2, "originality": True}
    answer = client.post("/copies", json=body, headers=AS_JSON).json
    assert answer["text"].startswith("abcdef")
    check(answer["originality"], answer["generated"])
    plain = client.post("/copies", json={**body, "originality": False}, headers=AS_JSON).json
    assert "originality" not in plain
    assert plain["generated"] == answer["generated"]


def test_positions_count_characters_and_not_utf_16_units(client: FlaskClient) -> None:
    answer = client.post(
        "/copies", json={"seed": "a", "size": 100, "temp": 0, "originality": True}, headers=AS_JSON
    ).json
    assert "😀" in answer["generated"]
    assert answer["originality"]["longest"]["length"] == 100
    assert answer["originality"]["longest"]["corpus_start"] == 1
    assert answer["originality"]["copied_share"] == 1


def test_what_the_base_has_read_is_counted_apart(client: FlaskClient) -> None:
    body = {"seed": "abc", "size": 60, "temp": 0, "originality": True}
    said = client.post("/tuned", json=body, headers=AS_JSON).json["originality"]
    assert (said["copied"], said["longest"], said["passages"]) == (0, None, [])
    assert said["base"].pop("name") == "novels"
    assert said["base"]["copied_share"] == 1
    check(said["base"], TEXT[3:63])
    assert client.post("/api/originality", json={"model": "tuned", "text": TEXT[3:63]}).json == {
        **said, "base": {"name": "novels", **said["base"]}
    }  # fmt: skip
    header = client.get("/tuned/g/abc/60/0?originality=1").headers["X-Originality"]
    assert json.loads(header) == {"copied_share": 0.0, "longest": 0}, "the model's own text"
    alone = client.post("/alone", json=body, headers=AS_JSON).json["originality"]
    assert alone["base"] is None, "it began from a model whose text is not there"
    fresh = client.post("/copies", json=body, headers=AS_JSON).json["originality"]
    assert "base" not in fresh, "it began from nothing"


def test_plain_text_has_a_header(client: FlaskClient) -> None:
    answer = client.get("/copies/g/abc/60/0?originality=1")
    assert json.loads(answer.headers["X-Originality"]) == {"copied_share": 1.0, "longest": 60}
    assert "X-Originality" in answer.headers["Access-Control-Expose-Headers"]
    assert answer.text == TEXT[:63]
    assert "X-Originality" not in client.get("/copies/g/abc/60/0").headers


def test_the_last_event_of_a_stream_says_it(client: FlaskClient) -> None:
    answer = client.get(
        "/copies/g/abc/90/0.8?originality=1&random_state=1", headers={"Accept": "text/event-stream"}
    )
    *_, (name, done) = [
        (part.partition("\n")[0], part.partition("data: ")[2])
        for part in answer.text.strip().split("\n\n")
    ]
    assert name == "event: done"
    check(json.loads(done)["originality"], json.loads(done)["generated"])


def test_words_are_counted_by_the_characters_of_the_joined_text(client: FlaskClient) -> None:
    answer = client.post(
        "/words", json={"size": 12, "originality": True, "random_state": 1}, headers=AS_JSON
    ).json
    assert answer["originality"]["characters"] == len(answer["generated"]) > 12
    refused = client.post("/words", json={"size": 12, "max_copy": 30}, headers=AS_JSON)
    assert refused.status_code == 400
    assert refused.json["error"]["param"] == "max_copy"
    assert "this one writes words" in refused.json["error"]["message"]


def test_completions_say_it_for_each_choice(client: FlaskClient) -> None:
    body = {
        "model": "copies", "prompt": ["abc", "xyz"], "n": 2, "max_tokens": 80, "seed": 1,
        "temperature": 0.8, "originality": True, "echo": True,
    }  # fmt: skip
    choices = client.post("/v1/completions", json=body).json["choices"]
    assert len(choices) == 4
    for choice in choices:
        check(choice["originality"], choice["text"][3:])


@pytest.mark.parametrize("kind", ["completions", "chat/completions"])
def test_the_last_chunk_of_each_choice_says_it(http: httpx.Client, kind: str) -> None:
    prompt = {"messages": [{"role": "user", "content": "abc"}]} if "chat" in kind else {}
    body = {
        "model": "copies", "prompt": "abc", "n": 2, "max_tokens": 80, "seed": 1,
        "temperature": 0.8, "originality": True, "stream": True, **prompt,
    }  # fmt: skip
    texts, said = ["", ""], {}
    with http.stream("POST", f"/v1/{kind}", json=body) as answer:
        for line in answer.iter_lines():
            if not line.startswith("data: {"):
                continue
            (choice,) = json.loads(line[6:])["choices"]
            piece = choice.get("text") or choice.get("delta", {}).get("content") or ""
            texts[choice["index"]] += piece
            assert ("originality" in choice) == bool(choice["finish_reason"])
            if "originality" in choice:
                said[choice["index"]] = choice["originality"]
    for number, text in enumerate(texts):
        check(said[number], text)


def test_max_copy_holds_over_http_and_is_pythons(client: FlaskClient, copying: Path) -> None:
    body = {"seed": TEXT[:40], "size": 300, "temp": 0.5, "random_state": 5}
    free = client.post("/copies", json={**body, "originality": True}, headers=AS_JSON).json
    assert free["originality"]["longest"]["length"] > 30
    held = client.post(
        "/copies", json={**body, "originality": True, "max_copy": 30}, headers=AS_JSON
    ).json
    assert held["originality"]["longest"]["length"] == 30
    model = ModelLoader(copying).load("copies")
    assert held["text"] == model.generate(300, 0.5, TEXT[:40], random_state=5, max_copy=30)
    completion = client.post(
        "/v1/completions",
        json={"model": "copies", "prompt": TEXT[:40], "max_tokens": 300, "temperature": 0.5,
              "seed": 5, "max_copy": 30},
    )  # fmt: skip
    assert completion.json["choices"][0]["text"] == held["generated"]


@pytest.mark.parametrize("value", [19, 0, -1, "x", True, 20.5])
def test_a_max_copy_that_cannot_be_is_named(client: FlaskClient, value: object) -> None:
    for address, body in (("/copies", {}), ("/v1/completions", {"model": "copies"})):
        answer = client.post(address, json={**body, "max_copy": value}, headers=AS_JSON)
        assert answer.status_code == 400
        assert answer.json["error"]["param"] == "max_copy"


@pytest.mark.parametrize("option", [{"originality": True}, {"max_copy": 50}])
@pytest.mark.parametrize(
    ("model", "words"), [("without", "not in the models folder"), ("edited", "it was edited")]
)
def test_without_the_text_it_is_said_before_anything_is_generated(
    client: FlaskClient, model: str, words: str, option: dict[str, Any]
) -> None:
    (param,) = option
    chat = {"messages": [{"role": "user", "content": "abc"}]}
    for address, body in (
        (f"/{model}", {"seed": "abc"}),
        (f"/{model}", {"stream": True}),
        ("/v1/completions", {"model": model, "stream": True}),
        ("/v1/chat/completions", {"model": model, **chat}),
    ):
        answer = client.post(address, json={**body, **option}, headers=AS_JSON)
        assert answer.status_code == 409
        error = answer.json["error"]
        assert (error["code"], error["param"]) == ("corpus_unavailable", param)
        assert words in error["message"]
        assert "/" not in error["message"], "no folder of the server's"
    assert client.head(f"/{model}/g/abc/10?{param}={option[param]}").status_code == 409
    assert client.application.extensions["simpleml"].engine.running == 0
    assert client.post(f"/{model}", json={"seed": "abc"}).status_code == 200


def test_the_page_is_told_which_models_have_their_text(client: FlaskClient) -> None:
    models = {one["name"]: one["originality"] for one in client.get("/api/models").json["models"]}
    # that a text was edited is known when it was read
    tuned = {"tuned": True, "alone": True}
    assert models == {"copies": True, "edited": True, "without": False, "words": True, **tuned}
    client.post("/edited", json={"originality": True})
    models = {one["name"]: one["originality"] for one in client.get("/api/models").json["models"]}
    assert not models["edited"]


def test_a_text_can_be_examined_alone(client: FlaskClient) -> None:
    text = "x" + TEXT[5:45] + "y"
    answer = client.post("/api/originality", json={"model": "copies", "text": text})
    assert answer.json["longest"] == {
        "start": 1, "length": 40, "corpus_start": 5, "text": TEXT[5:45],
    }  # fmt: skip
    assert client.post("/api/originality", json={"model": "without", "text": ""}).status_code == 409
    assert client.post("/api/originality", json={"model": "copies"}).status_code == 400


def test_two_workers_share_the_index(server: GunicornServer, copying: Path) -> None:
    def mapped() -> list[Any]:
        httpx.get(f"{server.base_url}/copies/g/abc/30?originality=1", timeout=60)
        maps = [one for worker in server.workers for one in psutil.Process(worker).memory_maps()]
        return [one for one in maps if one.path == str(copying / "copies.txt.index")]

    wait_until(lambda: len(mapped()) == 2, what="both workers map the index")
    assert [one.anonymous for one in mapped()] == [0, 0], "the pages are the file's"


def test_others_are_served_while_an_index_is_made(tmp_path: Path) -> None:
    write_model(tmp_path, "large")
    (tmp_path / "large.txt").write_text("".join(f"{number:07} " for number in range(400_000)))
    with (
        GunicornServer(tmp_path) as server,
        httpx.Client(base_url=server.base_url, timeout=60) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        client.get("/large")
        asked = pool.submit(httpx.get, f"{server.base_url}/large/g/a/1?originality=1", timeout=60)
        served = 0
        while not asked.done():
            assert client.get("/livez").status_code == 200
            served += 1
        assert asked.result().status_code == 200
    assert (tmp_path / "large.txt.index").exists()
    assert served > 3


def test_the_place_in_the_queue_is_ones_own(copying: Path) -> None:
    env = {"SIMPLEML_MAX_ROWS": "1", "SIMPLEML_MAX_SIZE": "10000000"}
    with (
        GunicornServer(copying, env=env) as server,
        httpx.Client(base_url=server.base_url, timeout=60) as client,
        endless_stream(server, "copies"),
        ExitStack() as waiting,
    ):

        def place(request_id: str) -> Any:
            return client.get("/api/queue", params={"request": request_id}).json()["place"]

        for number in (1, 2, 3):
            name = f"mine-{number}"
            waiting.enter_context(unread_request(server, "copies", name))
            wait_until(lambda name=name, number=number: place(name) == number, what="it waits")  # type: ignore[misc]
        assert [place(f"mine-{number}") for number in (3, 2, 1)] == [3, 2, 1]
        assert place("nobody") is place("") is None


def test_the_options_the_answers_and_the_error_are_described(client: FlaskClient) -> None:
    described = document(OPERATIONS, asks_for_keys=False)
    prompt = {"prompt": "abc", "messages": [{"role": "user", "content": "abc"}]}
    text = {"model": "tuned", "text": TEXT[:50]}
    for path, address, body in (
        ("/{model}", "/copies", {"seed": "abc", "originality": True}),
        ("/{model}", "/alone", {"seed": "abc", "originality": True}),
        ("/v1/completions", "/v1/completions", {**prompt, "model": "copies", "originality": True}),
        (
            "/v1/chat/completions", "/v1/chat/completions",
            {**prompt, "model": "copies", "originality": True},
        ),
        ("/api/originality", "/api/originality", text),
    ):  # fmt: skip
        answers = described["paths"][path]["post"]["responses"]["200"]["content"]
        schema = {**answers["application/json"]["schema"], "components": described["components"]}
        answer = client.post(address, json=body, headers=AS_JSON).json
        assert "copied_share" in json.dumps(answer)
        jsonschema_rs.Draft202012Validator(schema).validate(answer)
    properties = described["components"]["schemas"]["GenerateParameters"]["properties"]
    assert properties["max_copy"]["anyOf"][0]["minimum"] == 20
    for path in ("/{model}", "/v1/completions", "/v1/chat/completions"):
        assert "409" in described["paths"][path]["post"]["responses"]
