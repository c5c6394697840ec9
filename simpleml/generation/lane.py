"""A batch with the requests whose rows are in it: they join, are stepped together, and leave.

It belongs to one shard's thread. It knows nothing of the queue or of other lanes.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from simpleml.generation.batch import Slot
from simpleml.generation.request import Generation
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.generation.text_stream import TextStream, distributions_of, drawn_together


@dataclass(eq=False)
class Part:
    """What one shard has of a request: some of its texts, perhaps all."""

    generation: Generation
    texts: list[tuple[TextStream, Sequence[int]]]
    """Each with what is read before its first distribution."""

    @property
    def streams(self) -> list[TextStream]:
        """The texts."""
        return [stream for stream, _ in self.texts]


class Lane:
    """Running texts of one model in one mode (stateful, or windows of one length)."""

    def __init__(
        self,
        key: Hashable,
        generator: SequenceGenerator,
        windows: Sequence[int | None],
        seconds: float,
    ) -> None:
        self.key = key
        self.batch = generator.new_batch(windows)
        self.seconds = seconds
        """What its steps have cost (division.turn_cost), or counts as such: the least is next."""
        self.parts: list[Part] = []
        self._owners: dict[Slot, tuple[Generation, TextStream]] = {}
        self._some_ended = False

    def start(self, part: Part) -> None:
        """Give every text a row; whatever it raises, `settle` takes out the rest."""
        self.parts.append(part)
        self._some_ended = True  # those that were complete before they began
        for stream, seed in part.texts:
            if stream.finish_reason is None:  # not so for a size of 0 with nothing to score
                slot = part.generation.generator.join(self.batch, seed)
                self._owners[slot] = part.generation, stream

    def step(self) -> int:
        """Step all rows once; returns how many symbols were drawn, or read and scored."""
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
        drawn = drawn_together(distributions, streams)
        for row, (stream, index) in enumerate(zip(streams, drawn, strict=True)):
            try:
                if index is None:
                    stream.accept(log_p[row], distributions[row])
                else:
                    stream.write(index)
            except Exception as error:
                self._owners[ready[row]][0].fail_with(error)
                self._some_ended = True
            if stream.finish_reason is not None:
                self._some_ended = True
        return len(ready)

    def fail(self, error: Exception) -> None:
        """A step failed: so does every request with a row in it."""
        for part in self.parts:
            part.generation.fail_with(error)

    def settle(self, now: float) -> list[Part]:
        """End what is complete or over, free its rows, and return what has left."""
        ended = self._some_ended
        for part in self.parts:
            generation = part.generation
            if generation.is_over(now):
                generation.cut(now, part.streams)
                ended = True
            if ended or generation.streaming or generation.first_symbol_at is None:
                generation.progressed(now)
            ended = ended or generation.done  # by another shard, too
        if not ended:
            return []
        self._some_ended = False
        over = [
            slot
            for slot, (generation, stream) in self._owners.items()
            if generation.done or stream.finish_reason is not None
        ]
        for slot in over:
            self.batch.leave(slot)
            del self._owners[slot]
        left = [
            part
            for part in self.parts
            if part.generation.done or all(one.finish_reason for one in part.streams)
        ]
        self.parts = [part for part in self.parts if part not in left]
        return left
