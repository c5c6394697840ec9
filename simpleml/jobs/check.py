"""What `train.py --check` says of a text: whether it is enough, and how long it will take."""

from __future__ import annotations

import json
import logging
import subprocess
from pathlib import Path
from typing import Any

from simpleml.errors import DeadlineError, InvalidValueError, QueueFullError, SimpleMLError
from simpleml.files import try_lock
from simpleml.jobs import process
from simpleml.jobs.report import read_log
from simpleml.jobs.store import JobStore

_log = logging.getLogger("simpleml")

CHECK_SECONDS = 300.0
"""Measuring takes some ten seconds on a free machine, more beside a training."""
RETRY_SECONDS = 10
REFUSED = 1
"""train.py's exit status where the text or an option is at fault."""


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
    store.check_beginning(options)
    with store.workshop() as folder, (store.root / ".check").open("a") as turn:
        if not try_lock(turn):
            raise QueueFullError(
                "Another text is being checked; try again in a moment.",
                retry_after=RETRY_SECONDS,
            )
        (folder / "text.txt").write_text(text, encoding="utf-8", newline="")
        arguments = [
            *("text.txt", *process.PLAIN, "--check", "--json"),
            # a name that no model has: each base is one that may be begun from
            *("--name", ".check", "--models-dir", str(store.models_dir), *process.flags(options)),
        ]
        said, complaints = folder / "said.json", folder / "errors.txt"
        with said.open("wb") as output, complaints.open("wb") as errors:
            child = process.start(arguments, folder=folder, lock=None, output=output, errors=errors)
            try:
                code = child.wait(CHECK_SECONDS)
            except subprocess.TimeoutExpired:
                raise DeadlineError(
                    f"Checking the text took more than {CHECK_SECONDS:.0f} seconds."
                ) from None
            finally:
                child.kill()
                child.wait()
                if child.stdin is not None:
                    child.stdin.close()
        return _facts(code, said.read_bytes(), complaints)


def _facts(code: int, said: bytes, complaints: Path) -> dict[str, Any]:
    """What its exit status and its JSON mean; its complaints are for the server's log alone."""
    try:
        answer = json.loads(said)
        error = answer["error"] if code else {}
        message = error["message"] if code else ""
    except (ValueError, KeyError, TypeError):
        answer, error, message = None, {}, ""
    if code == 0 and isinstance(answer, dict):
        return answer
    if code == REFUSED and message:
        raise InvalidValueError(
            message,
            param="from" if message[:6] == "--from" else "text",
            reason=error.get("reason") or "",
            params=error.get("params"),
        )
    lines = "\n".join(read_log(complaints))
    _log.error("the check of a text ended with status %s\n%s", code, lines)
    raise SimpleMLError(f"The text could not be checked: {message or f'status {code}'}.")
