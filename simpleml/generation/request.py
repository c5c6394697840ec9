"""One request for texts: what the engine is given, and what its consumer sees of it.

Every request ends exactly once: done, cut by its deadline, cancelled, or failed. It knows nothing
of batches, of the queue or of HTTP; a listener is told when there is news.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Literal

from simpleml.errors import DeadlineError, GenerationFailedError, SimpleMLError
from simpleml.generation.draws import Draws
from simpleml.generation.logits_processors import ProcessorMaker, no_processors
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.generation.text_stream import GenerationOptions, TextStream
from simpleml.native import new_lock

_log = logging.getLogger("simpleml")


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
        visitor: str = "",
    ) -> None:
        self.generator = generator
        self.visitor = visitor
        """Whose it is, for the order of admission; empty for nobody in particular."""
        self.request_id = request_id
        """By which its queue position can be asked for; empty for none."""
        self.streams = tuple(streams)
        """The texts; take() and finish_reason are for the consumer to read at any time."""
        self.seeds = seeds
        self.window = generator.window(streams[0].options.stateful)
        self.windows = generator.windows(streams[0].options.stateful)
        """By which, and the model, it finds those whose batch it can share."""
        self.submitted_at = time.monotonic()
        self.deadline = self.submitted_at + seconds
        self.started_at: float | None = None
        self.first_symbol_at: float | None = None
        self.finished_at: float | None = None
        self.truncated_by: Literal["time"] | None = None
        self.error: SimpleMLError | None = None
        self.done = False
        """Set last, after everything else; nothing changes any more."""
        self.streaming = streaming
        """Whether its listener hears of every piece."""
        self._listener = listener
        self._told = False
        self._cancelled = False
        self._ending = new_lock()  # its texts may end in several threads at once

    @property
    def lane(self) -> Hashable:
        """The same for all whose texts can be rows of one batch."""
        return self.model, self.windows

    @property
    def model(self) -> Hashable:
        """Whose requests wait in one line."""
        return self.generator.model

    @property
    def symbols_generated(self) -> int:
        """Drawn so far, over all its texts."""
        return sum(stream.generated for stream in self.streams)

    @property
    def symbols_left(self) -> int:
        """Still to be drawn at most, or read and scored, over all its texts."""
        return sum(one.unread + one.options.size - one.generated for one in self.streams)

    @property
    def texts_left(self) -> int:
        """Those that are not complete: the places it holds, or needs."""
        if self.done:
            return 0
        return [one.finish_reason for one in self.streams].count(None)

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

    # --- the engine's side; each text belongs to one thread, and only that one finishes it ---

    def is_over(self, now: float) -> bool:
        """Whether it was cancelled, or its time is over: `cut` ends it."""
        return self._cancelled or now >= self.deadline

    def cut(self, now: float, streams: Sequence[TextStream]) -> None:
        """End those of its texts that the calling thread owns; `progressed` ends the request."""
        if not self._cancelled and not self.symbols_generated:
            waiting = "in the queue" if self.started_at is None else "reading the seed"
            self.fail(DeadlineError(f"The request's time ran out {waiting}."))
            return
        for stream in streams:
            if stream.finish_reason is None:
                if not self._cancelled:
                    self.truncated_by = "time"
                stream.finish("cancelled" if self._cancelled else "length")

    def fail(self, error: SimpleMLError) -> None:
        """End with an error, unless it has ended."""
        self._close(error)

    def progressed(self, now: float) -> None:
        """Note that a step brought symbols; ends the request when every text is complete."""
        if self.first_symbol_at is None and self.symbols_generated:
            self.first_symbol_at = now
        if all(stream.finish_reason for stream in self.streams):
            self._close()
        elif self.streaming and not self._told:
            self._tell()

    def _close(self, error: SimpleMLError | None = None) -> None:
        with self._ending:
            if self.done:
                return
            self.error = error
            self.finished_at = time.monotonic()
            self.done = True
        self._tell()

    def _tell(self) -> None:
        self._told = True
        try:
            self._listener()
        except Exception:  # its consumer is gone; the others are not
            _log.exception("a listener failed")

    def fail_with(self, error: Exception) -> None:
        """Fail for a defect, of which the consumer is told no more than that there is one."""
        failure = GenerationFailedError("The generation failed; the server's log says why.")
        failure.__cause__ = error
        self.fail(failure)


def new_streams(
    generator: SequenceGenerator,
    prompts: Sequence[Sequence[int]],
    options: GenerationOptions,
    *,
    each: int = 1,
    starts_blank: bool = False,
    processors: ProcessorMaker = no_processors,
) -> tuple[list[TextStream], list[Sequence[int]]]:
    """`each` texts for each prompt, every one with a random state of its own.

    Text k (0 is the first) is the text of a request of its own with random_state + k.

    Args:
        generator: the model.
        prompts: indices of each seed.
        options: with a random_state.
        each: texts for each prompt.
        starts_blank: nothing, or white space, ends the prompts.
        processors: makes those of each text.

    Returns:
        The texts, and what the engine reads before the first distribution of each.
    """
    if options.random_state is None:
        raise ValueError("the options carry no random_state")
    streams: list[TextStream] = []
    seeds: list[Sequence[int]] = []
    for prompt in prompts:
        for _ in range(each):
            rng = Draws((options.random_state + len(streams)) % 2**32)
            streams.append(
                TextStream(
                    generator.vocabulary,
                    options,
                    prompt,
                    rng,
                    starts_blank=starts_blank,
                    processors=processors(prompt),
                )
            )
            seeds.append(streams[-1].opening)
    return streams, seeds
