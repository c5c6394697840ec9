"""A training as a task: it waits for the process of the last try, and goes on from its point."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from waiting import wait_until

from simpleml.errors import SettingsError
from simpleml.files import try_lock
from simpleml.jobs import ray_executor
from simpleml.jobs.executor import LocalExecutor, Order
from simpleml.jobs.ray_executor import RayExecutor
from simpleml.jobs.task import begun, train


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """Of a process that ends at once, well while nothing is saved and badly when something is."""
    return Order(
        folder=str(tmp_path),
        saved=str(tmp_path / "state.npz"),
        always=(),
        anew=("--help",),
        again=("--no-such-option",),
    )


def test_what_is_saved_when_it_starts_decides_how(order: Order) -> None:
    assert train(order, "1") == 0
    Path(order.saved).touch()
    assert train(order, "2") == 2
    log = Path(order.folder, "log.txt").read_text()
    assert "usage: train.py" in log and "--no-such-option" in log


def test_it_is_known_when_a_node_has_taken_it(order: Order, tmp_path: Path) -> None:
    assert not begun(tmp_path, "1")
    train(order, "1")
    assert begun(tmp_path, "1")
    assert not begun(tmp_path, "2")


def test_it_waits_while_the_process_of_the_last_try_still_saves(
    order: Order, tmp_path: Path
) -> None:
    codes: list[int] = []
    with (tmp_path / "lock").open("a") as saving:
        assert try_lock(saving)
        task = threading.Thread(target=lambda: codes.append(train(order, "1")))
        task.start()
        task.join(1.0)
        assert task.is_alive() and not begun(tmp_path, "1")
    task.join(60)
    assert codes == [0]


def test_one_that_cannot_be_started_says_why(order: Order, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        train(replace(order, folder=str(tmp_path / "gone")), "1")


def test_beside_a_server_one_runs_at_a_time(order: Order) -> None:
    executor = LocalExecutor()
    assert executor.free([])
    run = executor.start(order)
    assert run.begun and not executor.free([run])
    assert wait_until(lambda: run.poll() is not None, 60, "it ends")
    assert run.poll() == 0


def test_a_cluster_without_ray_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_executor.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install -r required-ray\.txt"):
        RayExecutor("auto", 1, 0)
