"""A class over HTTP: who comes in, what is whose, what the teacher alone may do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from models import write_model

from simpleml import create_app
from simpleml.jobs.job import Job
from simpleml.jobs.queue import check_share, training_order
from simpleml.web.classroom.store import ClassStore

PAGE = {"Accept": "text/html"}


class Person:
    """A browser with a key and cookies of its own."""

    def __init__(self, app: Flask, key: str) -> None:
        self.client: FlaskClient = app.test_client()
        self.headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self.client.get("/class", headers=PAGE)

    def get(self, path: str) -> Any:
        return self.client.get(path, headers=self.headers)

    def post(self, path: str, **body: Any) -> Any:
        return self.client.post(path, headers=self.headers, json=body)

    def delete(self, path: str) -> Any:
        return self.client.delete(path, headers=self.headers)

    @property
    def about(self) -> Any:
        return self.get("/api/class").json


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    write_model(tmp_path, "tales")
    write_model(tmp_path, "flow", stateful=True, seed=1)
    return create_app(models_dir=tmp_path, class_=True)


@pytest.fixture
def keys(app: Flask, tmp_path: Path) -> Any:
    return ClassStore(tmp_path).open()


@pytest.fixture
def pupil(app: Flask, keys: Any) -> Person:
    return Person(app, keys.pupils)


@pytest.fixture
def other(app: Flask, keys: Any) -> Person:
    return Person(app, keys.pupils)


@pytest.fixture
def teacher(app: Flask, keys: Any) -> Person:
    return Person(app, keys.teacher)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["error"]["code"] if answer.json else answer.text


# --- coming in ---


def test_a_server_is_no_class_unless_it_is_asked_to_be(models_dir: Path) -> None:
    client = create_app(models_dir=models_dir).test_client()
    assert client.get("/class").status_code == 404
    assert "simpleml class" in client.get("/api/class").text
    assert not client.get("/", headers=PAGE).headers.getlist("Set-Cookie")
    assert not (models_dir / ".class").exists()


def test_the_page_is_for_all_and_everything_else_asks_for_the_key(app: Flask, keys: Any) -> None:
    stranger = app.test_client()
    assert stranger.get("/class", headers=PAGE).status_code == 200
    for path in ("/api/class", "/api/class/wall", "/api/models", "/tales/g/a/5", "/v1/train"):
        assert stranger.get(path).status_code == 401, path
    for key in (keys.pupils, keys.teacher):
        person = Person(app, key)
        for path in ("/api/class", "/api/class/wall", "/api/models", "/tales/g/a/5", "/v1/train"):
            assert person.get(path).status_code == 200, path


def test_keys_outlive_the_server_and_lie_where_nobody_else_reads_them(
    app: Flask, keys: Any, tmp_path: Path
) -> None:
    create_app(models_dir=tmp_path, class_=True)
    assert ClassStore(tmp_path).open() == keys
    assert (tmp_path / ".class").stat().st_mode & 0o077 == 0
    assert ClassStore(tmp_path).open(new_keys=True).pupils != keys.pupils


def test_a_visitor_is_a_cookie_that_nobody_can_make_up(pupil: Person, other: Person) -> None:
    one, two = pupil.about["visitor"], other.about["visitor"]
    assert one != two
    assert pupil.about["visitor"] == one, "it stays"
    assert pupil.get("/api/class").headers.getlist("Set-Cookie") == []
    signature = pupil.client.get_cookie("simpleml_visitor").value.split(".")[1]  # type: ignore[union-attr]
    pupil.client.set_cookie("simpleml_visitor", f"{two}.{signature}")
    assert pupil.about["visitor"] not in (one, two)


def test_without_cookies_the_address_tells_visitors_apart(app: Flask, keys: Any) -> None:
    def visitor(address: str) -> str:
        client = app.test_client(use_cookies=False)
        answer = client.get(
            "/api/class",
            headers={"X-API-Key": keys.pupils},
            environ_base={"REMOTE_ADDR": address},
        )
        return str(answer.json["visitor"])  # type: ignore[index]

    assert visitor("192.168.1.7") == visitor("192.168.1.7") != visitor("192.168.1.8")


def test_a_name_is_given_kept_and_taken_back(pupil: Person, other: Person, teacher: Person) -> None:
    assert pupil.about["name"] == ""
    assert pupil.post("/api/class/name", name="  Zoé \n B.").json["name"] == "Zoé B."
    assert (pupil.about["name"], other.about["name"]) == ("Zoé B.", "")
    names = [one["name"] for one in teacher.get("/api/class/overview").json["pupils"]]
    assert names == ["Zoé B."]
    pupil.post("/api/class/name", name="")
    assert pupil.about["name"] == ""
    assert code(pupil.post("/api/class/name", name="x" * 41)) == (400, "invalid_value")


# --- the wall ---


def put(person: Person, text: str = "once upon a time", **more: Any) -> Any:
    asked = {"text": text, "seed": "once", "model": "tales", "temperature": 0.5, **more}
    return person.post("/api/class/wall", **asked)


def test_what_is_published_is_on_the_wall_newest_first(pupil: Person, other: Person) -> None:
    put(pupil, author="Zoé", recipe="m=tales&s=once")
    put(other, "once more")
    first, second = pupil.get("/api/class/wall").json["texts"]
    assert (first["text"], first["mine"], first["author"]) == ("once more", False, "")
    assert (second["text"], second["mine"], second["author"]) == ("once upon a time", True, "Zoé")
    assert second["recipe"] == "m=tales&s=once"
    assert "visitor" not in second
    assert code(put(pupil, "twice")) == (400, "invalid_value")


def test_a_text_is_taken_down_by_its_author_or_the_teacher(
    pupil: Person, other: Person, teacher: Person
) -> None:
    one, two = (put(pupil).json["id"] for _ in range(2))
    assert code(other.delete(f"/api/class/wall/{one}")) == (403, "not_yours")
    assert len(pupil.delete(f"/api/class/wall/{one}").json["texts"]) == 1
    assert teacher.delete(f"/api/class/wall/{two}").json["texts"] == []
    assert teacher.delete(f"/api/class/wall/{two}").status_code == 200, "gone is gone"


def test_what_the_class_keeps_outlives_the_server(pupil: Person, keys: Any, tmp_path: Path) -> None:
    put(pupil)
    again = Person(create_app(models_dir=tmp_path, class_=True), keys.teacher)
    assert len(again.get("/api/class/wall").json["texts"]) == 1


def test_damage_is_one_sentence_and_costs_that_file_alone(pupil: Person, tmp_path: Path) -> None:
    put(pupil)
    (tmp_path / ".class" / "wall.json").write_text("{")
    answer = pupil.get("/api/class/wall")
    assert code(answer) == (500, "class_storage")
    assert "wall.json" in answer.json["error"]["message"]
    assert pupil.get("/api/class").status_code == 200


# --- the teacher ---


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/class/invitation"),
        ("get", "/api/class/overview"),
        ("post", "/api/class/rules"),
        ("post", "/api/class/stop"),
        ("post", "/api/class/clear"),
    ],
)
def test_what_is_the_teacher_s_is_no_pupil_s(
    pupil: Person, teacher: Person, method: str, path: str
) -> None:
    assert code(getattr(pupil, method)(path)) == (403, "class_forbidden")
    assert getattr(teacher, method)(path).status_code == 200


def test_the_invitation_is_an_address_that_phones_reach(teacher: Person, keys: Any) -> None:
    found = teacher.client.get(
        "/api/class/invitation", headers=teacher.headers, base_url="http://localhost:8280"
    ).json
    assert found is not None
    assert "localhost" not in found["address"]
    assert found["address"].endswith(":8280/class")
    assert found["link"] == f"{found['address']}#k={keys.pupils}"
    assert found["qr"].startswith("<svg")
    elsewhere = teacher.client.get(
        "/api/class/invitation", headers=teacher.headers, base_url="http://atelier.lan:8280"
    ).json
    assert elsewhere is not None
    assert elsewhere["address"] == "http://atelier.lan:8280/class"


def test_a_paused_class_begins_nothing_new(pupil: Person, teacher: Person) -> None:
    teacher.post("/api/class/rules", paused=True)
    assert pupil.about["paused"]
    assert code(pupil.post("/tales", seed="a", size=5)) == (403, "class_paused")
    refused = pupil.post("/v1/completions", model="tales", prompt="a", max_tokens=5)
    assert code(refused) == (403, "class_paused")
    assert code(put(pupil)) == (403, "class_paused")
    assert teacher.post("/tales", seed="a", size=5).status_code == 200
    teacher.post("/api/class/rules", paused=False)
    assert pupil.post("/tales", seed="a", size=5).status_code == 200


def test_a_hidden_model_is_there_for_the_teacher_alone(pupil: Person, teacher: Person) -> None:
    teacher.post("/api/class/rules", hidden=["flow"])
    for path in ("/flow", "/flow/g/a/5", "/v1/models/flow"):
        assert pupil.get(path).status_code == 404, path
        assert teacher.get(path).status_code == 200, path
    lists = {"/api/models": "models", "/v1/models": "data"}
    for path, key in lists.items():
        assert len(pupil.get(path).json[key]) == 1
        assert len(teacher.get(path).json[key]) == 2
    models = teacher.get("/api/class/overview").json["models"]
    assert models == [{"name": "flow", "hidden": True}, {"name": "tales", "hidden": False}]


def test_limits_are_everyone_s_at_once(pupil: Person, teacher: Person) -> None:
    assert [pupil.about[name] for name in ("running", "waiting", "trainings")] == [2, 1, 1]
    teacher.post("/api/class/rules", running=3, waiting=0)
    assert [pupil.about[name] for name in ("running", "waiting", "trainings")] == [3, 0, 1]
    assert code(teacher.post("/api/class/rules", running=0)) == (400, "invalid_value")
    several = {"model": "tales", "prompt": "a", "max_tokens": 3}
    assert pupil.post("/v1/completions", **several, n=3).status_code == 200
    assert code(pupil.post("/v1/completions", **several, n=4)) == (400, "invalid_value")
    assert teacher.post("/v1/completions", **several, n=4).status_code == 200


def test_a_class_begins_anew_when_it_is_cleared(pupil: Person, teacher: Person) -> None:
    put(pupil)
    pupil.post("/api/class/name", name="Zoé")
    cleared = teacher.post("/api/class/clear", wall=True).json
    assert cleared == {"texts": 1, "names": 0, "trainings": 0}
    assert (pupil.get("/api/class/wall").json["texts"], pupil.about["name"]) == ([], "Zoé")
    assert teacher.post("/api/class/clear", names=True).json["names"] == 1
    assert pupil.about["name"] == ""


# --- trainings ---

TEXT = "once upon a time there was a sultan who had three sons\n" * 60


@pytest.fixture
def store(app: Flask) -> Iterator[Any]:
    """The trainings of the class; none is started."""
    trainings = app.extensions["simpleml_training"]
    trainings.supervisor.stop()
    yield trainings.store


def train(person: Person, name: str) -> Any:
    return person.client.post(
        f"/v1/train?name={name}", headers=person.headers, data=TEXT, content_type="text/plain"
    )


def test_a_training_is_its_pupil_s_and_the_teacher_s(
    pupil: Person, other: Person, teacher: Person, store: Any
) -> None:
    created = train(pupil, "mine")
    assert created.status_code == 202
    assert created.json["visitor"] == pupil.about["visitor"]
    for path in ("/v1/train/mine/cancel", "/v1/train/mine/resume"):
        assert code(other.post(path)) == (403, "not_yours")
    assert code(other.delete("/v1/train/mine")) == (403, "not_yours")
    assert pupil.post("/v1/train/mine/cancel").json["state"] == "cancelled"
    (found,) = teacher.get("/api/class/overview").json["pupils"]
    assert found["trainings"] == [{"name": "mine", "state": "cancelled"}]
    assert teacher.delete("/v1/train/mine").status_code == 200
    assert store.jobs() == []


def test_a_pupil_has_one_training_that_waits_or_runs(
    pupil: Person, other: Person, teacher: Person, store: Any
) -> None:
    assert train(pupil, "one").status_code == 202
    refused = train(pupil, "two")
    assert code(refused) == (409, "training_conflict")
    assert "At most 1 of your trainings" in refused.json["error"]["message"]
    assert train(other, "three").status_code == 202
    pupil.post("/v1/train/one/cancel")
    assert train(pupil, "two").status_code == 202
    assert code(pupil.post("/v1/train/one/resume")) == (409, "training_conflict")
    teacher.post("/api/class/rules", trainings=2)
    assert pupil.post("/v1/train/one/resume").json["state"] == "waiting"
    assert [train(teacher, name).status_code for name in ("four", "five")] == [202, 202]


def test_clearing_trainings_leaves_those_that_wait_and_models_of_others(
    pupil: Person, other: Person, teacher: Person, store: Any, tmp_path: Path
) -> None:
    train(pupil, "one")
    pupil.post("/v1/train/one/cancel")
    train(other, "two")
    assert teacher.post("/api/class/clear", trainings=True).json["trainings"] == 1
    assert [job.name for job in store.jobs()] == ["two"]
    assert (tmp_path / "tales").is_dir()


def job(name: str, visitor: str = "", state: str = "waiting", started: float | None = None) -> Job:
    queued = time.time()
    return Job(
        name=name, id="1", state=state, created=queued, queued=queued,  # type: ignore[arg-type]
        options={}, characters=1, sha256="", visitor=visitor, started=started,
    )  # fmt: skip


def test_trainings_are_taken_in_turn_by_visitor() -> None:
    jobs = [job("a1", "a"), job("a2", "a"), job("b1", "b"), job("a3", "a"), job("b2", "b")]
    assert [one.name for one in training_order(jobs)] == ["a1", "b1", "a2", "b2", "a3"]
    trained = [job("a0", "a", "done", started=100.0), job("b0", "b", "done", started=50.0)]
    order = [one.name for one in training_order([*trained, *jobs, job("c1", "c")])]
    assert order == ["c1", "b1", "a1", "b2", "a2", "a3"]


def test_trainings_of_nobody_in_particular_come_as_they_came() -> None:
    jobs = [job("a"), job("b"), job("c", state="running"), job("d")]
    assert [one.name for one in training_order(jobs)] == ["a", "b", "d"]
    check_share(jobs, "", 0)
