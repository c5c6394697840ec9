"""POST /v1/score over HTTP: which model predicts a text best, and what each has to say of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from models import ALPHABET, WORDS, write_model
from servers import GunicornServer

from simpleml import ModelLoader

TEXT = "il y avait autrefois un roi de perse"
LIMITS = {"SIMPLEML_MAX_SEED": "3000", "SIMPLEML_MAX_BODY": "100000"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three models that work, and one whose weights are gone."""
    folder = tmp_path_factory.mktemp("ML")
    write_model(folder, "tales", seq_maxlen=12)
    write_model(folder, "flow", stateful=True, seed=1)
    write_model(
        folder, "words", alphabet=WORDS, level="word", unknown_symbol="<unk>", stateful=True
    )
    write_model(folder, "broken")
    (folder / "broken" / "broken.tfl.data-00000-of-00001").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def http(folder: Path) -> Iterator[httpx.Client]:
    with (
        GunicornServer(folder, env=LIMITS) as server,
        httpx.Client(base_url=server.base_url, timeout=60) as client,
    ):
        yield client


def rows(http: httpx.Client, **asked: Any) -> list[dict[str, Any]]:
    answer = http.post("/v1/score", json=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["models"]
    return found


def test_models_are_ranked_and_a_broken_one_costs_its_own_row(http: httpx.Client) -> None:
    answer = http.post("/v1/score", json={"text": TEXT}).json()
    assert (answer["characters"], answer["precision"]) == (len(TEXT), "float32")
    *scored, failed = answer["models"]
    assert {row["model"] for row in scored} == {"tales", "flow", "words"}
    assert [row["nats"] for row in scored] == sorted(row["nats"] for row in scored)
    assert all(row["bits"] == pytest.approx(row["nats"] / math.log(2), abs=1e-3) for row in scored)
    assert all("surprise" not in row for row in scored)
    assert (failed["model"], failed["error"]["code"]) == ("broken", "model_broken")
    assert "broken.tfl.data-00000-of-00001" in failed["error"]["message"]


def test_a_row_is_what_the_model_says_in_python(http: httpx.Client, folder: Path) -> None:
    loader = ModelLoader(folder)
    for name in ("tales", "flow", "words"):
        (row,) = rows(http, text=TEXT, models=name, surprise=True)
        expected = loader.load(name).score(TEXT)
        assert row["nats"] == pytest.approx(expected.nats, abs=1e-4)
        assert [symbol for symbol, _ in row["surprise"]] == [one for one, _ in expected.surprise]
        assert "".join(symbol for symbol, _ in row["surprise"]) == TEXT
        for (_, nats), (_, theirs) in zip(row["surprise"], expected.surprise, strict=True):
            assert (nats is None) == (theirs is None)
            assert nats is None or nats == pytest.approx(theirs, abs=1e-3)


def test_unknown_symbols_are_counted_and_told(http: httpx.Client) -> None:
    (row,) = rows(http, text="le roi ☃É☃", models=["flow"])
    assert row["unknown"] == 3
    assert row["unknown_symbols"] == [
        {"symbol": "☃", "count": 2, "read_as": ""},
        {"symbol": "É", "count": 1, "read_as": "é"},
    ]
    (row,) = rows(http, text="le roi ☃", models=["flow"], on_unknown="error")
    assert row["error"]["code"] == "unknown_characters"


def test_rows_come_as_events_when_they_are_asked_for_so(http: httpx.Client) -> None:
    asked = {"text": TEXT, "models": ["flow", "broken", "tales"], "surprise": True}
    events = http.post("/v1/score", json=asked, headers={"Accept": "text/event-stream"}).text
    frames = [frame.split("\n") for frame in events.removesuffix("\n\n").split("\n\n")]
    *news, (name, done) = [frame for frame in frames if frame[0] != "event: progress"]
    told = [json.loads(data.removeprefix("data: ")) for (data,) in news]
    assert [row["model"] for row in told] == ["flow", "broken", "tales"]
    assert len(told[0]["surprise"]) == len(TEXT)
    assert name == "event: done"
    ranking = json.loads(done.removeprefix("data: "))["models"]
    assert ranking == rows(http, text=TEXT, models=["tales", "flow", "broken"])


def test_a_model_that_is_named_twice_is_asked_once(http: httpx.Client) -> None:
    assert len(rows(http, text=TEXT, models=["flow", "flow"])) == 1


BAD: list[tuple[dict[str, Any], int, str]] = [
    ({"text": ""}, 400, "text"),
    ({"text": "l"}, 400, "text"),
    ({}, 400, "text"),
    ({"text": 5}, 400, "text"),
    ({"text": "e" * 3001}, 413, "text"),
    ({"text": TEXT, "models": []}, 400, "models"),
    ({"text": TEXT, "models": 7}, 400, "models"),
    ({"text": TEXT, "models": ["flow", "nobody"]}, 404, "models"),
    ({"text": TEXT, "surprise": "yes"}, 400, "surprise"),
    ({"text": TEXT, "on_unknown": "guess"}, 400, "on_unknown"),
]


@pytest.mark.parametrize(("asked", "status", "param"), BAD, ids=repr)
def test_what_cannot_be_scored_is_told(
    http: httpx.Client, asked: dict[str, Any], status: int, param: str
) -> None:
    answer = http.post("/v1/score", json=asked)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (status, param)
    assert error["message"] and "\n" not in error["message"]


def test_ten_megabytes_are_refused(http: httpx.Client) -> None:
    answer = http.post("/v1/score", json={"text": "e" * 10_000_000})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "payload_too_large")


def test_of_a_text_without_a_known_symbol_each_row_says_so(http: httpx.Client) -> None:
    assert "☃" not in ALPHABET
    found = rows(http, text="☃☃☃", models=["flow", "tales"])
    assert all("none of the text's symbols" in row["error"]["message"] for row in found)
