"""The repository's gunicorn.conf.py, and streams that break on demand.

While the file SIMPLEML_TEST_FAILING exists, whatever a stream asks for its next piece raises an
error that nobody foresaw. No training is begun, so one that was asked for waits for ever.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simpleml.commands import gunicorn_conf
from simpleml.commands.gunicorn_conf import *  # noqa: F403


def post_worker_init(worker: Any) -> None:
    from simpleml.jobs.job import Job
    from simpleml.jobs.store import JobStore
    from simpleml.jobs.supervisor import Supervisor
    from simpleml.web.run import Run

    file = Path(os.environ["SIMPLEML_TEST_FAILING"])
    usual_news, usual_get = Run.news, JobStore.get

    def break_if_told() -> None:
        if file.exists():
            raise RuntimeError("the stream was told to fail")

    def news(run: Run) -> Iterator[list[str] | None]:
        for pieces in usual_news(run):
            break_if_told()
            yield pieces

    def get(store: JobStore, name: str) -> Job:
        break_if_told()
        return usual_get(store, name)

    Run.news = news  # type: ignore[method-assign]
    JobStore.get = get  # type: ignore[method-assign]
    Supervisor.start = lambda supervisor: None  # type: ignore[method-assign]
    gunicorn_conf.post_worker_init(worker)
