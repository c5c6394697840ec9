"""The repository's gunicorn.conf.py, and the text `made` of tests/mirror.py in the catalogue."""

import sys
from pathlib import Path
from typing import Any

from simpleml.commands import gunicorn_conf
from simpleml.commands.gunicorn_conf import *  # noqa: F403

sys.path.insert(0, str(Path(__file__).parent))


def post_worker_init(worker: Any) -> None:
    from mirror import entry

    from simpleml.corpora import CATALOGUE

    CATALOGUE["made"] = entry()
    gunicorn_conf.post_worker_init(worker)
