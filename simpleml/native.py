"""Native threads and locks, also where gevent has replaced the ones in `threading`.

Under gunicorn's gevent worker `threading.Thread` is a greenlet and `threading.Lock` yields to other
greenlets; a thread that computes must be a real one, and what it shares must be guarded by real
locks. Such a lock may only be held for moments that never wait.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def _original(name: str) -> Any:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None:
        return monkey.get_original("_thread", name)
    import _thread

    return getattr(_thread, name)


def start_thread(function: Callable[[], None]) -> None:
    """Run `function` in a native thread of its own, which does not keep the process alive."""
    _original("start_new_thread")(function, ())


def new_lock() -> Any:
    """A native lock."""
    return _original("allocate_lock")()


class Signal:
    """Something that one thread waits for and others set; a native binary semaphore."""

    def __init__(self) -> None:
        self._lock = new_lock()
        self._lock.acquire()
        self._guard = new_lock()

    def set(self) -> None:
        """Let one waiter through, now or when it comes."""
        with self._guard:
            if self._lock.locked():
                self._lock.release()

    def wait(self, seconds: float) -> bool:
        """Wait until it is set, at most `seconds`, and reset it; False when the time ran out."""
        acquired: bool = self._lock.acquire(True, seconds)
        return acquired
