"""The repository's gunicorn.conf.py, and a step that fails on demand.

A model whose name is a line of the file SIMPLEML_TEST_FAILING cannot step: its generator's network
raises, as it does when ONNX Runtime or memory gives out.
"""

import os
from pathlib import Path
from typing import Any

from simpleml.commands import gunicorn_conf
from simpleml.commands.gunicorn_conf import *  # noqa: F403


def post_worker_init(worker: Any) -> None:
    gunicorn_conf.post_worker_init(worker)
    from simpleml.generation.batch import Batch

    file = Path(os.environ["SIMPLEML_TEST_FAILING"])
    step = Batch.step
    loader = worker.wsgi.extensions["simpleml"].loader

    def failing_step(batch: Batch, symbols: Any) -> Any:
        try:
            failing = file.read_text().split()
        except FileNotFoundError:  # also in between a look and the reading
            failing = []
        for name in failing:
            if name in loader.loaded() and loader.load(name).network is batch.network:
                raise RuntimeError("the step was told to fail")
        return step(batch, symbols)

    Batch.step = failing_step  # type: ignore[method-assign]
