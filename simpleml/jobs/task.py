"""A training as a task of a cluster: what its node runs. Knows nothing of Ray.

The process that trains is the same as beside a server (simpleml.jobs.child). When the task is
cancelled, it saves and ends; when the task's own process dies, it does too, and when all of the
node dies, what it saved last is there for the task's next try on another node.
"""

from __future__ import annotations

import json
import platform
import signal
import subprocess
import time
from pathlib import Path

from simpleml.files import try_lock, write_whole
from simpleml.jobs.executor import Order

PLACE_FILE = "place.json"
"""In a training's folder: the number of the order, and the node that runs it."""
LOOK_EVERY = 0.5
"""Seconds: a cancellation is not heard within a wait."""
STOP_SECONDS = 50.0
"""How long the process may take to save, before it is killed."""
STOPPED = 128 + signal.SIGTERM


def train(order: Order, number: str) -> int:
    """Run a training to its end; returns train.py's exit status, as Run.poll.

    Args:
        order: what to run, in folders that all nodes share.
        number: of the order, for PLACE_FILE.
    """
    child: subprocess.Popen[bytes] | None = None
    try:
        folder = Path(order.folder)
        _wait_for_the_last_one(folder / "lock")
        place = {"order": number, "node": platform.node()}
        write_whole(folder / PLACE_FILE, json.dumps(place).encode())
        child = order.start()
        while (code := child.poll()) is None:
            time.sleep(LOOK_EVERY)
        return code
    except KeyboardInterrupt:  # it was cancelled
        return STOPPED if child is None else _stopped(child)
    finally:
        if child is not None and child.stdin is not None:
            child.stdin.close()


def begun(folder: Path, number: str) -> bool:
    """Whether the task of an order has been somewhere."""
    try:
        return bool(json.loads((folder / PLACE_FILE).read_bytes())["order"] == number)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _wait_for_the_last_one(lock: Path) -> None:
    """The process of a try that was lost may still be saving."""
    with lock.open("a") as file:
        while not try_lock(file):
            time.sleep(LOOK_EVERY)


def _stopped(child: subprocess.Popen[bytes]) -> int:
    assert child.stdin is not None
    child.stdin.close()
    try:
        return child.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()
