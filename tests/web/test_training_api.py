"""/v1/train over HTTP: who may, what is accepted, and real trainings under a real gunicorn."""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import psutil
import pytest
from flask.testing import FlaskClient
from models import write_model
from needs import needs_documents, needs_training
from servers import GunicornServer
from waiting import wait_until

from simpleml import create_app
from simpleml.errors import TrainingNotInstalledError
from simpleml.jobs.process import require_training
from simpleml.jobs.store import JobStore
from simpleml.jobs.supervisor import Supervisor
from simpleml.web.app import OPERATIONS
from simpleml.web.openapi.document import document

TEXT = "".join(
    f"Once the {who} saw the {what} and {did} it to the palace, {number} times.\n"
    for number in range(10)
    for who in ("sultan", "vizier", "camel")
    for what, did in (("lamp", "took"), ("ring", "sold"), ("genie", "gave"))
)
TINY = {"layers": 1, "units": 16}
ENDLESS = {**TINY, "text": 30 * TEXT, "epochs": 1000, "patience": 1000, "sample_every": 0}
SECONDS = 300.0  # that a training may take to come so far, on a busy machine
KEY = {"Authorization": "Bearer train-key"}
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def docx(*paragraphs: str) -> bytes:
    """A Word document."""
    import docx as writer

    document, out = writer.Document(), io.BytesIO()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    document.save(out)
    return out.getvalue()


@pytest.fixture
def make_client(tmp_path: Path) -> Iterator[Any]:
    """An application in this process: make_client(training_keys=("k",), …)."""
    apps = []

    def make(**settings: Any) -> FlaskClient:
        app = create_app(models_dir=tmp_path, **{"training": 1, **settings})
        apps.append(app)
        return app.test_client()

    yield make
    for app in apps:
        app.extensions["simpleml_training"].stop()
        app.extensions["simpleml_training"].join(10)


def code(answer: Any) -> str:
    return str(answer.json["error"]["code"])


# --- who may


def test_training_is_off_by_default_and_says_which_setting_turns_it_on(
    make_client: Any, tmp_path: Path
) -> None:
    client = make_client(training=0)
    for method, path in (
        ("GET", "/v1/train"), ("POST", "/v1/train"), ("POST", "/v1/train/check"),
        ("GET", "/v1/train/a"), ("DELETE", "/v1/train/a"), ("GET", "/train"),
    ):  # fmt: skip
        answer = client.open(path, method=method, headers={"Accept": "application/json"})
        assert (answer.status_code, code(answer)) == (403, "training_off"), path
        assert "SIMPLEML_TRAINING=1" in answer.json["error"]["message"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (KEY, 200),
        ({"X-API-Key": "train-key"}, 200),
        ({}, 401),
        ({"Authorization": "Bearer api-key"}, 401),
        ({"X-API-Key": "wrong"}, 401),
    ],
)
def test_training_has_keys_of_its_own(
    make_client: Any, headers: dict[str, str], status: int
) -> None:
    client = make_client(training_keys=("train-key",), api_keys=("api-key",))
    away = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.get("/v1/train", headers=headers, environ_base=away).status_code == status
    assert client.get("/v1/models", headers=headers).status_code == (
        200 if "api-key" in str(headers) else 401
    )


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("127.0.0.1", {"Host": "127.0.0.1:8280"}, 200),
        ("::1", {"Host": "[::1]:8280"}, 200),
        ("::ffff:127.0.0.1", {}, 200),
        ("192.0.2.7", {}, 403),
        ("", {}, 403),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 403),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.7"}, 403),
        ("127.0.0.1", {"Host": "evil.example:8280"}, 403),
    ],
)
def test_without_a_key_this_machine_alone_may_train(
    make_client: Any, address: str, headers: dict[str, str], status: int
) -> None:
    client = make_client()
    answer = client.get("/v1/train", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert answer.status_code == status
    if status == 403:
        assert "SIMPLEML_TRAINING_KEYS" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
    ],
)
def test_pages_of_other_sites_cannot_train_whatever_cors_says(
    make_client: Any, headers: dict[str, str]
) -> None:
    client = make_client(cors_origins=("*",))
    for method, path in (
        ("POST", "/v1/train?name=x"),
        ("GET", "/v1/train"),
        ("DELETE", "/v1/train/x"),
    ):
        answer = client.open(
            path, method=method, data=TEXT, headers={**headers, "Content-Type": "text/plain"}
        )
        assert (answer.status_code, code(answer)) == (403, "training_forbidden")
        assert "Access-Control-Allow-Origin" not in answer.headers
    asked = {**headers, "Access-Control-Request-Method": "POST"}
    preflight = client.options("/v1/train", headers=asked)
    assert not [name for name, _ in preflight.headers if name.startswith("Access-Control-")]


def test_the_own_page_may(make_client: Any) -> None:
    same = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert make_client().get("/v1/train", headers=same).status_code == 200


# --- what is accepted


@pytest.mark.parametrize(
    ("body", "param", "reason"),
    [
        ({"text": TEXT}, "name", "value_missing"),
        ({"name": "a"}, "text", "value_missing"),
        ({"name": "../a", "text": TEXT}, "name", "name_characters"),
        ({"name": ".a", "text": TEXT}, "name", "name_characters"),
        ({"name": "train", "text": TEXT}, "name", "name_reserved"),
        ({"name": "a", "text": TEXT, "layers": 5}, "layers", "value_most"),
        ({"name": "a", "text": TEXT, "units": 100_000}, "units", "value_most"),
        ({"name": "a", "text": TEXT, "max_minutes": 0}, "max_minutes", "value_least"),
        ({"name": "a", "text": TEXT, "level": "line"}, "level", "value_wrong"),
        ({"name": "a", "text": TEXT, "tensorboard": "/tmp"}, "tensorboard", "value_wrong"),
        ({"name": "a", "text": TEXT, "models_dir": "/tmp"}, "models_dir", "value_wrong"),
    ],
)
@needs_training
def test_a_wrong_value_is_named(
    make_client: Any, body: dict[str, Any], param: str, reason: str
) -> None:
    answer = make_client().post("/v1/train", json=body)
    assert answer.status_code == 400, answer.text
    error = answer.json["error"]
    assert (error["param"], error["reason"]) == (param, reason)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"from": "nobody"}, "there is no such model here; bases here: tales"),
        ({"from": "../tales"}, "there is no such model here"),
        ({"from": "/etc"}, "there is no such model here"),
        ({"from": ".."}, "there is no such model here"),
        ({"from": "words"}, "it is a network of words"),
        ({"from": "tales", "level": "word"}, "a network of words begins from nothing"),
        ({"from": "a", "name": "a"}, "that is the model to be made"),
    ],
)
@needs_training
def test_what_cannot_be_begun_from_is_refused_at_once(
    make_client: Any, tmp_path: Path, asked: dict[str, Any], reason: str
) -> None:
    write_model(tmp_path, "tales", base=True)
    write_model(tmp_path, "words", level="word", alphabet=["<unk>", " the", "."])
    client = make_client()
    paths = ["/v1/train"] if "name" in asked else ["/v1/train", "/v1/train/check"]
    for path in paths:
        name = {"name": "b"} if path == "/v1/train" else {}
        answer = client.post(path, json={"text": TEXT, **name, **asked})
        assert answer.status_code == 400, answer.text
        error = answer.json["error"]
        assert error["param"] == "from" and reason in error["message"]
    assert client.get("/v1/train").json["trainings"] == []


@needs_training
def test_a_base_is_named_and_its_sizes_are_its_own(make_client: Any, tmp_path: Path) -> None:
    write_model(tmp_path, "tales", base=True)
    client = make_client()
    client.application.extensions["simpleml_training"].supervisor.stop()
    answer = client.post("/v1/train", json={"name": "a", "text": TEXT, "from": "tales"})
    assert answer.status_code == 202, answer.text
    assert answer.json["begun_from"] is None, "not known yet"
    options = JobStore(tmp_path, most=3).get("a").options
    assert options["begin_from"] == "tales" and not {"layers", "units"} & set(options)
    sized = client.post("/v1/train", json={"name": "b", "text": TEXT, "units": 64})
    assert sized.json["options"]["units"] == 64
    assert sized.json["options"]["begin_from"] == "auto"


@needs_training
def test_texts_are_limited_in_bytes_however_they_come(make_client: Any) -> None:
    client = make_client(training_max_bytes=5000)
    large = "é" * 2501
    for options in (
        {"json": {"name": "a", "text": large}},
        {"data": large.encode(), "content_type": "text/plain", "query_string": {"name": "a"}},
        {"data": {"name": "a", "text": (io_of(large), "a.txt")}},
        {"data": b"x" * 200_000, "content_type": "text/plain", "query_string": {"name": "a"}},
    ):
        answer = client.post("/v1/train", **options)
        assert (answer.status_code, code(answer)) == (413, "payload_too_large"), options
    wrong = client.post(
        "/v1/train?name=a", data=b"caf\xe9", content_type="text/plain; charset=utf-8"
    )
    assert wrong.status_code == 400 and "0xe9 at position 3" in wrong.json["error"]["message"]


def of(paragraphs: str) -> bytes:
    """A web page."""
    return f"<!DOCTYPE html><html><body>{paragraphs}</body></html>".encode()


@needs_training
@needs_documents
def test_a_file_of_any_kind_is_the_text_that_is_taken_out_of_it(
    make_client: Any, tmp_path: Path
) -> None:
    client = make_client()
    client.application.extensions["simpleml_training"].supervisor.stop()
    word = docx("Le café, « là-bas »\u00a0!")
    for name, options in {
        "form": {"data": {"name": "form", "text": (io.BytesIO(word), "conte.txt")}},
        "body": {"data": word, "query_string": {"name": "body"}, "content_type": DOCX},
        "octets": {
            "data": word, "query_string": {"name": "octets"},
            "content_type": "application/octet-stream",
        },
    }.items():  # fmt: skip
        answer = client.post("/v1/train", **options)
        assert answer.status_code == 202, answer.text
        kept = tmp_path / ".training" / name / f"{name}.txt"
        assert kept.read_bytes().decode() == "Le café, « là-bas »\u00a0!\n"


@needs_training
@needs_documents
def test_several_files_are_joined_in_their_order(make_client: Any, tmp_path: Path) -> None:
    client = make_client()
    client.application.extensions["simpleml_training"].supervisor.stop()
    files = [
        (io.BytesIO("Premier, été".encode("cp1252")), "b.txt"),
        (io.BytesIO(of("<p>Deuxième</p>")), "a.html"),
        (io.BytesIO(docx("Troisième")), "c.docx"),
    ]
    answer = client.post("/v1/train", data={"name": "three", "text": files})
    assert answer.status_code == 202, answer.text
    kept = tmp_path / ".training" / "three" / "three.txt"
    assert kept.read_bytes().decode() == "Premier, été\n\nDeuxième\n\nTroisième\n"


@pytest.mark.parametrize(
    ("content", "reason", "why"),
    [
        (b"", "is empty", "file_empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is a picture (PNG), not a text", "file_picture"),
        (b"{\\rtf1 a}", "rich text file (.rtf)", "file_rtf"),
        (b"PK\x03\x04 and no more", "is damaged", "file_damaged"),
    ],
)
@needs_training
@needs_documents
def test_a_file_that_is_no_text_is_refused_by_its_name(
    make_client: Any, content: bytes, reason: str, why: str
) -> None:
    good = (io.BytesIO(TEXT.encode()), "good.txt")
    for path in ("/v1/train", "/v1/train/check"):
        data = {"text": [good, (io.BytesIO(content), "mine.docx")], "name": "a"}
        if path.endswith("check"):
            del data["name"]
        answer = make_client().post(path, data=data)
        assert answer.status_code == 400, answer.text
        error = answer.json["error"]
        assert error["param"] == "text" and error["message"].startswith("mine.docx ")
        assert reason in error["message"]
        assert error["reason"] == why and error["params"] == {"file": "mine.docx"}
        good = (io.BytesIO(TEXT.encode()), "good.txt")


@needs_training
@needs_documents
def test_what_is_in_a_file_is_told_at_once(make_client: Any) -> None:
    client = make_client()
    files = [(io.BytesIO(docx("Le café")), "a.txt"), (io.BytesIO("été".encode("cp1252")), "b")]
    answer = client.post("/v1/train/read", data={"text": files})
    assert answer.status_code == 200, answer.text
    assert [(one["name"], one["format"], one["beginning"]) for one in answer.json["files"]] == [
        ("a.txt", "docx", "Le café"), ("b", "text", "été"),
    ]  # fmt: skip
    body = client.post("/v1/train/read", data=docx("Le café"), content_type=DOCX)
    assert body.json["files"][0]["characters"] == len("Le café\n")
    for data in ({}, {"text": "a field"}, {"text": (io.BytesIO(b"\x7fELF"), "tale")}):
        refused = client.post("/v1/train/read", data=data, content_type="multipart/form-data")
        assert (refused.status_code, refused.json["error"]["param"]) == (400, "text")


@needs_training
@needs_documents
def test_json_is_the_text_itself_tags_and_all(make_client: Any, tmp_path: Path) -> None:
    client = make_client()
    client.application.extensions["simpleml_training"].supervisor.stop()
    page = of("<p>Tags and all</p>").decode()
    assert client.post("/v1/train", json={"name": "page", "text": page}).status_code == 202
    assert (tmp_path / ".training" / "page" / "page.txt").read_text() == page


def io_of(text: str) -> Any:
    return io.BytesIO(text.encode())


@needs_training
def test_a_model_that_someone_put_there_is_neither_replaced_nor_deleted(
    make_client: Any, tmp_path: Path
) -> None:
    write_model(tmp_path, "mine", layers=1, units=8)
    client = make_client()
    answer = client.post("/v1/train", json={"name": "mine", "text": TEXT})
    assert (answer.status_code, code(answer)) == (409, "training_conflict")
    for method, path in (
        ("DELETE", "/v1/train/mine"), ("POST", "/v1/train/mine/resume"), ("GET", "/v1/train/mine"),
        ("GET", "/v1/train/mine/events"), ("DELETE", "/v1/train/..%2Fmine"),
    ):  # fmt: skip
        assert client.open(path, method=method).status_code == 404, path
    assert client.get("/mine/g/a/3").status_code == 200


@pytest.mark.parametrize("content", ["", '{"name": "ba', '{"colour": "blue"}', "[1, 2]"])
def test_a_damaged_training_is_shown_as_failed_and_deleted(
    make_client: Any, tmp_path: Path, content: str
) -> None:
    (tmp_path / ".training" / "bad").mkdir(parents=True)
    (tmp_path / ".training" / "bad" / "job.json").write_text(content)
    client = make_client()
    listed = client.get("/v1/train")
    assert listed.status_code == 200
    assert [(one["name"], one["state"]) for one in listed.json["trainings"]] == [("bad", "failed")]
    answer = client.get("/v1/train/bad")
    assert answer.status_code == 200 and "damaged" in answer.json["error"]
    assert client.get("/v1/train/bad/events").text.startswith("data: {")
    assert client.post("/v1/train/bad/resume").status_code == 409
    deleted = client.delete("/v1/train/bad")
    assert deleted.json == {"name": "bad", "model_deleted": False}
    assert client.get("/v1/train").json["trainings"] == []


def test_minutes_to_go_on_for_come_in_the_query_or_the_body(
    make_client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Supervisor, "start", lambda self: None)
    client = make_client()
    store = JobStore(tmp_path, most=3)
    store.create("a", TEXT, {"max_minutes": 2.0})
    for options in ({"query_string": {"max_minutes": 3}}, {"json": {"max_minutes": 3}}):
        store.put("a", state="done")
        answer = client.post("/v1/train/a/resume", **options)
        assert answer.status_code == 200, answer.text
        assert answer.json["options"]["max_minutes"] == 3
    store.put("a", state="done")
    assert client.post("/v1/train/a/resume").status_code == 409
    for wrong in ({"max_minutes": 0}, {"max_minutes": "x"}, {"minutes": 3}):
        answer = client.post("/v1/train/a/resume", json=wrong)
        assert answer.status_code == 400 and answer.json["error"]["param"] in wrong


def test_what_cannot_be_written_down_is_told(make_client: Any, tmp_path: Path) -> None:
    client = make_client()
    (tmp_path / ".training" / "a").mkdir(parents=True)
    (tmp_path / ".training" / ".changes").mkdir()  # where the lock should be
    answer = client.delete("/v1/train/a")
    assert (answer.status_code, code(answer)) == (500, "training_storage")
    assert "cannot be saved" in answer.json["error"]["message"]


def test_what_is_missing_is_told_with_what_installs_it(make_client: Any) -> None:
    with pytest.raises(TrainingNotInstalledError, match=r"nowhere_at_all.*make train"):
        require_training(("json", "nowhere_at_all"))
    assert "problem" in make_client().get("/v1/train").json


# --- real trainings


class Api:
    """A client of a server that trains, with answers held against the document."""

    schemas = document(OPERATIONS, asks_for_keys=False)

    def __init__(self, server: GunicornServer) -> None:
        self.server = server
        self.http = httpx.Client(base_url=server.base_url, headers=KEY, timeout=SECONDS)

    def start(self, name: str, text: str = TEXT, **options: Any) -> dict[str, Any]:
        answer = self.http.post("/v1/train", json={"name": name, "text": text, **options})
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def get(self, name: str) -> dict[str, Any]:
        answer = self.http.get(f"/v1/train/{name}")
        assert answer.status_code == 200, answer.text
        return dict(self.valid("TrainingAnswer", answer.json()))

    def post(self, path: str, status: int = 200) -> dict[str, Any]:
        answer = self.http.post(f"/v1/train/{path}")
        assert answer.status_code == status, answer.text
        return dict(answer.json())

    def valid(self, name: str, value: Any) -> Any:
        schema = {"$ref": f"#/components/schemas/{name}", "components": self.schemas["components"]}
        jsonschema_rs.Draft202012Validator(schema).validate(value)
        return value

    def wait(self, name: str, *states: str, epoch: int = 0) -> dict[str, Any]:
        """Wait for a state, and so many epochs."""

        def there() -> dict[str, Any] | None:
            now = self.get(name)
            return now if now["state"] in states and now["epoch"] >= epoch else None

        try:
            return wait_until(there, SECONDS, f"{name} is {states}, {epoch} epochs", every=0.05)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.get(name)}\n{self.server.log[-3000:]}") from None

    def child(self) -> psutil.Process:
        """The process that trains."""
        found = [
            one
            for one in psutil.Process(self.server.pid).children(recursive=True)
            if "simpleml.jobs.child" in one.cmdline()
        ]
        assert len(found) == 1
        return found[0]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ML")


def serve(models: Path) -> GunicornServer:
    env = {
        "SIMPLEML_TRAINING": "1", "SIMPLEML_TRAINING_KEYS": "train-key",
        "SIMPLEML_TRAINING_MAX_JOBS": "3",
    }  # fmt: skip
    return GunicornServer(models, workers=2, env=env)


@needs_training
def test_a_text_is_looked_at(models: Path) -> None:
    with serve(models) as server:
        api = Api(server)
        files = {"text": ("tale.html", of(f"<p>{TEXT}</p>"))}
        facts = api.http.post("/v1/train/check", files=files, data=TINY)
        assert facts.status_code == 200, facts.text
        found = api.valid("CheckAnswer", facts.json())
        assert found["advice"][0]["code"] == "too_short"
        assert found["seconds"] > 0 and found["units"] == 16
        assert found["begins_from"]["reason"] == "no_base"
        (file,) = found["files"]
        assert (file["name"], file["format"]) == ("tale.html", "html")
        assert file["characters"] == found["characters"]
        assert file["beginning"].startswith("Once the sultan saw the lamp")
        refused = api.http.post("/v1/train/check", json={"text": "short"})
        assert refused.status_code == 400
        error = refused.json()["error"]
        assert "training needs at least 200" in error["message"]
        assert (error["reason"], error["params"]["least"]) == ("text_too_short", 200)


@needs_training
def test_from_text_to_model_with_a_queue(models: Path) -> None:
    with serve(models) as server:
        api = Api(server)
        first = api.start("first", **TINY, epochs=3)
        assert first["state"] in ("waiting", "running")
        assert api.start("second")["queue_place"] in (0, 1)
        assert api.start("third")["queue_place"] in (1, 2)
        many = api.http.post("/v1/train", json={"name": "fourth", "text": TEXT})
        assert many.status_code == 409 and "as many as this server keeps" in many.text
        taken = api.http.post("/v1/train", json={"name": "first", "text": TEXT})
        assert taken.status_code == 409
        assert api.post("third/cancel")["state"] == "cancelled"
        assert api.post("second/cancel")["state"] == "cancelled"
        assert api.http.delete("/v1/train/third").json() == {
            "name": "third", "model_deleted": False,
        }  # fmt: skip

        events = []
        with api.http.stream("GET", "/v1/train/first/events") as answer:
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    events.append(api.valid("TrainingAnswer", json.loads(line[6:])))
        states = [event["state"] for event in events]
        assert states[-1] == "done", events[-1]
        assert "running" in states
        done = events[-1]
        assert (done["epoch"], len(done["curve"]), done["progress"]) == (3, 3, 1.0)
        assert [sample["epoch"] for sample in done["samples"]] == [1, 1, 2, 2, 3, 3]
        assert all(len(sample["text"]) == 200 for sample in done["samples"])
        assert done["validation_bits"] > 0 and done["log"][-1].startswith("done: ")
        assert api.http.get("/first/g/Once /30").text.startswith("Once ")
        card = api.http.get("/first").json()
        assert card["corpus"]["file"] == "first.txt"
        listed = api.valid("TrainingList", api.http.get("/v1/train").json())
        assert [one["name"] for one in listed["trainings"]] == ["first", "second"]
        assert listed["problem"] == ""
        assert api.post("first/resume", 409)["error"]["code"] == "training_conflict"
        assert api.http.delete("/v1/train/first").json()["model_deleted"] is True
        assert api.http.get("/first").status_code == 404
        assert api.http.delete("/v1/train/second").status_code == 200
        assert sorted(path.name for path in models.iterdir()) == [".training"]


@needs_training
def test_cancelled_killed_restarted_and_resumed_it_goes_on(models: Path) -> None:
    with serve(models) as server:
        api = Api(server)
        api.start("long", **ENDLESS)
        assert api.wait("long", "running", epoch=1)["model_ready"]
        assert api.http.get("/long/g/Once /5").status_code == 200, "usable while it trains"
        assert api.http.delete("/v1/train/long").status_code == 409

        child = api.child()
        assert child.nice() == 19
        assert os.getsid(child.pid) == os.getsid(server.pid), "one session: nice has a meaning"
        assert os.getpgid(child.pid) == child.pid
        if hasattr(os, "SCHED_IDLE"):
            assert os.sched_getscheduler(child.pid) == os.SCHED_IDLE

        assert api.post("long/cancel")["state"] in ("stopping", "cancelled")
        before = api.wait("long", "cancelled")["epoch"]
        assert not psutil.pid_exists(child.pid)
        assert api.post("long/cancel", 409)["error"]["code"] == "training_conflict"
        api.post("long/resume")
        api.wait("long", "running", epoch=before + 1)

        # The training dies; its server and the next one in the queue do not.
        api.start("short", text="too short to train on")
        api.child().kill()
        failed = api.wait("long", "failed")
        assert "SIGKILL" in failed["error"] and failed["model_ready"]
        short = api.wait("short", "failed")
        assert "training needs at least 200" in short["error"]
        assert short["error_reason"] == "text_too_short"
        assert short["error_values"] == {"characters": 21, "least": 200}
        assert not any(line.startswith("{") for line in short["log"])
        assert api.http.get("/livez").status_code == 200
        api.post("long/resume")
        here = api.wait("long", "running", epoch=failed["epoch"] + 1)["epoch"]

        assert server.stop(signal.SIGTERM) == 0
    job = json.loads((models / ".training" / "long" / "job.json").read_text())
    assert job["state"] == "waiting", "saved and ended before its server did"

    with serve(models) as server:
        api = Api(server)
        api.wait("long", "running", epoch=here + 1)
        child = api.child()
        os.killpg(server.pid, signal.SIGKILL)
        wait_until(lambda: not child.is_running(), SECONDS, "no training is left without server")

    with serve(models) as server:
        api = Api(server)
        wait_until(lambda: api.get("long")["state"] == "running", SECONDS, "it is taken up")
        api.post("long/cancel")
        api.wait("long", "cancelled")
        write_model(models, "long", layers=1, units=8)  # someone puts a model in its place
        assert api.http.delete("/v1/train/long").json()["model_deleted"] is False
        assert api.http.get("/long/g/a/5").status_code == 200
        assert api.http.delete("/v1/train/short").json()["model_deleted"] is False
