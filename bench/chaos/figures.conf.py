"""The repository's gunicorn.conf.py, and a note of each worker's event loop twice a second.

CHAOS_FIGURES names a folder; a worker writes <process id>.json there: watchers that are active in
its loop, native threads of its pool.
"""

import json
import os
from pathlib import Path
from typing import Any

from simpleml.commands import gunicorn_conf
from simpleml.commands.gunicorn_conf import *  # noqa: F403


def post_worker_init(worker: Any) -> None:
    gunicorn_conf.post_worker_init(worker)
    import gevent

    file = Path(os.environ["CHAOS_FIGURES"]) / f"{os.getpid()}.json"
    hub = gevent.get_hub()

    def note() -> None:
        while True:
            told = {"watchers": hub.loop.activecnt, "pool": hub.threadpool.size}
            part = file.with_suffix(".part")
            part.write_text(json.dumps(told))
            part.replace(file)
            gevent.sleep(0.5)

    gevent.spawn(note)
