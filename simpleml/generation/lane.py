"""A batch with the requests whose rows are in it: they join, are stepped together, and leave.

It belongs to the engine's thread. It knows nothing of the queue or of other lanes.
"""

from __future__ import annotations

import time

from simpleml.generation.batch import Batch, Slot
from simpleml.generation.request import Generation
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.generation.text_stream import TextStream, distributions_of


class Lane:
    """All running requests of one model in one mode (stateful, or windows of one length)."""

    def __init__(self, generator: SequenceGenerator, window: int | None, seconds: float) -> None:
        self.batch = Batch(generator.network, window)
        self.seconds = seconds
        """Time its steps have taken, or what counts as such: the least is stepped next."""
        self.generations: list[Generation] = []
        self._owners: dict[Slot, tuple[Generation, TextStream]] = {}

    def start(self, generation: Generation) -> None:
        """Give every text of a request a row; whatever it raises, `settle` takes out the rest."""
        generation.started_at = time.monotonic()
        self.generations.append(generation)
        for stream, seed in zip(generation.streams, generation.seeds, strict=True):
            if stream.finish_reason is None:  # not so for a size of 0 (echo)
                self._owners[self.batch.join(seed)] = generation, stream

    def step(self) -> int:
        """Step all rows once; returns how many symbols were drawn."""
        slots = self.batch.slots
        if not slots:
            return 0
        probabilities = self.batch.step([self._owners[slot][1].last_symbol for slot in slots])
        ready = [slot for slot in slots if slot.ready]
        if not ready:
            return 0
        if len(ready) < len(slots):
            probabilities = probabilities[[slot.index for slot in ready]]
        streams = [self._owners[slot][1] for slot in ready]
        log_p, distributions = distributions_of(probabilities, streams)
        for row, stream in enumerate(streams):
            try:
                stream.accept(log_p[row], distributions[row])
            except Exception as error:
                self._owners[ready[row]][0].fail_with(error)
        return len(ready)

    def settle(self, now: float) -> None:
        """End what is complete or over, and free its rows."""
        for generation in self.generations:
            generation.check(now)
            if not generation.done:
                generation.progressed(now)
        over = [
            slot
            for slot, (generation, stream) in self._owners.items()
            if generation.done or stream.finish_reason is not None
        ]
        for slot in over:
            self.batch.leave(slot)
            del self._owners[slot]
        self.generations = [one for one in self.generations if not one.done]
