"""What `train.py --check` says of a text: whether it is enough, and how long it will take."""

from __future__ import annotations

import fcntl
import json
import subprocess
from typing import Any

from simpleml.errors import DeadlineError, InvalidValueError, QueueFullError, SimpleMLError
from simpleml.jobs import process
from simpleml.jobs.report import read_log
from simpleml.jobs.store import JobStore

CHECK_SECONDS = 300.0
"""Measuring takes some ten seconds on a free machine, more beside a training."""
RETRY_SECONDS = 10


def check(store: JobStore, text: str, options: dict[str, Any]) -> dict[str, Any]:
    """Look at a text and time some steps of its training, in a process of its own.

    One at a time, over all workers. Returns what simpleml.training.check.report.check_facts does.

    Raises:
        InvalidValueError: the text cannot be trained on; the message says why.
        QueueFullError: another text is being looked at.
        DeadlineError: it took too long.
        TrainingNotInstalledError: this server cannot train.
    """
    process.require_training()
    with store.workshop() as folder, (store.root / ".check").open("a") as turn:
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise QueueFullError(
                "Another text is being looked at; try again in a moment.",
                retry_after=RETRY_SECONDS,
            ) from None
        (folder / "text.txt").write_text(text, encoding="utf-8", newline="")
        arguments = ["text.txt", "--check", "--json", *process.flags(options)]
        said, complaints = folder / "said.json", folder / "errors.txt"
        with said.open("wb") as output, complaints.open("wb") as errors:
            child = process.start(arguments, folder=folder, lock=None, output=output, errors=errors)
            try:
                code = child.wait(CHECK_SECONDS)
            except subprocess.TimeoutExpired:
                raise DeadlineError(
                    f"Looking at the text took more than {CHECK_SECONDS:.0f} seconds."
                ) from None
            finally:
                child.kill()
                child.wait()
                if child.stdin is not None:
                    child.stdin.close()
        if code == 0:
            facts: dict[str, Any] = json.loads(said.read_text(encoding="utf-8"))
            return facts
        log = read_log(complaints)
        if code == 1 and log.lines and log.lines[-1].startswith("train.py: "):
            raise InvalidValueError(log.last, param="text")
        raise SimpleMLError(f"The text could not be looked at: {log.last or f'status {code}'}")
