"""One native thread with lanes of its own, which it steps in turn: a core's part of the engine.

Shards never wait for each other. The lane that has had the least time for each text is stepped
next, so no model starves another, and texts advance at one pace. A step that fails, fails the
requests whose rows were in it and no other. It knows nothing of the queue: the engine puts texts in
and hears of those that have left.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence

from simpleml.errors import StoppingError
from simpleml.generation.division import turn_cost
from simpleml.generation.lane import Lane, Part
from simpleml.native import Signal, new_lock, start_thread

_IDLE_SECONDS = 60.0
"""Longest wait for work; the loop then looks again, in case a wake-up was lost."""


class Shard:
    """Texts that one thread generates."""

    def __init__(
        self, alone: Callable[[Shard], bool], stepped: Callable[[Shard, Sequence[Part]], None]
    ) -> None:
        """Make one; its thread starts with the first `put`, after any fork.

        Args:
            alone: whether a step of this shard may take all cores.
            stepped: called by its thread after each step, with the parts that have left.
        """
        self.texts = Counter[Hashable]()
        """Of each lane, those not begun included; counted by the engine, under its lock."""
        self.load = 0
        """Their sum."""
        self.symbols_per_second = 1000.0
        """While it steps."""
        self._alone = alone
        self._stepped = stepped
        self._inbox: deque[Part] = deque()
        self._work = Signal()
        self._lanes: dict[Hashable, Lane] = {}  # the thread's
        self._started = False
        self._closed = False
        self._ended = new_lock()  # held while the thread runs

    def count(self, part: Part, sign: int) -> None:
        """Note that texts come (1) or have left (-1)."""
        lane, texts = part.generation.lane, sign * len(part.texts)
        self.load += texts
        self.texts[lane] += texts
        if not self.texts[lane]:
            del self.texts[lane]

    def put(self, part: Part) -> None:
        """Take texts in before the next step."""
        self._inbox.append(part)
        if not self._started:
            self._started = True
            self._ended.acquire()
            start_thread(self._run)
        self._work.set()

    def close(self) -> None:
        """End the thread after the step that it is in; what it has fails."""
        self._closed = True
        self._work.set()

    def ended(self, seconds: float) -> None:
        """Wait for the end of the thread."""
        if self._started and self._ended.acquire(True, seconds):
            self._ended.release()

    # --- its thread ---

    def _run(self) -> None:
        try:
            while not self._closed:
                self._turn()
            self._take_in()
            for lane in self._lanes.values():
                for part in lane.parts:
                    part.generation.fail(StoppingError("The server has stopped."))
        finally:
            self._ended.release()

    def _turn(self) -> None:
        self._take_in()
        lane = min(self._lanes.values(), key=lambda one: one.seconds, default=None)
        if lane is None:
            self._work.wait(_IDLE_SECONDS)
            return
        texts = len(lane.batch.slots)
        started = time.perf_counter()
        drawn = 0
        try:
            lane.batch.wide = self._alone(self)
            drawn = lane.step()
        # Whatever the step of one batch raises concerns the requests in that batch alone.
        except Exception as error:
            lane.fail(error)
        self._settle(lane)
        took = time.perf_counter() - started
        lane.seconds += turn_cost(took, texts)
        if drawn:
            self.symbols_per_second += 0.02 * (drawn / took - self.symbols_per_second)

    def _settle(self, lane: Lane) -> None:
        left = lane.settle(time.monotonic())
        if not lane.parts:
            self._lanes.pop(lane.key, None)
        self._stepped(self, left)

    def _take_in(self) -> None:
        while self._inbox:
            part = self._inbox.popleft()
            generation = part.generation
            key = generation.lane
            lane = self._lanes.get(key)
            try:
                if lane is None:
                    least = min((one.seconds for one in self._lanes.values()), default=0.0)
                    lane = Lane(key, generation.generator, generation.windows, least)
                    self._lanes[key] = lane
                lane.start(part)
            except Exception as error:  # no memory for a batch, or for its rows: its own failure
                generation.fail_with(error)
                if lane is None:
                    self._stepped(self, [part])
                else:
                    self._settle(lane)
