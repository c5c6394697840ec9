"""A request in the engine, as the greenlet that waits for it sees it.

A queue or event of gevent's that is set from a native thread does not wake an idle hub; an async
watcher of the hub's loop does. What waits must run in the greenlet (and thread) that made the run.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import gevent
from gevent.event import Event

from simpleml.generation.request import Generation
from simpleml.generation.text_stream import TextStream

_log = logging.getLogger("simpleml")

PING_SECONDS = 15.0
"""A stream that has nothing to say for so long sends a comment, so that nobody closes it."""
_GRACE_SECONDS = 30.0
"""Beyond its deadline the engine always ends a request; waiting longer than this is a defect."""


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


@dataclass
class Run:
    """A request in the engine; whoever made it closes it, whichever way it ends."""

    generation: Generation
    wakeup: Wakeup
    random_state: int
    """Of the first text; given, or drawn by the server."""
    complete: bool = False
    """Whether what `news` yields now is the last."""

    def close(self) -> None:
        """Free the rows; harmless when the request is over."""
        self.generation.cancel()
        self.wakeup.close()

    @property
    def streams(self) -> tuple[TextStream, ...]:
        return self.generation.streams

    @property
    def model(self) -> str:
        return self.generation.generator.name

    def finish_reason(self, index: int) -> Literal["stop", "length"]:
        """Why that text ended, when it has: at a stop string, or at its length or deadline."""
        return "stop" if self.streams[index].finish_reason == "stop" else "length"

    def wait(self) -> list[str]:
        """Wait for the end and return what follows each seed.

        Raises:
            DeadlineError, GenerationFailedError: how it ended.
        """
        try:
            while not self.generation.done:
                self._wait_for_news(PING_SECONDS)
            self._raise()
            return [stream.take() for stream in self.streams]
        finally:
            self.close()

    def wait_for_first(self) -> None:
        """Wait until the first symbol is drawn or the request is over.

        Raises:
            DeadlineError, GenerationFailedError: it is over, badly.
        """
        while not self.generation.done and not self.generation.symbols_generated:
            self.generation.listen()
            if self.generation.symbols_generated:
                break
            self._wait_for_news(PING_SECONDS)
        self._raise()

    def news(self) -> Iterator[list[str] | None]:
        """Yield the new text of every stream each time there is some; None after a silence.

        The first item comes when the first symbol is drawn; the last one when all is complete.

        Raises:
            DeadlineError, GenerationFailedError: how it ended, if badly.
        """
        quiet_since = time.monotonic()
        while True:
            self.generation.listen()
            done = self.generation.done  # before looking, so that nothing is missed
            pieces = [stream.take() for stream in self.streams]
            if done:
                self._raise()
            if done or any(pieces):
                quiet_since = time.monotonic()
                self.complete = done
                yield pieces
            if done:
                return
            self._wait_for_news(max(0.01, quiet_since + PING_SECONDS - time.monotonic()))
            if time.monotonic() - quiet_since >= PING_SECONDS:
                quiet_since = time.monotonic()
                yield None

    def _wait_for_news(self, seconds: float) -> None:
        late = time.monotonic() - self.generation.deadline
        if late > _GRACE_SECONDS:
            raise RuntimeError(f"the engine did not end a request {late:.0f} s after its deadline")
        self.wakeup.wait(seconds)

    def _raise(self) -> None:
        error = self.generation.error
        if error is None:
            return
        if error.__cause__ is not None:
            _log.error("a step of model %s failed", self.model, exc_info=error.__cause__)
        raise error
