"""Where greenlets meet threads: waiting, with and without gevent.

Under gunicorn's gevent worker and `python app.py`, gevent has replaced `threading`: a request is a
greenlet, of which many share one thread, and what waits outside gevent holds all of them up. On a
server with a thread for each request (simpleml/web/bridge.py) nothing is replaced and gevent is
never asked. Everything else in the program waits by `time` and `threading`, which suit both.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from flask import request

from simpleml.errors import RequestTimeoutError
from simpleml.native import Signal

BODY_DEADLINE = "simpleml.body_deadline"
"""In a WSGI environment: a function that sets when its body must be there (time.monotonic)."""

Result = TypeVar("Result")


def greenlets() -> bool:
    """Whether what looks like a thread here is a greenlet."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


class Wakeup(Protocol):
    """Set by any thread, waited for by the request that made it, until it is closed."""

    def send(self) -> None:
        """Wake it; from any thread, at any time."""

    def wait(self, seconds: float) -> bool:
        """Wait until something was sent since the last wait; False when the time ran out."""

    def close(self) -> None:
        """It is needed no more; harmless when it was closed before."""


def new_wakeup() -> Wakeup:
    """A wakeup for the current greenlet or thread."""
    return _GreenletWakeup() if greenlets() else _ThreadWakeup()


class _ThreadWakeup:
    def __init__(self) -> None:
        self._signal = Signal()
        self.send = self._signal.set
        self.wait = self._signal.wait

    def close(self) -> None:
        """Nothing is held."""


class _GreenletWakeup:
    """Wakes an idle hub too, which setting an event from a native thread does not."""

    def __init__(self) -> None:
        import gevent
        from gevent.event import Event

        self._event = Event()
        self._watcher = gevent.get_hub().loop.async_()
        self._watcher.start(self._event.set)
        self.send = self._watcher.send

    def wait(self, seconds: float) -> bool:
        sent = self._event.wait(seconds)
        self._event.clear()
        return bool(sent)

    def close(self) -> None:
        self._watcher.stop()


def in_thread(function: Callable[..., Result], *given: Any) -> Result:
    """Call what waits for the disk, or computes long, while others are served.

    Under gevent in a native thread; an error that leaves a function in gevent's pool would be
    printed with its traceback.
    """
    if not greenlets():
        return function(*given)
    import gevent
    from gevent.util import wrap_errors

    call = wrap_errors(Exception, function)
    result: Result | Exception = gevent.get_hub().threadpool.apply(call, given)
    if isinstance(result, Exception):
        raise result
    return result


def read_within(seconds: float, read: Callable[[], Result]) -> Result:
    """What `read` reads of the current request's body.

    Raises:
        RequestTimeoutError: the client took more than `seconds` to send it.
    """
    if not greenlets():
        if limit := request.environ.get(BODY_DEADLINE):
            limit(time.monotonic() + seconds)
        return read()
    import gevent

    with gevent.Timeout(seconds, False):
        return read()
    raise late_body(seconds)


def late_body(seconds: float) -> RequestTimeoutError:
    """What a client is told that took too long."""
    return RequestTimeoutError(f"The body did not arrive within {seconds:g} seconds.")
