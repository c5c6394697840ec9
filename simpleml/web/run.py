"""A request in the engine, as the greenlet or thread that waits for it sees it.

What waits must run in the greenlet (and thread) that made the run.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from simpleml.generation.request import Generation
from simpleml.generation.text_stream import TextStream
from simpleml.web.threads import Wakeup

_log = logging.getLogger("simpleml")

PING_SECONDS = 15.0
"""A stream that has nothing to say for so long sends a comment, so that nobody closes it."""
_GRACE_SECONDS = 30.0
"""Beyond its deadline the engine always ends a request; waiting longer than this is a defect."""


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
        """Its texts."""
        return self.generation.streams

    @property
    def model(self) -> str:
        """The model's name."""
        return self.generation.generator.name

    @property
    def headers(self) -> dict[str, str]:
        """With which its texts can be had again, beside the request."""
        return {"X-Random-State": str(self.random_state), "X-Fingerprint": self.fingerprint}

    @property
    def fingerprint(self) -> str:
        """Of what made its texts."""
        generation = self.generation
        return generation.generator.fingerprint(generation.streams[0].options.stateful)

    def finish_reason(self, index: int) -> Literal["stop", "length"]:
        """Why that text ended, when it has: at a stop string, or at its length or deadline."""
        return "stop" if self.streams[index].finish_reason == "stop" else "length"

    def wait(self) -> list[str]:
        """Wait for the end and return what follows each seed.

        Raises:
            DeadlineError, GenerationFailedError: how it ended.
        """
        try:
            for _ in self.waiting(PING_SECONDS):
                pass
            return [stream.take() for stream in self.streams]
        finally:
            self.close()

    def waiting(self, seconds: float) -> Iterator[None]:
        """Yield after each `seconds` of waiting for the end, and as it comes.

        Raises:
            DeadlineError, GenerationFailedError: how it ended.
        """
        while not self.generation.done:
            self._wait_for_news(seconds)
            yield
        self._raise()

    def queued(self, seconds: float) -> Iterator[None]:
        """Yield each time it has waited so long and still has no place."""
        while self.generation.started_at is None and not self.generation.done:
            before = time.monotonic()
            self.generation.listen()
            self._wait_for_news(seconds)
            started = self.generation.started_at is not None or self.generation.done
            if not started and time.monotonic() - before >= seconds:
                yield None

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
