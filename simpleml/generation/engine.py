"""The scheduler: who gets a place, and in which shard, which steps its texts in its own thread.

    submit ──► waiting ──► running: rows of Batches in the shards ──► finished
               (bounded)   (bounded)

Requests join and leave between steps. Admission is decided before any work, by the order of
queue.py; the texts of a request may go to several shards, as division.py says. A text is the same
in whichever it is. It knows nothing of HTTP.
"""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable, Sequence

from simpleml.errors import InvalidValueError, QueueFullError, StoppingError
from simpleml.generation.division import parts, shard_for
from simpleml.generation.lane import Part
from simpleml.generation.queue import (
    Share,
    admissible,
    admission_order,
    is_full,
    share_is_full,
    symbols_before,
)
from simpleml.generation.request import Generation
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.generation.shard import Shard
from simpleml.generation.text_stream import TextStream
from simpleml.native import new_lock

_CHECK_SECONDS = 0.01
"""How often those that wait are asked whether their time is over."""
_RETRY_AFTER = (1, 120)  # seconds


class Engine:
    """Takes requests from any thread and generates them in threads of its own."""

    def __init__(self, *, max_rows: int = 64, max_waiting: int = 256, shards: int = 1) -> None:
        """Make an engine; its threads start with the first requests, after any fork.

        Args:
            max_rows: texts generated at the same time.
            max_waiting: requests that may wait for a place.
            shards: threads that generate, one for each core that may be used.
        """
        self.max_rows = max_rows
        self.max_waiting = max_waiting
        self.share: Share | None = None
        """What each visitor may have at once; may be changed at any time."""
        self._lock = new_lock()  # of the next four and the shards' counts; held for moments only
        self._waiting: list[Generation] = []  # in the order in which they came
        self._running: list[Generation] = []
        self._started = False
        self._stopping = False
        self._checked_at = 0.0
        self._shards = [Shard(self._is_alone, self._stepped) for _ in range(max(1, shards))]

    # --- any thread ---

    @property
    def running(self) -> int:
        """Requests whose rows are being stepped."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._waiting)

    @property
    def rows(self) -> int:
        """Texts being generated."""
        return sum(one.texts_left for one in self._running)

    @property
    def stopping(self) -> bool:
        """Whether new requests are refused."""
        return self._stopping

    def submit(
        self,
        generator: SequenceGenerator,
        seeds: Sequence[Sequence[int]],
        streams: Sequence[TextStream],
        *,
        seconds: float,
        streaming: bool,
        listener: Callable[[], None],
        request_id: str = "",
        visitor: str = "",
    ) -> Generation:
        """Queue a request; it begins at once where there is a place.

        Args:
            generator: the model.
            seeds: indices of each text's seed.
            streams: the texts, one for each seed.
            seconds: until its deadline, waiting included.
            streaming: tell the listener of every piece, not only of the end.
            listener: called from the engine's thread when there is news; must return at once.
            request_id: for `place`.
            visitor: whose it is; they take turns, and `share` limits each.

        Raises:
            StoppingError: the server is shutting down.
            InvalidValueError: more texts than can ever run together.
            QueueFullError: too many wait already.
        """
        share = self.share if visitor else None
        most = min(self.max_rows, share.running) if share else self.max_rows
        if len(streams) > most:
            raise InvalidValueError(
                f"The request asks for {len(streams)} texts at once; the server makes at most "
                f"{most}",
                param="n",
                reason="texts_many",
                params={"most": most},
            )
        generation = Generation(
            generator, streams, seeds, seconds=seconds, streaming=streaming, listener=listener,
            request_id=request_id, visitor=visitor,
        )  # fmt: skip
        with self._lock:
            self._check_room(generation, share)
            if not self._started:
                self._started = True
                # A native thread that returns from a step into an interpreter that is gone takes
                # the process down with SIGABRT.
                atexit.register(self.close)
            self._waiting.append(generation)
            self._admit()
        return generation

    def _check_room(self, generation: Generation, share: Share | None) -> None:
        if self._stopping:
            raise StoppingError("The server is stopping; ask again in a few seconds.")
        if share and share_is_full(self._running, self._waiting, generation, share, self.max_rows):
            own = [one for one in self._running if one.visitor == generation.visitor]
            raise QueueFullError(
                f"You have {share.running} texts that are being written and {share.waiting} "
                "that wait: ask again when one is done.",
                reason="share_full",
                retry_after=max(1, int(self._seconds_until_free(own, 1))),
            )
        if is_full(
            self._running, self._waiting, generation,
            max_rows=self.max_rows, max_waiting=self.max_waiting,
        ):  # fmt: skip
            raise QueueFullError(
                f"{self.max_waiting} requests are waiting already; ask again later.",
                retry_after=self._retry_after(),
            )

    def place(self, request_id: str) -> int | None:
        """A request's queue position: 1 is the next to be admitted; None: it does not wait.

        Counted as they would be admitted if nothing ended and nothing came meanwhile.
        """
        return self.wait_of(request_id)[0]

    def wait_of(self, request_id: str) -> tuple[int | None, float | None]:
        """A request's `place`, and a guess at the seconds until it is admitted."""
        running, waiting = self.requests()
        for at, one in enumerate(admission_order(running, waiting), 1):
            if one.request_id == request_id != "":
                own = [each for each in running if each.visitor == one.visitor]
                held = sum(each.texts_left for each in own)
                if self.share and one.visitor and held + one.texts_left > self.share.running:
                    return at, self._seconds_until_free(own, 1)
                return at, self._seconds_until_free(running, at)
        return None, None

    def requests(self) -> tuple[list[Generation], list[Generation]]:
        """Those that run, and those that wait in the order in which they came."""
        with self._lock:
            return list(self._running), list(self._waiting)

    def stop(self) -> None:
        """Take no more requests; those that wait or run are finished."""
        with self._lock:
            self._stopping = True

    def close(self, seconds: float = 10.0) -> None:
        """End the threads after the steps they are in; what waits or runs fails. Called at exit."""
        self.stop()
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for generation in waiting:
            generation.fail(StoppingError("The server has stopped."))
        for shard in self._shards:
            shard.close()
        until = time.monotonic() + seconds
        for shard in self._shards:
            shard.ended(max(0.0, until - time.monotonic()))

    @property
    def drained(self) -> bool:
        """Whether nothing waits or runs any more."""
        with self._lock:
            return not self._waiting and not self._running

    def _retry_after(self) -> int:
        left = sum(one.symbols_left for one in (*self._running, *self._waiting))
        low, high = _RETRY_AFTER
        return int(min(high, max(low, left / self._symbols_per_second())))

    def _seconds_until_free(self, holders: Sequence[Generation], place: int) -> float:
        """Until these have given so many of their places back, at the pace of all that run."""
        symbols = symbols_before([one.symbols_left for one in holders], place)
        return symbols * self.running / self._symbols_per_second()

    def _symbols_per_second(self) -> float:
        busy = [shard for shard in self._shards if shard.load] or self._shards[:1]
        return sum(shard.symbols_per_second for shard in busy)

    def _admit(self) -> None:
        """Give places to those that wait, as far as there are any; to be called under the lock."""
        chosen = admissible(self._running, self._waiting, self.max_rows, self.share)
        if not chosen:
            return
        self._waiting = [one for one in self._waiting if one not in chosen]
        self._running = self._running + chosen
        for generation in chosen:
            generation.started_at = time.monotonic()
            for shard, part in self._divided(generation):
                shard.put(part)

    def _divided(self, generation: Generation) -> list[tuple[Shard, Part]]:
        """Which shard takes which of a request's texts."""
        lane, shards = generation.lane, self._shards
        texts = sum(shard.texts[lane] for shard in shards) + len(generation.streams)
        each = max(1, *((window or 1) - 1 for window in generation.windows))
        among = parts(texts, each, generation.generator.precision, len(shards))
        found: dict[Shard, Part] = {}
        for stream, seed in zip(generation.streams, generation.seeds, strict=True):
            shard = shards[shard_for(lane, [one.texts for one in shards], among)]
            part = Part(generation, [(stream, seed)])
            shard.count(part, 1)
            found.setdefault(shard, Part(generation, [])).texts += part.texts
        return list(found.items())

    # --- the shards' threads ---

    def _is_alone(self, shard: Shard) -> bool:
        return all(not one.load for one in self._shards if one is not shard)

    def _stepped(self, shard: Shard, left: Sequence[Part]) -> None:
        """After a step: what has left makes room for those that wait."""
        now = time.monotonic()
        waiting: list[Generation] = []
        if self._waiting and (left or now - self._checked_at > _CHECK_SECONDS):
            self._checked_at = now
            waiting = list(self._waiting)
        for generation in waiting:  # not under the lock: its listener is told
            if generation.is_over(now):
                generation.cut(now, generation.streams)
                generation.progressed(now)
        if not left and not waiting:
            return
        with self._lock:
            for part in left:
                shard.count(part, -1)
            self._running = [one for one in self._running if not one.done]
            self._waiting = [one for one in self._waiting if not one.done]
            self._admit()
