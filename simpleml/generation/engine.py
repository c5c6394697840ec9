"""The scheduler: one native thread that owns every batch and steps them in turn.

    submit ──► waiting ──► running: rows of a Batch ──► finished
               (bounded)   (bounded)

Requests join and leave between steps; all rows of one model and mode are one batch; the batch that
has had the least time is stepped next, so no model starves another. Admission is decided before any
work, by the order of queue.py. A step that fails, fails the requests whose rows were in it and
no other. It knows nothing of HTTP.
"""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable, Sequence

from simpleml.errors import InvalidValueError, QueueFullError, StoppingError
from simpleml.generation.lane import Lane
from simpleml.generation.queue import admissible, admission_order, is_full
from simpleml.generation.request import Generation
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.generation.text_stream import TextStream
from simpleml.native import Signal, new_lock, start_thread

_IDLE_SECONDS = 60.0
"""Longest wait for work; the loop then looks again, in case a wake-up was lost."""
_RETRY_AFTER = (1, 120)  # seconds


class Engine:
    """Takes requests from any thread and generates them in one of its own."""

    def __init__(self, *, max_rows: int = 64, max_waiting: int = 256) -> None:
        """Make an engine; its thread starts with the first request, after any fork.

        Args:
            max_rows: texts generated at the same time.
            max_waiting: requests that may wait for a place.
        """
        self.max_rows = max_rows
        self.max_waiting = max_waiting
        self._lock = new_lock()  # of the next four, held for moments only
        self._waiting: list[Generation] = []  # in the order in which they came
        self._running: list[Generation] = []
        self._thread_started = False
        self._stopping = False
        self._closed = False
        self._ended = new_lock()  # held while the thread runs
        self._work = Signal()
        self._lanes: dict[tuple[SequenceGenerator, int | None], Lane] = {}  # the thread's own
        self._symbols_per_second = 1000.0

    # --- any thread ---

    @property
    def running(self) -> int:
        """Requests whose rows are being stepped."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def rows(self) -> int:
        """Texts being generated."""
        return sum(one.texts_left for one in self._running)

    @property
    def stopping(self) -> bool:
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
    ) -> Generation:
        """Queue a request.

        Args:
            seeds: indices of each text's seed.
            streams: the texts, one for each seed.
            seconds: until its deadline, waiting included.
            streaming: tell the listener of every piece, not only of the end.
            listener: called from the engine's thread when there is news; must return at once.
            request_id: for `place`.

        Raises:
            StoppingError: the server is shutting down.
            InvalidValueError: more texts than can ever run together.
            QueueFullError: too many wait already.
        """
        if len(streams) > self.max_rows:
            raise InvalidValueError(
                f"The request asks for {len(streams)} texts at once; the server makes at most "
                f"{self.max_rows}",
                param="n",
            )
        generation = Generation(
            generator, streams, seeds,
            seconds=seconds, streaming=streaming, listener=listener, request_id=request_id,
        )  # fmt: skip
        with self._lock:
            if self._stopping:
                raise StoppingError("The server is stopping; ask again in a few seconds.")
            if is_full(
                self._running, self._waiting, generation,
                max_rows=self.max_rows, max_waiting=self.max_waiting,
            ):  # fmt: skip
                raise QueueFullError(
                    f"{self.max_waiting} requests are waiting already; ask again later.",
                    retry_after=self._retry_after(),
                )
            self._waiting.append(generation)
            if not self._thread_started:
                self._thread_started = True
                self._ended.acquire()
                # A native thread that returns from a step into an interpreter that is gone takes
                # the process down with SIGABRT.
                atexit.register(self.close)
                start_thread(self._run)
        self._work.set()
        return generation

    def place(self, request_id: str) -> int | None:
        """A request's queue position: 1 is the next to be admitted; None: it does not wait.

        Counted as they would be admitted if nothing ended and nothing came meanwhile.
        """
        with self._lock:
            running, waiting = list(self._running), list(self._waiting)
        order = admission_order(running, waiting)
        return next(
            (at for at, one in enumerate(order, 1) if one.request_id == request_id != ""), None
        )

    def stop(self) -> None:
        """Take no more requests; those that wait or run are finished."""
        with self._lock:
            self._stopping = True

    def close(self, seconds: float = 10.0) -> None:
        """End the thread after the step it is in; what waits or runs fails. Called at exit."""
        self.stop()
        self._closed = True
        self._work.set()
        if self._thread_started and self._ended.acquire(True, seconds):
            self._ended.release()

    @property
    def drained(self) -> bool:
        """Whether nothing waits or runs any more."""
        with self._lock:
            return not self._waiting and not self._running

    def _retry_after(self) -> int:
        left = sum(one.symbols_left for one in (*self._running, *self._waiting))
        low, high = _RETRY_AFTER
        return int(min(high, max(low, left / self._symbols_per_second)))

    # --- the engine's thread ---

    def _run(self) -> None:
        try:
            self._loop()
            for generation in (*self._running, *self._waiting):
                generation.fail(StoppingError("The server has stopped."))
        finally:
            self._ended.release()

    def _loop(self) -> None:
        while not self._closed:
            self._admit()
            lane = min(self._lanes.values(), key=lambda one: one.seconds, default=None)
            if lane is None:
                self._work.wait(_IDLE_SECONDS)
                continue
            started = time.perf_counter()
            drawn = 0
            try:
                drawn = lane.step()
            # Whatever the step of one batch raises concerns the requests in that batch alone.
            except Exception as error:
                for generation in lane.generations:
                    generation.fail_with(error)
            self._settle(lane)
            took = time.perf_counter() - started
            lane.seconds += took
            if drawn:
                rate = drawn / took
                self._symbols_per_second += 0.02 * (rate - self._symbols_per_second)

    def _settle(self, lane: Lane) -> None:
        lane.settle(time.monotonic())
        if not lane.generations:
            self._lanes = {key: one for key, one in self._lanes.items() if one is not lane}
        self._forget_ended()

    def _forget_ended(self) -> None:
        if any(one.done for one in self._running):
            with self._lock:
                self._running = [one for one in self._running if not one.done]

    def _admit(self) -> None:
        """Give places to those that wait, as far as there are any."""
        while self._waiting:
            now = time.monotonic()
            for generation in list(self._waiting):  # not under the lock: its listener is told
                generation.check(now)
            with self._lock:
                waiting = [one for one in self._waiting if not one.done]
                chosen = admissible(self._running, waiting, self.max_rows)
                self._waiting = [one for one in waiting if one not in chosen]
                self._running += chosen
            if not chosen:
                return
            for generation in chosen:
                self._start(generation)

    def _start(self, generation: Generation) -> None:
        key = (generation.generator, generation.window)
        try:
            if key not in self._lanes:
                least = min((one.seconds for one in self._lanes.values()), default=0.0)
                self._lanes[key] = Lane(*key, least)
            self._lanes[key].start(generation)
        except Exception as error:  # no memory for a batch, or for its rows: its own failure
            generation.fail_with(error)
            if key in self._lanes:
                self._settle(self._lanes[key])
            self._forget_ended()
