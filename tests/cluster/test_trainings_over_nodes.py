"""Trainings over a cluster: several at once, stopped, and gone on with on another node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from models import write_model
from ray_nodes import ADDRESS, Node, Nodes
from servers import GunicornServer
from waiting import wait_until

TEXT = "".join(
    f"Once the {who} saw the {what} and {did} it to the palace, {number} times.\n"
    for number in range(200)
    for who in ("sultan", "vizier", "camel")
    for what, did in (("lamp", "took"), ("ring", "sold"), ("genie", "gave"))
)
ENDLESS = {
    "layers": 1, "units": 16, "epochs": 1000, "patience": 1000, "sample_every": 0,
    "from": "nothing",
}  # fmt: skip
SECONDS = 300.0
KEY = {"Authorization": "Bearer train-key"}


class Trainings:
    """A client of a server that trains over a cluster."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.Client(base_url=f"{base_url}/v1/train", headers=KEY, timeout=60)

    def start(self, name: str) -> None:
        answer = self._http.post("", json={"name": name, "text": TEXT, **ENDLESS})
        assert answer.status_code == 202, answer.text

    def get(self, name: str) -> dict[str, Any]:
        return dict(self._http.get(f"/{name}").json())

    def cancel(self, name: str) -> None:
        assert self._http.post(f"/{name}/cancel").status_code == 200

    def wait(self, name: str, state: str, epoch: int = 0) -> dict[str, Any]:
        def there() -> dict[str, Any] | None:
            now = self.get(name)
            return now if now["state"] == state and now["epoch"] >= epoch else None

        try:
            return wait_until(there, SECONDS, f"{name} is {state}, {epoch} epochs", every=0.1)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.get(name)}") from None

    def end(self) -> None:
        """Cancel whatever is left."""
        for one in self._http.get("").json()["trainings"]:
            if one["state"] in ("waiting", "running"):
                self.cancel(one["name"])
            self.wait(one["name"], "cancelled")


def gunicorn(nodes: Nodes, models_dir: Path, address: str = ADDRESS) -> GunicornServer:
    """One with two gevent workers beside the head."""
    env = {
        **{name: value for name, value in nodes.env.items() if name.startswith("RAY_")},
        "SIMPLEML_TRAINING": "1", "SIMPLEML_TRAINING_KEYS": "train-key",
        "SIMPLEML_RAY_ADDRESS": address, "SIMPLEML_RAY_CORES": "1",
    }  # fmt: skip
    return GunicornServer(models_dir, workers=2, env=env)


@pytest.fixture(scope="module")
def server(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornServer]:
    """One with trainings over the nodes."""
    with gunicorn(nodes, tmp_path_factory.mktemp("ML")) as running:
        yield running


@pytest.fixture
def trainings(server: GunicornServer) -> Iterator[Trainings]:
    """Nothing is left of them afterwards."""
    client = Trainings(server.base_url)
    yield client
    client.end()


def process(node: Node, name: str) -> psutil.Process | None:
    """The one that trains it there."""
    for one in node.processes:
        try:
            words = one.cmdline() if one.status() != psutil.STATUS_ZOMBIE else []
        except psutil.NoSuchProcess:  # it has just ended
            continue
        if "simpleml.jobs.child" in words and f"{name}.txt" in words:
            return one
    return None


def place(nodes: Nodes, name: str) -> Node | None:
    """The node that trains it."""
    for node in (nodes.head, *nodes.added):
        if process(node, name) is not None:
            return node
    return None


def test_several_run_at_once_and_one_that_is_stopped_saves_and_makes_room(
    nodes: Nodes, trainings: Trainings, server: GunicornServer
) -> None:
    for name in ("one", "two"):
        trainings.start(name)
    for name in ("one", "two"):
        trainings.wait(name, "running", epoch=1)
    first, second = place(nodes, "one"), place(nodes, "two")
    assert first is not None and second is not None and first is not second
    child = process(first, "one")
    assert child is not None and child.nice() == 19
    for name in ("three", "four"):
        trainings.start(name)
    trainings.wait("three", "running")
    assert trainings.get("four")["state"] == "waiting", "one alone waits in the cluster"
    assert place(nodes, "three") is None, "for a core"

    trainings.cancel("one")
    stopped = trainings.wait("one", "cancelled")
    assert not child.is_running()
    assert stopped["model_ready"] and stopped["epoch"] >= 1
    assert (server.models_dir / "one" / "training" / "state.npz").exists()
    trainings.wait("three", "running", epoch=1)
    trainings.wait("four", "running")
    trainings.cancel("four")
    trainings.wait("four", "cancelled")  # which had no core yet
    assert trainings.get("two")["state"] == "running"


def test_one_whose_node_dies_goes_on_on_another(nodes: Nodes, trainings: Trainings) -> None:
    for name in ("five", "six"):
        trainings.start(name)
    for name in ("five", "six"):
        trainings.wait(name, "running", epoch=1)
    lost = nodes.added[-1]
    moved = "five" if place(nodes, "five") is lost else "six"
    assert place(nodes, moved) is lost
    other = "six" if moved == "five" else "five"
    trainings.cancel(other)
    trainings.wait(other, "cancelled")
    before = trainings.wait(moved, "running", epoch=3)
    lost.kill()
    wait_until(lambda: place(nodes, moved) is nodes.head, SECONDS, "it is taken up", every=0.1)
    after = trainings.wait(moved, "running", epoch=before["epoch"] + 2)
    assert after["curve"][0] == before["curve"][0], "it has not begun anew"
    epochs = [point["epoch"] for point in after["curve"]]
    assert epochs == sorted(set(epochs)), "none was done twice"
    assert after["error"] == ""
    nodes.add()


def test_while_there_is_no_cluster_they_wait(nodes: Nodes, tmp_path: Path) -> None:
    with gunicorn(nodes, tmp_path, "127.0.0.1:1") as server:
        client = Trainings(server.base_url)
        client.start("seven")
        wait_until(
            lambda: "the Ray cluster 127.0.0.1:1 is not there" in server.log, SECONDS, "it is told"
        )
        assert client.get("seven")["state"] == "waiting"
        client.cancel("seven")


def test_replicas_train_too(nodes: Nodes, tmp_path: Path) -> None:
    settings = {
        "models_dir": str(tmp_path), "training": True, "training_keys": "train-key",
        "ray_address": ADDRESS, "ray_cores": 1,
    }  # fmt: skip
    write_model(tmp_path, "tales")  # without a model none is ready
    with nodes.serve(replicas=1, **settings) as base_url:
        client = Trainings(base_url)
        client.start("eight")
        client.wait("eight", "running", epoch=1)
        assert place(nodes, "eight") is not None
        client.end()
