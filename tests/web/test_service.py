"""What a request leaves behind in its worker, whichever way it ends."""

from __future__ import annotations

from pathlib import Path

import gevent
import pytest

from simpleml.errors import InvalidValueError, QueueFullError, SimpleMLError, StoppingError
from simpleml.generation.text_stream import GenerationOptions
from simpleml.settings import Settings
from simpleml.web import threads
from simpleml.web.service import Service

REFUSALS = 10_000


def watchers() -> int:
    """What the event loop of this thread watches."""
    count: int = gevent.get_hub().loop.activecnt
    return count


@pytest.fixture
def service(models_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    # as in gunicorn's worker, where gevent has replaced threading before anything was imported
    monkeypatch.setattr(threads, "greenlets", lambda: True)
    return Service(
        Settings.read({}, models_dir=models_dir, max_rows=2, max_waiting=0, deadline=3600)
    )


def refuse(service: Service, texts: int, expected: type[SimpleMLError], times: int) -> None:
    generator = service.load("tales")
    options = GenerationOptions(size=10**6)
    for _ in range(times):
        with pytest.raises(expected):
            service.generate(generator, [[0]] * texts, options, starts_blank=[False] * texts)


def test_refused_requests_leave_no_watcher_in_the_event_loop(service: Service) -> None:
    generator = service.load("tales")
    before = watchers()
    refuse(service, 3, InvalidValueError, REFUSALS // 4)
    assert watchers() == before
    options = GenerationOptions(size=10**6)
    run = service.generate(generator, [[0]] * 2, options, starts_blank=[False] * 2)
    assert watchers() == before + 1  # so it is these that are counted
    refuse(service, 1, QueueFullError, REFUSALS // 2)
    assert watchers() == before + 1
    run.close()
    assert watchers() == before
    service.engine.close()
    refuse(service, 1, StoppingError, REFUSALS // 4)
    assert watchers() == before
