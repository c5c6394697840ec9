"""Several models in one text, over HTTP: the option mix, and the blend's name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask.testing import FlaskClient
from models import WORDS, pair_weights, write_model
from servers import GunicornServer

from simpleml import ModelLoader, create_app

AS_JSON = {"Accept": "application/json"}
MIX = {"tales": 0.7, "flow": 0.3}
NAME = "flow:0.3+tales:0.7"
ONE, OTHER = "abcdefghijklmnopqrstuvwxyz .,;" * 8, "zyxwvutsrqponmlkjihgfedcba ?!" * 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tales, flow, words, torn (broken); one and other have what they have read beside them."""
    folder = tmp_path_factory.mktemp("ML")
    write_model(folder, "tales")
    write_model(folder, "flow", stateful=True, alphabet=" abcdefghijklmnoprstuvxyzÉœ", seed=1)
    write_model(folder, "words", level="word", alphabet=WORDS, unknown_symbol="<unk>")
    torn = write_model(folder, "torn", seed=3)
    (torn / "torn.tfl.index").write_bytes(b"no")
    for name, text in (("one", ONE), ("other", OTHER)):
        write_model(
            folder, name, alphabet=sorted(set(text)), weights=pair_weights(text), stateful=True
        )
        (folder / f"{name}.txt").write_text(text)
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> FlaskClient:
    return create_app(models_dir=folder).test_client()


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    """What Python writes for the requests of these tests."""
    return ModelLoader(folder).load(MIX).generate(50, 0.9, "le roi ", random_state=7)


@pytest.mark.parametrize(
    "query",
    [
        "mix=tales:0.7,flow:0.3", "mix=flow:3,tales:7", "mix=tales:0.7+flow:0.3",
        "mix=tales:0.7&mix=flow:0.3",
        'mix={"tales": 0.7, "flow": 0.3}',
    ],
)  # fmt: skip
def test_mix_in_a_query(client: FlaskClient, text: str, query: str) -> None:
    answer = client.get(f"/tales/g/le roi /50/0.9?random_state=7&{query}")
    assert answer.text == text
    answer = client.get(f"/flow/g/le roi /50/0.9?random_state=7&{query}", headers=AS_JSON)
    assert answer.json is not None
    assert answer.json["text"] == text
    assert answer.json["model"] == NAME


def test_mix_in_json_and_a_blends_name_are_the_same_text(client: FlaskClient, text: str) -> None:
    body = {"seed": "le roi ", "size": 50, "temp": 0.9, "random_state": 7}
    assert client.post("/tales", json={**body, "mix": MIX}).text == text
    assert client.post("/tales", json={**body, "mix": "flow:3,tales:7"}).text == text
    assert client.post("/tales:7+flow:3", json=body).text == text
    assert client.get(f"/{NAME}/g/le roi /50/0.9?random_state=7").text == text
    events = client.post("/tales", json={**body, "mix": MIX, "stream": True}, headers={
        "Accept": "text/event-stream"
    }).text  # fmt: skip
    done = json.loads(events.split("event: done\ndata: ")[1])
    assert done["text"] == text
    pieces = [json.loads(one[6:]) for one in events.split("\n") if one.startswith("data: ")][:-1]
    assert "le roi " + "".join(one["text"] for one in pieces) == text


def test_v1_takes_a_blends_name(client: FlaskClient, text: str) -> None:
    body = {"prompt": "le roi ", "max_tokens": 50, "temperature": 0.9, "seed": 7}
    answer = client.post("/v1/completions", json={**body, "model": "tales:0.7+flow:0.3"})
    assert answer.json is not None
    assert answer.json["model"] == NAME
    assert "le roi " + answer.json["choices"][0]["text"] == text
    chat = client.post(
        "/v1/chat/completions",
        json={
            "model": NAME, "temperature": 0.9, "seed": 7, "max_tokens": 50, "logprobs": True,
            "top_logprobs": 3, "messages": [{"role": "user", "content": "le roi "}],
        },
    )  # fmt: skip
    assert chat.json is not None
    (choice,) = chat.json["choices"]
    assert "le roi " + choice["message"]["content"] == text
    assert "".join(one["token"] for one in choice["logprobs"]["content"]) == text[7:]
    assert all(len(one["top_logprobs"]) == 3 for one in choice["logprobs"]["content"])


@pytest.mark.parametrize("mix", ["tales:1", "tales:2,flow:0", '{"tales": 1e-3}'])
def test_one_models_weight_is_that_model(client: FlaskClient, mix: str) -> None:
    address = "/tales/g/le sultan /60/1?random_state=5&logprobs=2"
    alone = client.get(address, headers=AS_JSON).json
    blended = client.get(f"{address}&mix={mix}", headers=AS_JSON).json
    assert alone is not None
    assert blended is not None
    del alone["elapsed_ms"], blended["elapsed_ms"]
    assert blended == alone


def test_stop_top_k_and_unknown_characters_are_as_for_one_model(client: FlaskClient) -> None:
    body: dict[str, Any] = {"seed": "œÉ9", "size": 80, "temp": 1, "random_state": 2, "mix": MIX}
    whole = client.post("/tales", json=body, headers=AS_JSON).json
    assert whole is not None
    assert "seed_changes" not in whole  # each is known to one of them
    stop = whole["generated"][20:22]
    stopped = client.post("/tales", json={**body, "stop": stop}, headers=AS_JSON).json
    assert stopped is not None
    assert stopped["finish_reason"] == "stop"
    assert whole["generated"].startswith(stopped["generated"] + stop)
    likeliest = client.post("/tales", json={**body, "temp": 0, "logprobs": 1}, headers=AS_JSON).json
    kept = client.post("/tales", json={**body, "top_k": 1, "random_state": 9}, headers=AS_JSON).json
    assert likeliest is not None
    assert kept is not None
    assert kept["generated"] == likeliest["generated"]
    assert all(one["top"][0][0] == one["symbol"] for one in likeliest["logprobs"])
    unknown = client.post("/tales", json={**body, "seed": "☃"}, headers=AS_JSON)
    assert unknown.status_code == 400
    assert unknown.json is not None
    assert unknown.json["error"]["code"] == "unknown_characters"


def test_card_of_a_blend_has_all_symbols_and_names_its_members(client: FlaskClient) -> None:
    card = client.get("/tales+flow").json
    assert card is not None
    assert {"œ", "9", "É", "ç"} <= set(card["alphabet"])
    assert set(card["notes"]["members"]) == {"tales", "flow"}
    assert card["weights_sha256"] == client.get("/tales:9+flow:1").json["weights_sha256"]  # type: ignore[index]


def test_copies_are_those_of_every_member(client: FlaskClient, folder: Path) -> None:
    body = {"seed": "a", "size": 200, "temp": 0.2, "mix": {"one": 0.6, "other": 0.4},
            "random_state": 1, "originality": True}  # fmt: skip
    answer = client.post("/one", json=body, headers=AS_JSON).json
    assert answer is not None
    found = answer["originality"]
    assert found["copied"] > 0
    assert {one["model"] for one in found["passages"]} <= {"one", "other"}
    guarded = client.post("/one", json={**body, "max_copy": 20}, headers=AS_JSON).json
    assert guarded is not None
    assert all(one["length"] == 20 for one in guarded["originality"]["passages"])
    missing = client.post("/one", json={**body, "mix": {"one": 1, "flow": 1}}, headers=AS_JSON)
    assert missing.status_code == 409
    examined = client.post(
        "/api/originality", json={"model": "one+other", "text": ONE[:40] + OTHER[:40]}
    )
    assert examined.json is not None
    assert {one["model"] for one in examined.json["passages"]} == {"one", "other"}


WRONG = {
    "negative": ({"tales": 1, "flow": -0.5}, 400, "the weight of 'flow' is -0.5"),
    "sum 0": ({"tales": 0, "flow": 0}, 400, "the weights sum to 0"),
    "text": ({"tales": "much", "flow": 1}, 400, "the weight of 'tales' is 'much'"),
    "true": ({"tales": True, "flow": 1}, 400, "the weight of 'tales' is True"),
    "huge": ({"tales": 1e300, "flow": 1}, 400, "it must be a number from 0 to 1000000"),
    "nan": ("tales:nan,flow:1", 400, "the weight of 'tales' is nan"),
    "list": (["tales", "flow"], 400, "mix is ['tales', 'flow']"),
    "number": (3, 400, "mix is 3"),
    "empty": ({}, 400, "names 0 models"),
    "empty text": ("", 400, "name is missing"),
    "five": ({"tales": 1, "b": 1, "c": 1, "d": 1, "e": 1}, 400, "names 5 models; 1 to 4"),
    "twice": ("tales:1,flow:1,tales:2", 400, "'tales' is named twice"),
    "without the address's": ({"flow": 1, "words": 1}, 400, "mix leaves out tales"),
    "levels": ({"tales": 1, "words": 1}, 400, "only models of one kind can be blended"),
    "nobody": ({"tales": 1, "nobody": 1}, 404, "There is no model 'nobody'"),
    "a folder": ({"tales": 1, "../tales": 1}, 404, "There is no model '../tales'"),
    "a blend": ({"tales": 1, "tales+flow": 1}, 404, "There is no model 'tales+flow'"),
    "a name with a weight": ({"tales": 1, "flow:2 words": 1}, 404, "no model 'flow:2 words'"),
    "not JSON": ('{"tales": 1', 400, "mix is"),
    "deep": ('{"a":' * 20_000, 400, "nested too deeply"),
    "broken": ({"tales": 1, "torn": 0.5}, 500, "torn"),
}


@pytest.mark.parametrize(("mix", "status", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_mix_that_cannot_be_is_told_in_one_sentence(
    client: FlaskClient, mix: Any, status: int, message: str
) -> None:
    answer = client.post("/tales", json={"seed": "a", "size": 5, "mix": mix}, headers=AS_JSON)
    assert answer.status_code == status
    assert answer.json is not None
    error = answer.json["error"]
    assert message in error["message"]
    assert error["param"] == "mix"
    assert len(error["message"]) < 400
    assert client.get("/tales/g/a/5").status_code == 200


def test_a_model_twice_in_a_json_object_is_noticed(client: FlaskClient) -> None:
    body = '{"seed": "a", "size": 5, "mix": {"tales": 1, "flow": 1, "tales": 2}}'
    answer = client.post("/tales", data=body)
    assert answer.status_code == 400
    assert "is named twice" in answer.text
    assert client.post("/tales", data='{"size": 9, "seed": "a", "size": 5}').status_code == 200


@pytest.mark.parametrize(
    ("model", "status", "message"),
    [
        (
            "tales:-1+flow:1",
            400,
            "The blend tales:-1+flow:1 cannot be made: the weight of 'tales' is -1.0",
        ),
        ("tales:0+flow:0", 400, "the weights sum to 0"),
        ("tales+", 400, "a model's name is missing"),
        ("tales:x", 400, "the weight of 'tales' is 'x'"),
        ("tales+nobody", 404, "There is no model 'nobody'"),
        ("tales+words", 400, "only models of one kind"),
        ("tales+tales", 400, "is named twice"),
        ("a+b+c+d+e", 400, "names 5 models"),
    ],
)
def test_a_name_that_is_no_blend_is_told_where_a_models_stands(
    client: FlaskClient, model: str, status: int, message: str
) -> None:
    answers = [
        client.get(f"/{model}", headers=AS_JSON),
        client.get(f"/{model}/g/a/5", headers=AS_JSON),
        client.post("/v1/completions", json={"model": model, "prompt": "a"}),
    ]
    for answer in answers:
        assert answer.status_code == status
        assert answer.json is not None
        assert message in answer.json["error"]["message"]


@pytest.mark.slow
def test_metrics_and_log_know_a_blend_by_its_members(folder: Path) -> None:
    with GunicornServer(folder) as server:
        for part in (0.1, 0.25, 0.8):
            mix = {"tales": part, "flow": 1 - part}
            httpx.post(f"{server.base_url}/tales", json={"size": 9, "mix": mix}, timeout=60)
        httpx.post(f"{server.base_url}/tales", json={"mix": {"tales": 1, "torn": 1}}, timeout=60)
        httpx.get(f"{server.base_url}/torn+tales", timeout=60)
        page = httpx.get(f"{server.base_url}/metrics", timeout=60).text
        assert 'simpleml_generated_characters_total{model="flow+tales"} 27.0' in page
        assert "0.25" not in server.log
        assert "model=flow+tales status=200" in server.log
        assert not [one for one in page.splitlines() if "torn+" in one or "+torn" in one]
