"""Ctrl-C and SIGTERM as a wish that the training loop grants between two updates."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class InterruptedTrainingError(Exception):
    """The run was asked to stop and did, after saving a point; ``signal`` is the number."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.message = message
        self.signal = signal_number


class StopRequest:
    """``number`` is the signal that came, None as long as none did."""

    number: int | None = None


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Watch for SIGINT and SIGTERM; a second one ends the process at once.

    In a thread other than the main one, where Python allows no handlers, nothing is watched.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, frame: object) -> None:
        request.number = number
        print("stopping after this step; saving…", file=sys.stderr, flush=True)
        for each in before:
            signal.signal(each, signal.SIG_DFL)

    for number in before:
        signal.signal(number, note)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
