"""The scheduler: one native thread that owns every batch and steps them in turn.

    submit ──► waiting ──► running: rows of a Batch ──► finished
               (bounded)   (bounded)

Requests join and leave between steps; all rows of one model and mode are one batch; the batch that
has had the least time is stepped next, so no model starves another. Admission is decided before any
work. Every request ends exactly once: done, cut by its deadline, cancelled, or failed with the step
that its rows were in. It knows nothing of HTTP; a listener is told when there is news.
"""

from __future__ import annotations

import atexit
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from simpleml.copying.index import OriginalityIndex
from simpleml.errors import (
    DeadlineError,
    GenerationFailedError,
    InvalidValueError,
    QueueFullError,
    SimpleMLError,
    StoppingError,
)
from simpleml.generation.batch import Batch, Slot
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.generation.text_stream import GenerationOptions, TextStream, distributions_of
from simpleml.native import Signal, new_lock, start_thread

_log = logging.getLogger("simpleml")

_IDLE_SECONDS = 60.0
"""Longest wait for work; the loop then looks again, in case a wake-up was lost."""
_RETRY_AFTER = (1, 120)  # seconds


class Generation:
    """One request in the engine: one or more texts of one model that start together."""

    def __init__(
        self,
        generator: SequenceGenerator,
        streams: Sequence[TextStream],
        seeds: Sequence[Sequence[int]],
        *,
        seconds: float,
        streaming: bool,
        listener: Callable[[], None],
        request_id: str = "",
    ) -> None:
        self.generator = generator
        self.request_id = request_id
        """By which its place in the queue can be asked for; empty for none."""
        self.streams = tuple(streams)
        """The texts; take() and finish_reason are for the consumer to read at any time."""
        self.seeds = seeds
        self.window = generator.window(streams[0].options.stateful)
        self.submitted_at = time.monotonic()
        self.deadline = self.submitted_at + seconds
        self.started_at: float | None = None
        self.first_symbol_at: float | None = None
        self.finished_at: float | None = None
        self.truncated_by: Literal["time"] | None = None
        self.error: SimpleMLError | None = None
        self.done = False
        """Set last, after everything else; nothing changes any more."""
        self._listener = listener
        self._streaming = streaming
        self._told = False
        self._cancelled = False
        self.slots: list[Slot | None] = []

    @property
    def symbols_generated(self) -> int:
        return sum(stream.generated for stream in self.streams)

    @property
    def symbols_left(self) -> int:
        return sum(stream.options.size - stream.generated for stream in self.streams)

    @property
    def texts_left(self) -> int:
        """Those that are not complete."""
        return 0 if self.done else sum(one.finish_reason is None for one in self.streams)

    @property
    def queue_seconds(self) -> float:
        """How long it waited for its rows."""
        return (self.started_at or self.finished_at or time.monotonic()) - self.submitted_at

    def cancel(self) -> None:
        """Free its rows before the next step; harmless when it is over."""
        self._cancelled = True

    def listen(self) -> None:
        """Say that the consumer is about to look: the next news wakes it again."""
        self._told = False

    # --- the engine's side ---

    def check(self, now: float) -> None:
        """End it if it was cancelled or its time is over."""
        if self._cancelled:
            self.end("cancelled")
        elif now >= self.deadline:
            if self.symbols_generated:
                self.truncated_by = "time"
                self.end("length")
            else:
                waiting = "in the queue" if self.started_at is None else "reading the seed"
                self.fail(DeadlineError(f"The request's time ran out {waiting}."))

    def end(self, reason: Literal["length", "cancelled"]) -> None:
        if not self.done:
            for stream in self.streams:
                if stream.finish_reason is None:
                    stream.finish(reason)
            self._close()

    def fail(self, error: SimpleMLError) -> None:
        if not self.done:
            self.error = error
            self._close()

    def progressed(self, now: float) -> None:
        """Note that a step brought symbols; ends the request when every text is complete."""
        if self.first_symbol_at is None and self.symbols_generated:
            self.first_symbol_at = now
        if all(stream.finish_reason for stream in self.streams):
            self._close()
        elif self._streaming and not self._told:
            self._tell()

    def _close(self) -> None:
        self.finished_at = time.monotonic()
        self.done = True
        self._tell()

    def _tell(self) -> None:
        self._told = True
        try:
            self._listener()
        except Exception:  # its consumer is gone; the others are not
            _log.exception("a listener failed")


class _Lane:
    """A batch with the requests whose rows are in it."""

    def __init__(self, generator: SequenceGenerator, window: int | None, seconds: float) -> None:
        self.generator = generator
        self.batch = Batch(generator.network, window)
        self.seconds = seconds
        """Time its steps have taken, or what counts as such: the least is stepped next."""
        self.generations: list[Generation] = []
        self.owners: dict[Slot, tuple[Generation, int]] = {}

    def start(self, generation: Generation) -> None:
        generation.started_at = time.monotonic()
        self.generations.append(generation)
        for number, (stream, seed) in enumerate(
            zip(generation.streams, generation.seeds, strict=True)
        ):
            if stream.finish_reason is not None:  # a size of 0 (echo)
                generation.slots.append(None)
                continue
            slot = self.batch.join(seed)
            generation.slots.append(slot)
            self.owners[slot] = (generation, number)

    def step(self) -> int:
        """Step all rows once; returns how many symbols were drawn."""
        slots = self.batch.slots
        last = [self._stream(slot).last_symbol for slot in slots]
        probabilities = self.batch.step(last)
        ready = [slot for slot in slots if slot.ready]
        if not ready:
            return 0
        if len(ready) < len(slots):
            probabilities = probabilities[[slot.index for slot in ready]]
        streams = [self._stream(slot) for slot in ready]
        log_p, distributions = distributions_of(probabilities, streams)
        for row, stream in enumerate(streams):
            try:
                stream.accept(log_p[row], distributions[row])
            except Exception as error:
                self.owners[ready[row]][0].fail(_failure(error))
        return len(ready)

    def settle(self, now: float) -> int:
        """Take out what is complete or over; returns how many rows became free."""
        freed = 0
        for generation in list(self.generations):
            generation.check(now)
            if not generation.done:
                generation.progressed(now)
            for number, slot in enumerate(generation.slots):
                if slot is not None and (
                    generation.done or generation.streams[number].finish_reason is not None
                ):
                    self.batch.leave(slot)
                    del self.owners[slot]
                    generation.slots[number] = None
                    freed += 1
            if generation.done:
                self.generations.remove(generation)
        return freed

    def _stream(self, slot: Slot) -> TextStream:
        generation, number = self.owners[slot]
        return generation.streams[number]


def _failure(error: Exception) -> GenerationFailedError:
    failure = GenerationFailedError("The generation failed; the server's log says why.")
    failure.__cause__ = error
    return failure


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
        self._lock = new_lock()  # of the next five, held for moments only
        self._waiting: deque[Generation] = deque()
        self._running: list[Generation] = []
        self._rows = 0
        self._thread_started = False
        self._stopping = False
        self._closed = False
        self._ended = new_lock()  # held while the thread runs
        self._work = Signal()
        self._lanes: dict[tuple[SequenceGenerator, int | None], _Lane] = {}  # the thread's own
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
        return self._rows

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
            if self._is_full(len(streams)):
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

    def _is_full(self, texts: int) -> bool:
        """Whether so many texts more find neither a place nor room in the queue."""
        places = sum(one.texts_left for one in self._running)
        queued = 0
        for one in self._waiting:
            if places + one.texts_left <= self.max_rows:
                places += one.texts_left  # it waits for nothing but the next step
            else:
                queued += 1
        return places + texts > self.max_rows and queued >= self.max_waiting

    def place(self, request_id: str) -> int | None:
        """A request's place in the queue: 1 is the next to be admitted; None: it does not wait.

        Counted as they would be admitted if nothing ended and nothing came meanwhile.
        """
        with self._lock:
            waiting = list(self._waiting)
            running = list(self._running)
        if not request_id or all(one.request_id != request_id for one in waiting):
            return None
        texts = Counter[SequenceGenerator]()
        for one in running:
            texts[one.generator] += len(one.streams)
        for place in range(1, len(waiting) + 1):
            following = min(waiting, key=lambda one: texts[one.generator])
            if following.request_id == request_id:
                return place
            texts[following.generator] += len(following.streams)
            waiting.remove(following)
        raise AssertionError("it is among those that wait")

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
                if lane.batch.slots:
                    drawn = lane.step()
            # Whatever the step of one batch raises concerns the requests in that batch alone.
            except Exception as error:
                for generation in lane.generations:
                    generation.fail(_failure(error))
            self._settle(lane)
            took = time.perf_counter() - started
            lane.seconds += took
            if drawn:
                rate = drawn / took
                self._symbols_per_second += 0.02 * (rate - self._symbols_per_second)

    def _settle(self, lane: _Lane) -> None:
        before = len(lane.generations)
        freed = lane.settle(time.monotonic())
        if freed or len(lane.generations) != before:
            with self._lock:
                self._rows -= freed
                self._running = [one for one in self._running if not one.done]
        if not lane.generations:
            self._lanes = {key: one for key, one in self._lanes.items() if one is not lane}

    def _admit(self) -> None:
        """Give places to those that wait: first come first served within a model, and among
        models to the one with the fewest running texts."""
        while self._waiting:
            now = time.monotonic()
            with self._lock:
                for generation in self._waiting:
                    generation.check(now)
                self._waiting = deque(one for one in self._waiting if not one.done)
                chosen = min(self._waiting, key=self._running_texts, default=None)
                if chosen is None or self._rows + len(chosen.streams) > self.max_rows:
                    return
                self._waiting.remove(chosen)
                self._running.append(chosen)
            try:
                lane = self._lane_of(chosen)
            except Exception as error:  # no memory for a batch: its own failure
                chosen.fail(_failure(error))
                with self._lock:
                    self._running.remove(chosen)
                continue
            try:
                lane.start(chosen)
            except Exception as error:  # no memory for its rows; settling takes out those it has
                chosen.fail(_failure(error))
            with self._lock:
                self._rows += sum(slot is not None for slot in chosen.slots)

    def _lane_of(self, generation: Generation) -> _Lane:
        key = (generation.generator, generation.window)
        lane = self._lanes.get(key)
        if lane is None:
            least = min((one.seconds for one in self._lanes.values()), default=0.0)
            lane = self._lanes[key] = _Lane(generation.generator, generation.window, least)
        return lane

    def _running_texts(self, generation: Generation) -> int:
        return sum(
            len(one.streams) for one in self._running if one.generator is generation.generator
        )


def new_streams(
    generator: SequenceGenerator,
    prompts: Sequence[Sequence[int]],
    options: GenerationOptions,
    *,
    each: int = 1,
    starts_blank: bool = False,
    index: OriginalityIndex | None = None,
) -> tuple[list[TextStream], list[Sequence[int]]]:
    """`each` texts for each prompt, every one with a random state of its own.

    Text k (0 is the first) is the text of a request of its own with random_state + k.

    Args:
        options: with a random_state.
        index: of the corpus; needed with max_copy.

    Raises:
        InvalidValueError: max_copy with a model that writes words.
    """
    if options.random_state is None:
        raise ValueError("the options carry no random_state")
    streams: list[TextStream] = []
    seeds: list[Sequence[int]] = []
    for prompt in prompts:
        for _ in range(each):
            rng = np.random.RandomState((options.random_state + len(streams)) % 2**32)
            streams.append(
                TextStream(
                    generator.vocabulary,
                    options,
                    prompt,
                    rng,
                    starts_blank=starts_blank,
                    index=index,
                )
            )
            seeds.append(prompt)
    return streams, seeds
