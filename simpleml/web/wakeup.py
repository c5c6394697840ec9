"""How a native thread wakes one greenlet.

A queue or event of gevent's that is set from a native thread does not wake an idle hub; an async
watcher of the hub's loop does. `wait` must run in the greenlet (and thread) that made the object.
"""

from __future__ import annotations

import gevent
from gevent.event import Event


class Wakeup:
    """Set by any thread, waited for by the greenlet that made it, until it is closed."""

    def __init__(self) -> None:
        self._event = Event()
        self._watcher = gevent.get_hub().loop.async_()
        self._watcher.start(self._event.set)

    def close(self) -> None:
        """Take it out of the event loop; harmless when it is out already."""
        self._watcher.stop()

    def send(self) -> None:
        """Wake the greenlet; from any thread, at any time."""
        self._watcher.send()

    def wait(self, seconds: float) -> bool:
        """Wait until something was sent since the last wait; False when the time ran out."""
        sent = self._event.wait(seconds)
        self._event.clear()
        return bool(sent)
