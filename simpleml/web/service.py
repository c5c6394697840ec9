"""What all routes share: the settings, the loader, the engine, and how a request goes through them.

One Service belongs to one application (one worker process). It knows nothing of Flask.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import TracebackType

import gevent
from gevent.util import wrap_errors

from simpleml.copying.guard import guards
from simpleml.copying.index import Originality, OriginalityIndex
from simpleml.errors import (
    InvalidValueError,
    PayloadTooLargeError,
    SimpleMLError,
    UnknownCharactersError,
)
from simpleml.generation.engine import Engine
from simpleml.generation.request import Generation, new_streams
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.generation.text_stream import GenerationOptions, TextStream
from simpleml.loader import ModelLoader
from simpleml.models.vocabulary import EncodedSeed, OnUnknown
from simpleml.settings import Settings
from simpleml.web.wakeup import Wakeup

_log = logging.getLogger("simpleml")

PING_SECONDS = 15.0
"""A stream that has nothing to say for so long sends a comment, so that nobody closes it."""
_GRACE_SECONDS = 30.0
"""Beyond its deadline the engine always ends a request; waiting longer than this is a defect."""


class Service:
    """Settings, loader and engine of one application."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.loader = ModelLoader(
            settings.models_dir,
            settings.precision,  # type: ignore[arg-type]  # checked by the settings' choices
            most_loaded=settings.most_loaded,
            threads=settings.threads or default_threads(),
        )
        self.engine = Engine(max_rows=settings.max_rows, max_waiting=settings.max_waiting)
        self.on_submit: Callable[[], None] = lambda: None
        """Called when the engine has taken a request."""

    def load(self, name: str) -> SequenceGenerator:
        """The model of that name; loading happens in a native thread while others are served.

        Raises:
            ModelNotFoundError, ModelBrokenError: as ModelLoader.load.
        """
        kept = self.loader.kept(name)
        if kept is not None:
            return kept
        # An error that leaves a function in gevent's pool is printed with its traceback, for every
        # request that asks for a broken model.
        load = wrap_errors(SimpleMLError, self.loader.load)
        loaded: SequenceGenerator | SimpleMLError = gevent.get_hub().threadpool.apply(load, (name,))
        if isinstance(loaded, SimpleMLError):
            raise loaded
        return loaded

    def corpus_index(self, generator: SequenceGenerator, param: str) -> OriginalityIndex:
        """The index of the text that a model was trained on; what reads or builds it is a native
        thread, while others are served.

        Raises:
            CorpusUnavailableError: the text is not beside the models, or was edited; naming
                `param`.
        """
        # An error that leaves a function in gevent's pool is printed with its traceback.
        load = wrap_errors(SimpleMLError, self.loader.corpus_index)
        try:
            index = self.loader.indexes.kept(generator.name, generator.card)
            found: OriginalityIndex | SimpleMLError = (
                gevent.get_hub().threadpool.apply(load, (generator,)) if index is None else index
            )
            if isinstance(found, SimpleMLError):
                raise found
        except SimpleMLError as error:
            error.param = param
            raise
        return found

    def examine(self, index: OriginalityIndex, text: str) -> Originality:
        """What of a text stands in a corpus; found in a native thread while others are served."""
        found: Originality = gevent.get_hub().threadpool.apply(index.examine, (text,))
        return found

    def encode(
        self, generator: SequenceGenerator, seed: str, on_unknown: OnUnknown, param: str = "seed"
    ) -> EncodedSeed:
        """Check a seed's length and turn it into indices.

        Raises:
            PayloadTooLargeError, UnknownCharactersError: naming `param`.
        """
        if len(seed) > self.settings.max_seed:
            raise PayloadTooLargeError(
                f"The {param} has {len(seed)} characters; at most {self.settings.max_seed} are "
                "accepted.",
                param=param,
            )
        try:
            return generator.vocabulary.encode(seed, on_unknown)
        except UnknownCharactersError as error:
            error.param = param
            raise

    def check_size(self, size: int, param: str = "size", least: int = 1) -> None:
        """Raise InvalidValueError for a size of less than `least` or more than the limit."""
        most = self.settings.max_size
        if not least <= size <= most:
            shown = str(size) if abs(size) < 10**30 else f"{str(size)[:30]}…"
            raise InvalidValueError(
                f"{param} is {shown}; it must be {least} to {most}", param=param
            )

    def generate(
        self,
        generator: SequenceGenerator,
        prompts: Sequence[Sequence[int]],
        options: GenerationOptions,
        *,
        each: int = 1,
        streaming: bool = False,
        starts_blank: bool | Sequence[bool] = False,
        seconds: float | None = None,
        index: OriginalityIndex | None = None,
        request_id: str = "",
    ) -> Run:
        """Put a request into the engine.

        Args:
            prompts: indices of each seed.
            each: texts for each prompt.
            starts_blank: nothing, or white space, ends the prompt (every one, or each).
            seconds: until its deadline, at most the server's own.
            index: of the model's corpus; needed with max_copy.
            request_id: by which its queue position can be asked for.

        Raises:
            StoppingError, QueueFullError, InvalidValueError: as Engine.submit.
        """
        if options.random_state is None:
            options = replace(options, random_state=secrets.randbelow(2**32))
        blanks = [starts_blank] * len(prompts) if isinstance(starts_blank, bool) else starts_blank
        processors = guards(index, options.max_copy, generator.vocabulary)
        streams: list[TextStream] = []
        seeds: list[Sequence[int]] = []
        for prompt, blank in zip(prompts, blanks, strict=True):
            # Text k has the random state of the first one, plus k.
            state = ((options.random_state or 0) + len(streams)) % 2**32
            texts, starts = new_streams(
                generator,
                [prompt],
                replace(options, random_state=state),
                each=each,
                starts_blank=blank,
                processors=processors,
            )
            streams += texts
            seeds += starts
        limit = self.settings.deadline
        wakeup = Wakeup()
        try:
            generation = self.engine.submit(
                generator,
                seeds,
                streams,
                seconds=limit if seconds is None else min(seconds, limit),
                streaming=streaming,
                listener=wakeup.send,
                request_id=request_id,
            )
        except BaseException:
            wakeup.close()
            raise
        self.on_submit()
        return Run(generation, wakeup, options)


def default_threads() -> int:
    """The cores of this machine shared among gunicorn's workers (WEB_CONCURRENCY), at least 1."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        cores = os.cpu_count() or 1
    try:
        workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
    except ValueError:
        workers = 1
    return max(1, cores // max(1, workers))


@dataclass
class Run:
    """A request in the engine, seen from the greenlet that waits for it.

    Use as a context manager: leaving it frees the request's rows if it is not over.
    """

    generation: Generation
    wakeup: Wakeup
    options: GenerationOptions
    """With the random_state that is used."""
    complete: bool = False
    """Whether what `news` yields now is the last."""

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

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
