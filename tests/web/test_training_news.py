"""Those who watch trainings: read for once, however many they are, and never on the event loop."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gevent
import pytest
from flask import Flask
from waiting import wait_until

from simpleml import create_app
from simpleml.jobs.job import Job
from simpleml.jobs.store import JobStore
from simpleml.jobs.supervisor import Supervisor
from simpleml.web import threads
from simpleml.web.train import routes
from simpleml.web.train.standing import News

LONGEST = 30.0  # seconds that a disk takes where it holds the loop


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """An application that trains, with a training that waits for ever."""
    monkeypatch.setattr(Supervisor, "start", lambda self: None)
    found = create_app(models_dir=tmp_path, training=1)
    store(found).create("waits", "once upon a time", {})
    yield found


def store(app: Flask) -> JobStore:
    return app.extensions["simpleml_training"].store  # type: ignore[no-any-return]


def watch(app: Flask, events: list[Any]) -> None:
    answer = app.test_client().get("/v1/train/waits/events", buffered=False)
    for chunk in answer.response:
        text = chunk if isinstance(chunk, str) else chunk.decode()
        if text.startswith("data: "):
            events.append(json.loads(text[6:]))


def test_many_watchers_read_as_often_as_one_and_all_learn_of_it(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "NEWS_SECONDS", 0.2)
    reads = []
    get = JobStore.get

    def note(self: JobStore, name: str) -> Job:
        reads.append(time.monotonic())
        return get(self, name)

    monkeypatch.setattr(JobStore, "get", note)
    seen: list[list[Any]] = [[] for _ in range(30)]
    with ThreadPoolExecutor(len(seen)) as watchers:
        watched = [watchers.submit(watch, app, events) for events in seen]
        wait_until(lambda: all(seen), what="all watch")
        # They came one after the other, and share what is read from then on.
        started, before = time.monotonic(), len(reads)
        wait_until(lambda: len(reads) >= before + 5, what="it was read again")
        store(app).put("waits", state="failed", error="for the test")
        for one in watched:
            one.result(20)
    took = time.monotonic() - started
    assert all([event["state"] for event in events] == ["waiting", "failed"] for events in seen)
    read = len(reads) - before
    assert read <= took / 0.2 + 4, f"{read} in {took} s for {len(seen)} watchers"
    assert not app.extensions["simpleml_training"]._news, "nothing is kept when all have left"


def test_the_event_loop_is_not_held_while_the_disk_is_slow(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = JobStore.jobs
    ticks = 0
    waited: list[bool] = []

    def slow(self: JobStore) -> list[Job]:
        """Answers once the event loop has turned five times, which it does if nobody holds it."""
        wanted, limit = ticks + 5, time.monotonic() + LONGEST
        while ticks < wanted and time.monotonic() < limit:
            time.sleep(0.005)
        waited.append(ticks >= wanted)
        return jobs(self)

    monkeypatch.setattr(JobStore, "jobs", slow)
    monkeypatch.setattr(threads, "greenlets", lambda: True)  # as in gunicorn's worker

    def tick() -> None:
        nonlocal ticks
        while True:
            gevent.sleep(0.001)
            ticks += 1

    ticking = gevent.spawn(tick)
    client = app.test_client()
    for method, path in (
        ("GET", "/v1/train"), ("GET", "/v1/train/waits"), ("POST", "/v1/train/waits/cancel"),
        ("GET", "/v1/train/waits/events"), ("POST", "/v1/train/waits/resume"),
    ):  # fmt: skip
        waited.clear()
        assert client.open(path, method=method).status_code == 200, path
        assert waited, f"{path} did not ask the disk"
        assert all(waited), f"{path} held the loop"
    ticking.kill()


def test_what_is_asked_for_is_never_older_than_the_question() -> None:
    reads = 0

    def read() -> int:
        nonlocal reads
        time.sleep(0.05)
        reads += 1
        return reads

    news = News(read)
    now = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        asked = [pool.submit(news.since, now) for _ in range(10)]
    assert {one.result() for one in asked} == {1}, "one reading for all who waited"
    assert news.since(news.read_at) == 1
    assert news.since(time.monotonic()) == 2


def test_a_failed_reading_is_told_and_the_next_one_is_tried() -> None:
    answers = iter([OSError("the disk is gone"), "well"])

    def read() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    news = News(read)
    with pytest.raises(OSError, match="gone"):
        news.since(time.monotonic())
    assert news.since(time.monotonic()) == "well"
