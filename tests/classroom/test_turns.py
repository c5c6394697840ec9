"""Under load, on a real server: one phone that asks a thousand times, and the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from clients import ENDLESS, ENDLESS_ALLOWED
from models import write_model
from servers import GunicornServer
from waiting import wait_until

from simpleml.web.classroom.store import ClassKeys, ClassStore

ROWS = 3


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GunicornServer]:
    """A class with three places, in which texts may be endless."""
    write_model(tmp_path, "flow", stateful=True)
    env = {"SIMPLEML_CLASS": "1", "SIMPLEML_MAX_ROWS": str(ROWS), **ENDLESS_ALLOWED}
    with GunicornServer(tmp_path, env=env) as running:
        yield running


@pytest.fixture
def keys(server: GunicornServer) -> ClassKeys:
    return ClassStore(server.models_dir).open()


def person(server: GunicornServer, key: str) -> httpx.Client:
    """A browser that has been on the page of the class."""
    headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
    client = httpx.Client(base_url=server.base_url, headers=headers, timeout=60)
    client.get("/class", headers={"Accept": "text/html"})
    return client


def begin(client: httpx.Client, size: int = ENDLESS) -> httpx.Response:
    """A streamed text of which nothing is read yet."""
    request = client.build_request(
        "POST",
        "/flow",
        json={"seed": "a", "size": size, "stream": True},
        headers={"Accept": "text/event-stream"},
    )
    return client.send(request, stream=True)


def pupils(teacher: httpx.Client) -> dict[str, dict[str, Any]]:
    found = teacher.get("/api/class/overview").json()["pupils"]
    return {one["visitor"]: one for one in found}


def states(teacher: httpx.Client, visitor: str) -> list[str]:
    return sorted(one["state"] for one in pupils(teacher).get(visitor, {}).get("texts", []))


def test_one_phone_that_asks_a_thousand_times_delays_the_others_by_its_share_alone(
    server: GunicornServer, keys: ClassKeys
) -> None:
    teacher, flood = person(server, keys.teacher), person(server, keys.pupils)
    visitor = flood.get("/api/class").json()["visitor"]
    texts = [begin(flood) for _ in range(3)]
    try:
        assert [one.status_code for one in texts] == [200] * 3
        assert states(teacher, visitor) == ["running", "running", "waiting"]
        refused = [flood.post("/flow", json={"size": ENDLESS}) for _ in range(997)]
        assert {one.status_code for one in refused} == {429}
        assert all(int(one.headers["Retry-After"]) >= 1 for one in refused)
        assert states(teacher, visitor) == ["running", "running", "waiting"]
        # Its two go on for ever, its third waits: one place of three is the others', in turn.
        for _ in range(4):
            other = person(server, keys.pupils)
            answer = other.post("/flow", json={"seed": "a", "size": 100})
            assert answer.status_code == 200
            assert len(answer.json()["generated"]) == 100
        assert states(teacher, visitor) == ["running", "running", "waiting"]
        # The one that waits is told where it stands.
        lines = texts[2].iter_lines()
        assert next(lines) == "event: queue"
        said = json.loads(next(lines).removeprefix("data: "))
        assert said["place"] == 1
        assert said["seconds"] > 0
    finally:
        for one in texts:
            one.close()
    wait_until(lambda: states(teacher, visitor) == [], 60, "its places are free again")


def test_the_teacher_stops_a_pupil_s_texts_and_no_other_s(
    server: GunicornServer, keys: ClassKeys
) -> None:
    teacher, one, two = (person(server, key) for key in (keys.teacher, *[keys.pupils] * 2))
    first, second = (client.get("/api/class").json()["visitor"] for client in (one, two))
    texts = [begin(one), begin(two)]
    try:
        assert teacher.post("/api/class/stop", json={"visitor": first}).json()["stopped"] == 1
        wait_until(lambda: states(teacher, first) == [], 60, "it has stopped")
        assert states(teacher, second) == ["running"]
        done = [line for line in texts[0].iter_lines() if line.startswith("event: ")]
        assert done == ["event: done"], "what there is by then stays"
    finally:
        for text in texts:
            text.close()


def test_a_class_has_one_worker(tmp_path: Path) -> None:
    write_model(tmp_path, "flow")
    with pytest.raises(AssertionError, match=r"A\s+class has one"):
        GunicornServer(tmp_path, workers=2, env={"SIMPLEML_CLASS": "1"}).start()
