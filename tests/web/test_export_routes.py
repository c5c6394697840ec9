"""GET /<model>/export.zip through the real server."""

from __future__ import annotations

import concurrent.futures
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from models import write_model
from servers import GunicornServer

from simpleml import ModelLoader, create_app
from simpleml.web.openapi.document import document


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of models and one for temporary files."""
    return tmp_path_factory.mktemp("ML"), tmp_path_factory.mktemp("tmp")


@pytest.fixture(scope="module")
def http(places: tuple[Path, Path]) -> Iterator[httpx.Client]:
    models, temporary = places
    write_model(models, "tales", units=128)
    write_model(models, "old", card=False)
    damaged = write_model(models, "damaged") / "damaged.tfl.data-00000-of-00001"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with (
        GunicornServer(models, env={"TMPDIR": str(temporary)}) as server,
        httpx.Client(base_url=server.base_url, timeout=60) as client,
    ):
        yield client
    assert "Traceback" not in server.log


@pytest.mark.parametrize("name", ["tales", "old"])
def test_the_zip_is_a_model_to_serve(
    name: str, http: httpx.Client, places: tuple[Path, Path], tmp_path: Path
) -> None:
    answer = http.get(f"/{name}/export.zip")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"] == f"attachment; filename={name}.zip"
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path)
    there, here = ModelLoader(tmp_path).load(name), ModelLoader(places[0]).load(name)
    assert there.card.weights_sha256 == here.card.weights_sha256


def test_a_client_that_has_it_is_told_so_until_the_model_changes(
    http: httpx.Client, places: tuple[Path, Path]
) -> None:
    write_model(places[0], "mine")
    tag = http.get("/mine/export.zip").headers["ETag"]
    again = http.get("/mine/export.zip", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert http.head("/mine/export.zip").headers["ETag"] == tag
    write_model(places[0], "mine", seed=1)
    assert http.get("/mine/export.zip", headers={"If-None-Match": tag}).status_code == 200


def test_many_at_once_get_the_same_bytes_and_no_file_is_left(
    http: httpx.Client, places: tuple[Path, Path]
) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: http.get("/tales/export.zip"), range(16)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    with http.stream("GET", "/tales/export.zip"):
        pass  # a client that left at once
    assert [one for one in places[1].iterdir() if one.is_file()] == []


@pytest.mark.parametrize(
    ("name", "status", "sentence"),
    [
        ("nobody", 404, "There is no model 'nobody'."),
        ("..", 404, "There is "),
        ("damaged", 409, "The model damaged cannot be used: damaged.tfl.data"),
    ],
)
def test_what_cannot_be_taken_away_is_said(
    name: str, status: int, sentence: str, http: httpx.Client
) -> None:
    answer = http.get(f"/{name}/export.zip", headers={"Accept": "application/json"})
    assert answer.status_code == status
    assert sentence in answer.json()["error"]["message"]


def test_no_room_for_the_zip_is_said(models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("simpleml.web.export.sending.tempfile.TemporaryFile", full)
    answer = create_app(models_dir=models_dir).test_client().get("/tales/export.zip")
    assert answer.status_code == 409
    assert answer.text == (
        "The server has no place to write the zip to: No space left on device.\n"
    )


def test_it_asks_for_the_key_that_reading_the_model_asks_for(models_dir: Path) -> None:
    client = create_app(models_dir=models_dir, api_keys=("k",)).test_client()
    assert client.get("/tales/export.zip").status_code == 401
    assert client.get("/tales/export.zip", headers={"X-API-Key": "k"}).status_code == 200


def test_it_is_described() -> None:
    from simpleml.web.app import OPERATIONS

    found = document(OPERATIONS, asks_for_keys=False)["paths"]["/{model}/export.zip"]["get"]
    assert list(found["responses"]["200"]["content"]) == ["application/zip"]
