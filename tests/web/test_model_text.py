"""/v1/models/<model>/text: the text that a shipped model has read is fetched, checked, and used."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mirror import TEXT, Mirror, entry
from models import pair_weights, write_model
from servers import ROOT, GunicornServer
from waiting import wait_until

from simpleml import create_app
from simpleml.corpora import BASE_URL
from simpleml.settings import Settings

CATALOGUE = ("-c", str(ROOT / "tests" / "catalogue.conf.py"))
READ = TEXT.decode()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    made = Mirror()
    yield made
    made.close()


def shipped(folder: Path, name: str = "made") -> None:
    """A model that has read the text `made`, which is not beside it."""
    corpus = {"file": "made.txt", "sha256": entry().sha256, "characters": len(READ)}
    write_model(folder, name, alphabet=sorted(set(READ)), weights=pair_weights(READ), corpus=corpus)


def serve(folder: Path, mirror: Mirror) -> GunicornServer:
    env = {"SIMPLEML_TRAINING": "1", "SIMPLEML_CORPORA_URL": mirror.url}
    return GunicornServer(folder, workers=2, env=env, args=CATALOGUE)


def test_the_text_is_fetched_once_and_copies_are_found(mirror: Mirror, tmp_path: Path) -> None:
    shipped(tmp_path)
    mirror.files["made.txt"], mirror.go_on = TEXT, threading.Event()
    with (
        serve(tmp_path, mirror) as server,
        httpx.Client(base_url=server.base_url, timeout=60) as http,
    ):

        def now() -> dict[str, Any]:
            return dict(http.get("/v1/models/made/text").json())

        def choice() -> dict[str, Any]:
            return dict(http.get("/api/models").json()["models"][0])

        assert now() == {
            "model": "made", "state": "missing", "fetchable": True, "on_request": True,
            "characters": len(READ), "progress": 0.0, "error": "",
            "command": "simpleml corpora get made",
        }  # fmt: skip
        assert choice()["fetchable"] and not choice()["originality"]
        question = {"model": "made", "text": READ[7:60]}
        assert http.post("/api/originality", json=question).status_code == 409

        begun = http.post("/v1/models/made/text")
        assert (begun.status_code, begun.json()["state"]) == (202, "fetching")
        wait_until(lambda: now()["progress"] > 0, 30, "a part of it is there")
        for _ in range(4):  # whichever worker is asked: it is being fetched
            assert http.post("/v1/models/made/text").json()["state"] == "fetching"
        assert not (tmp_path / "made.txt").exists()
        mirror.go_on.set()
        wait_until(lambda: now()["state"] == "here", 30, "it has come")
        assert mirror.ranges == [None], "one download"
        assert (tmp_path / "made.txt").read_bytes() == TEXT
        assert not now()["fetchable"] and now()["command"] == ""
        assert choice()["originality"] and not choice()["fetchable"]
        assert http.post("/api/originality", json=question).json()["copied_share"] == 1
        assert http.post("/v1/models/made/text").json()["state"] == "here"


def test_what_is_in_the_way_is_said_and_the_next_try_goes_on(
    mirror: Mirror, tmp_path: Path
) -> None:
    shipped(tmp_path)
    with (
        serve(tmp_path, mirror) as server,
        httpx.Client(base_url=server.base_url, timeout=60) as http,
    ):

        def ended() -> dict[str, Any] | None:
            now = http.get("/v1/models/made/text").json()
            return None if now["state"] == "fetching" else dict(now)

        for content, said in ((None, "answers 404"), (b"another text", "has the sha256")):
            if content is not None:
                mirror.files["made.txt"] = content
            assert http.post("/v1/models/made/text").json()["state"] in ("fetching", "failed")
            found = wait_until(ended, 30, "it has failed")
            assert found["state"] == "failed" and said in found["error"], found
            assert found["fetchable"]
            assert not (tmp_path / "made.txt").exists()
        mirror.files["made.txt"] = TEXT
        http.post("/v1/models/made/text")
        assert wait_until(ended, 30, "it has come")["state"] == "here"


def test_those_who_may_train_may_fetch_and_only_what_is_published(tmp_path: Path) -> None:
    write_model(tmp_path, "mine", corpus={"file": "mine.txt", "sha256": "0" * 64})
    path, away = "/v1/models/mine/text", {"REMOTE_ADDR": "192.0.2.7"}
    off = create_app(models_dir=tmp_path).test_client()
    assert off.get(path).json["state"] == "missing" and not off.get(path).json["fetchable"]
    assert off.post(path).json["error"]["code"] == "training_off"
    client = create_app(models_dir=tmp_path, training=1, training_keys=("k",)).test_client()
    assert client.post(path, environ_base=away).status_code == 401
    foreign = {"Authorization": "Bearer k", "Origin": "https://evil.example"}
    assert client.post(path, headers=foreign).json["error"]["code"] == "training_forbidden"
    key = {"Authorization": "Bearer k"}
    assert client.post(path, headers=key).json["error"]["code"] == "corpus_unavailable"
    for nobody in ("nobody", "%2e%2e", "made+mine"):
        assert client.post(f"/v1/models/{nobody}/text", headers=key).status_code == 404
        assert client.get(f"/v1/models/{nobody}/text").status_code == 404
    assert not (tmp_path / ".corpora").exists()


def test_the_setting_is_the_address_that_the_command_line_takes() -> None:
    assert Settings().corpora_url == BASE_URL
