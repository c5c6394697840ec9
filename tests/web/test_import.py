"""POST /v1/models/import: who may, what comes in, what is refused; through the real server."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from models import write_model
from servers import GunicornServer

from simpleml import ModelLoader, create_app
from simpleml.exporting.archive import ZIP
from simpleml.exporting.export import export
from simpleml.jobs.store import JobStore
from simpleml.web.classroom.store import ClassStore

KEY = {"Authorization": "Bearer train"}
URL = "/v1/models/import"


@pytest.fixture(scope="module")
def content(models_dir: Path) -> bytes:
    file = io.BytesIO()
    export(ModelLoader(models_dir), "flow", ZIP, file)
    return file.getvalue()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornServer]:
    models = tmp_path_factory.mktemp("ML")
    write_model(models, "tales")
    env = {
        "SIMPLEML_TRAINING": "1",
        "SIMPLEML_TRAINING_KEYS": "train",
        "SIMPLEML_IMPORT_MAX_BYTES": "1000000",
    }
    with GunicornServer(models, env=env) as running:
        yield running


@pytest.fixture
def http(server: GunicornServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url, timeout=60, headers=KEY) as client:
        yield client


def test_a_zip_comes_in_as_body_and_as_form_and_is_served(
    http: httpx.Client, content: bytes
) -> None:
    answer = http.post(f"{URL}?name=one", content=content)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["name"], answer.json()["units"]) == ("one", 48)
    answer = http.post(f"{URL}?name=two", files={"file": ("flow.zip", content)})
    assert answer.json()["name"] == "two"
    texts = {http.get(f"/{name}/g/le /50?random_state=1").text for name in ("one", "two")}
    assert len(texts) == 1
    again = http.post(URL, content=http.get("/one/export.zip").content)
    assert again.status_code == 409
    assert again.json()["error"]["code"] == "model_exists"


@pytest.mark.parametrize(
    ("query", "body", "status", "code"),
    [
        ("", b"", 400, "bad_archive"),
        ("", b"no zip", 400, "bad_archive"),
        ("?name=v1", None, 400, "invalid_value"),
        ("?name=../x", None, 400, "invalid_value"),
        ("?nmae=x", None, 400, "invalid_value"),
        ("?name=tales", None, 409, "model_exists"),
        ("?name=big", bytes(1_100_000), 413, "payload_too_large"),
    ],
)
def test_what_cannot_come_in_is_said(
    query: str,
    body: bytes | None,
    status: int,
    code: str,
    http: httpx.Client,
    content: bytes,
    server: GunicornServer,
) -> None:
    answer = http.post(URL + query, content=content if body is None else body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert not list(server.models_dir.glob(".import-*"))


def test_a_bomb_is_refused(http: httpx.Client) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/x.tfl.index", b"")
        archive.writestr("x/char_idx_x.pickle", b"")
        archive.writestr("x/x.tfl.data-00000-of-00001", bytes(200_000_000))
    answer = http.post(URL, content=file.getvalue())
    assert answer.status_code == 413
    assert "larger, unpacked, than the 1,000,000 bytes" in answer.json()["error"]["message"]


def test_a_form_without_a_file_and_a_body_without_a_length(
    http: httpx.Client, content: bytes
) -> None:
    answer = http.post(URL, files={"text": ("flow.zip", content)})
    assert answer.json()["error"]["message"] == "There is no file in the field file."
    pieces = (content[at : at + 1000] for at in range(0, len(content), 1000))
    answer = http.post(f"{URL}?name=pieces", content=pieces)
    assert answer.status_code == 200, answer.text
    answer = http.post(f"{URL}?name=pieces2", content=(bytes(1000) for _ in range(2000)))
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer no"}, 401),
        ({**KEY, "Origin": "http://elsewhere.example"}, 403),
        ({**KEY, "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_it_is_for_those_who_may_train(
    headers: dict[str, str], status: int, server: GunicornServer, content: bytes
) -> None:
    answer = httpx.post(
        f"{server.base_url}{URL}?name=other", content=content, headers=headers, timeout=60
    )
    assert answer.status_code == status
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert not (server.models_dir / "other").exists()


def test_it_is_off_where_training_is(models_dir: Path, content: bytes) -> None:
    answer = create_app(models_dir=models_dir).test_client().post(URL, data=content)
    assert answer.status_code == 403
    assert answer.json is not None and answer.json["error"]["code"] == "training_off"


def test_the_name_of_a_training_is_taken(tmp_path: Path, content: bytes) -> None:
    JobStore(tmp_path, 5).create("later", "text " * 999, {})
    client = create_app(models_dir=tmp_path, training=True).test_client()
    answer = client.post(f"{URL}?name=later", data=content)
    assert answer.status_code == 409
    assert answer.json is not None
    assert answer.json["error"]["message"] == ("There is a training later: choose another name.")


def test_what_was_brought_in_is_removed_again_and_nothing_else(
    http: httpx.Client, content: bytes
) -> None:
    http.post(f"{URL}?name=passing", content=content)
    assert http.get("/v1/train").json()["brought"]["passing"] == ""
    assert http.get("/passing/g/le /5").status_code == 200
    assert http.delete(f"{URL}/passing").json() == {"name": "passing"}
    assert http.get("/passing").status_code == 404
    assert "passing" not in http.get("/v1/train").json()["brought"]
    for name, status, code in (
        ("passing", 404, "model_not_found"), ("tales", 409, "not_brought"),
        ("..%2Ftales", 405, "method_not_allowed"), (".class", 404, "model_not_found"),
    ):  # fmt: skip
        answer = http.delete(f"{URL}/{name}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), name
    assert http.get("/tales/g/le /5").status_code == 200
    assert http.delete(f"{URL}/tales", headers={"Authorization": "Bearer no"}).status_code == 401


def test_in_a_class_it_is_whose_who_brought_it(content: bytes, tmp_path: Path) -> None:
    app = create_app(models_dir=tmp_path, class_=True)
    keys = ClassStore(tmp_path).open()

    def person(key: str) -> Callable[[str, str], Any]:
        client = app.test_client()
        client.get("/class", headers={"Accept": "text/html"})
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/zip"}

        def ask(method: str, name: str) -> Any:
            data = content if method == "POST" else None
            path = f"{URL}?name={name}" if method == "POST" else f"{URL}/{name}"
            return client.open(path, method=method, headers=headers, data=data)

        return ask

    pupil, other, teacher = person(keys.pupils), person(keys.pupils), person(keys.teacher)
    for name in ("mine", "again"):
        assert pupil("POST", name).status_code == 200
        refused = other("DELETE", name)
        assert (refused.status_code, refused.json["error"]["code"]) == (403, "not_yours")
        assert other("POST", name).json["error"]["code"] == "model_exists"
    assert pupil("DELETE", "mine").status_code == 200
    assert teacher("DELETE", "again").status_code == 200
    assert sorted(path.name for path in tmp_path.iterdir()) == [".class"]
