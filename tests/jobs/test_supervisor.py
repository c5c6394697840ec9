"""Who runs the trainings: one that cannot be run keeps nobody waiting, and trouble is told once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import get_ident
from typing import Any

import pytest
from waiting import wait_until

from simpleml.jobs import process, supervisor
from simpleml.jobs import store as jobs_store
from simpleml.jobs.job import Job
from simpleml.jobs.store import JobStore
from simpleml.jobs.supervisor import LOOK_EVERY, MOST_PAUSE, Supervisor

TEXT = "once upon a time "


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path, most=3)


@pytest.fixture
def running(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    """One that looks after the store, where a training is a command of a moment."""
    monkeypatch.setattr(process, "require_training", lambda: None)
    monkeypatch.setattr(supervisor, "LOOK_EVERY", 0.001)
    found = Supervisor(store)
    yield found
    found.stop()
    found.join(10)


def test_a_pause_grows_to_a_minute_and_ends_when_it_goes_well(store: JobStore) -> None:
    found = Supervisor(store)
    pauses = [found._pause(failures) for failures in range(12)]
    assert pauses[0] == LOOK_EVERY
    assert pauses[1:4] == [2 * LOOK_EVERY, 4 * LOOK_EVERY, 8 * LOOK_EVERY]
    assert pauses[-1] == MOST_PAUSE == found._pause(10_000)
    found.stop()
    assert found._pause(12) == LOOK_EVERY, "who stops does not wait a minute"


def test_a_failing_supervisor_says_so_once_and_goes_on(
    store: JobStore,
    running: Supervisor,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    looks = []

    def jobs() -> list[Job]:
        looks.append(1)
        if len(looks) < 6:
            raise OSError("the disk is gone")
        return []

    monkeypatch.setattr(store, "jobs", jobs)
    caplog.set_level(logging.INFO, "simpleml")
    running.start()
    wait_until(lambda: len(looks) > 8, 10, "it looks again")
    told = [record.getMessage() for record in caplog.records if record.name == "simpleml"]
    assert told == [
        "the trainings cannot be supervised; trying again",
        "the trainings are supervised again",
    ]


def test_a_training_that_cannot_be_started_keeps_no_other_one_waiting(
    store: JobStore, running: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create("damaged", TEXT, {})
    (store.folder("damaged") / "job.json").write_bytes(b"")
    store.create("locked", TEXT, {})
    store.create("well", TEXT, {})
    started = []
    put = store.put

    def refuse(name: str, **changes: Any) -> Job | None:
        if name == "locked":
            raise PermissionError("its folder belongs to someone else")
        return put(name, **changes)

    def start(arguments: list[str], **_: Any) -> Any:
        started.append(arguments[0])
        return Ended()

    monkeypatch.setattr(store, "put", refuse)
    monkeypatch.setattr(process, "start", start)
    running.start()
    wait_until(lambda: store.get("well").state == "done", 10, "the other one runs")
    assert started == ["well.txt"]


def test_one_that_is_cancelled_while_it_is_being_started_stays_cancelled(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "require_training", lambda: None)
    monkeypatch.setattr(process, "start", lambda *_, **__: pytest.fail("it was started"))
    job = store.create("a", TEXT, {})
    claim = store.claim

    def cancelled_then(claimed: Job) -> None:
        store.cancel(claimed.name)
        claim(claimed)

    monkeypatch.setattr(store, "claim", cancelled_then)
    found = Supervisor(store)
    found._launch(job)
    assert store.get("a").state == "cancelled"


def test_the_files_of_the_trainings_are_read_and_written_where_waiting_holds_up_nobody(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "require_training", lambda: None)
    monkeypatch.setattr(process, "start", lambda *_, **__: Ended())
    monkeypatch.setattr(supervisor, "LOOK_EVERY", 0.001)
    store.create("a", TEXT, {})
    threads: set[int] = set()

    def noting(function: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*given: Any) -> Any:
            threads.add(get_ident())
            return function(*given)

        return noted

    for name in ("read_job", "write_job", "try_lock"):
        monkeypatch.setattr(jobs_store, name, noting(getattr(jobs_store, name)))
    with ThreadPoolExecutor(1) as pool:
        found = Supervisor(store, lambda *call: pool.submit(*call).result())
        found.start()
        record = store.folder("a") / "job.json"
        wait_until(lambda: b'"done"' in record.read_bytes(), 10, "it is done")
        found.stop()
        found.join(10)
        assert threads == {pool.submit(get_ident).result()}


class Ended:
    """A process that is over."""

    stdin = None

    def poll(self) -> int:
        return 0
