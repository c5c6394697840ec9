"""Trainings that begin from a base, over HTTP: what a real server says and makes of them."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from models import WORDS, pair_weights, write_model
from needs import needs_documents, needs_training
from servers import GunicornServer
from waiting import wait_until

from simpleml.models.bases import beginnings_in

TALE = "The old king had three sons. The first son went to the sea, and the sea was deep. "
SECONDS = 300.0
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def tale(words: int, seed: int = 0) -> str:
    """A text of which counting knows little and a base that has read tales knows more."""
    random = np.random.default_rng(seed)
    return " ".join(random.choice(TALE.split()) for _ in range(words))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base that has read tales, one of other symbols, an old model, one of words."""
    folder = tmp_path_factory.mktemp("ML")
    tales = {"weights": pair_weights(TALE * 9), "alphabet": sorted(set(TALE))}
    write_model(folder, "tales", base=True, language="en", **tales)
    write_model(folder, "keys", base=True, alphabet="UDLR")
    write_model(folder, "aged", card=False, **tales)
    write_model(folder, "words", level="word", alphabet=WORDS)
    return folder


@pytest.fixture(scope="module")
def http(models: Path) -> Iterator[httpx.Client]:
    with (
        GunicornServer(models, env={"SIMPLEML_TRAINING": "1"}) as server,
        httpx.Client(base_url=server.base_url, timeout=SECONDS) as client,
    ):
        yield client


def finished(http: httpx.Client, name: str) -> dict[str, Any]:
    """The training of that name once it is over."""

    def over() -> dict[str, Any] | None:
        now: dict[str, Any] = http.get(f"/v1/train/{name}").json()
        return now if now["state"] in ("done", "failed") else None

    return dict(wait_until(over, SECONDS, f"{name} is over", every=0.1))


def test_models_of_characters_can_be_begun_from_and_bases_come_first(models: Path) -> None:
    broken = write_model(models.parent / "others", "torn")
    (broken / "torn.json").write_text("no card")
    write_model(broken.parent, "whole", base=True)
    assert beginnings_in(models) == ["keys", "tales", "aged"]
    assert beginnings_in(broken.parent) == ["whole"]
    assert beginnings_in(models / "nowhere") == []


@needs_training
def test_the_check_names_the_base_that_a_training_would_begin_from(http: httpx.Client) -> None:
    answer = http.post("/v1/train/check", json={"text": tale(60)})
    assert answer.status_code == 200, answer.text
    begun = answer.json()["begins_from"]
    assert (begun["name"], begun["reason"]) == ("tales", "best")
    assert 0 < begun["bits"] < begun["counting_bits"]
    assert (answer.json()["layers"], answer.json()["units"]) == (1, len(set(TALE)))
    foreign = http.post("/v1/train/check", json={"text": "Ж ЩЮ" * 200, "units": 16, "layers": 1})
    assert foreign.json()["begins_from"]["reason"] == "symbols"


@needs_training
def test_a_training_begins_from_the_base_and_says_so(http: httpx.Client) -> None:
    listed = http.get("/v1/train").json()["beginnings"]
    assert listed[:3] == ["keys", "tales", "aged"]
    started = http.post("/v1/train", json={"name": "mine", "text": tale(60), "epochs": 2})
    assert started.status_code == 202, started.text
    assert started.json()["beginning"] is None, "not known yet"
    done = finished(http, "mine")
    assert done["state"] == "done", done
    assert done["begun_from"] == done["beginning"]["name"] == "tales"
    assert done["beginning"]["reason"] == "best"
    assert done["beginning"]["bits"] < done["beginning"]["counting_bits"]
    verdict = done["verdict"]
    assert verdict["better"] == (verdict["bits"] < verdict["counting_bits"])
    assert verdict["whole_words"] is (verdict["known_words"] >= 0.9)
    assert verdict["known_words_held_out"] == 1.0, "the same few words, all of them"
    assert verdict["copies"] in ("little", "phrases", "much") and 0 <= verdict["copied"] <= 1
    metrics = http.get("/mine").json()["metrics"]
    assert done["validation_bits"] == metrics["bits_per_character"], "one figure for one model"
    assert verdict["bits"] == pytest.approx(metrics["nats"] / math.log(2), abs=1e-4)
    assert "begins from tales: tales predicts the text with" in " ".join(done["log"])
    card = http.get("/mine").json()
    assert card["language"] == "en" and card["units"] == len(set(TALE))
    assert card["training"]["begun_from"]["why"] == done["beginning"]["why"]
    assert http.get("/mine/g/The /60").text.startswith("The ")


@needs_training
@needs_documents
def test_a_word_document_goes_in_and_trains_from_the_named_model(http: httpx.Client) -> None:
    import docx

    document, out = docx.Document(), io.BytesIO()
    for number in range(4):
        document.add_paragraph(tale(30, number))
    document.save(out)
    seen = http.post("/v1/train/read", files={"text": ("été.docx", out.getvalue(), WORD)})
    (file,) = seen.json()["files"]
    assert (file["name"], file["format"]) == ("été.docx", "docx")
    started = http.post(
        "/v1/train", data={"name": "summer", "from": "aged", "epochs": "1"},
        files={"text": ("été.docx", out.getvalue(), WORD)},
    )  # fmt: skip
    assert started.status_code == 202, started.text
    done = finished(http, "summer")
    assert done["state"] == "done", done
    assert done["characters"] == file["characters"]
    assert (done["begun_from"], done["beginning"]["reason"]) == ("aged", "asked")
    assert http.get("/summer/g/The /20").status_code == 200


@needs_training
def test_a_training_from_nothing_says_why(http: httpx.Client) -> None:
    text = "".join(np.random.default_rng(0).choice(list("abc "), 400))
    http.post("/v1/train", json={"name": "noise", "text": text, "epochs": 1, "units": 16})
    done = finished(http, "noise")
    assert done["state"] == "done", done
    assert done["begun_from"] is None
    assert (done["beginning"]["name"], done["beginning"]["reason"]) == (None, "size")
    verdict = done["verdict"]
    assert verdict["better"] == (verdict["bits"] < verdict["counting_bits"])


@needs_training
def test_a_damaged_base_fails_in_one_sentence(http: httpx.Client, models: Path) -> None:
    data = write_model(models, "hurt", alphabet=sorted(set(TALE))) / "hurt.tfl.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-1])
    http.post("/v1/train", json={"name": "from-hurt", "text": tale(60), "from": "hurt"})
    failed = finished(http, "from-hurt")
    assert failed["state"] == "failed"
    assert failed["error"].startswith("--from hurt: hurt.tfl.data-00000-of-00001")
    assert "\n" not in failed["error"] and not failed["model_ready"]
    assert json.loads((models / "hurt" / "hurt.json").read_text())["layers"] == 2
