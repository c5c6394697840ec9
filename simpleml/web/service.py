"""What all routes share: the settings, the loader, the engine, and how a request goes through them.

One Service belongs to one application (one worker process). It knows nothing of Flask.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

import gevent
from gevent.util import wrap_errors

from simpleml.copying.guard import check_max_copy, guards
from simpleml.copying.index import Originality, OriginalityIndex
from simpleml.errors import (
    InvalidValueError,
    PayloadTooLargeError,
    SimpleMLError,
    UnknownCharactersError,
)
from simpleml.generation.engine import Engine
from simpleml.generation.request import new_streams
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.generation.text_stream import GenerationOptions, TextStream
from simpleml.loader import ModelLoader
from simpleml.models.vocabulary import EncodedSeed, OnUnknown
from simpleml.settings import Settings
from simpleml.web.run import Run, Wakeup


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

    def needed_index(
        self, generator: SequenceGenerator, max_copy: int | None, originality: bool
    ) -> OriginalityIndex | None:
        """The index of the model's corpus if a request needs it, before anything is generated.

        Raises:
            CorpusUnavailableError: the text is not beside the models, or was edited.
            InvalidValueError: max_copy with a model that writes words.
        """
        if max_copy is not None:
            check_max_copy(max_copy, generator.vocabulary)
            return self.corpus_index(generator, "max_copy")
        return self.corpus_index(generator, "originality") if originality else None

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
        starts_blank: Sequence[bool],
        each: int = 1,
        streaming: bool = False,
        seconds: float | None = None,
        index: OriginalityIndex | None = None,
        request_id: str = "",
    ) -> Run:
        """Put a request into the engine.

        Args:
            prompts: indices of each seed.
            options: text k has their random_state plus k.
            starts_blank: of each prompt: nothing, or white space, ends it.
            each: texts for each prompt.
            seconds: until its deadline, at most the server's own.
            index: of the model's corpus; needed with max_copy.
            request_id: by which its queue position can be asked for.

        Raises:
            StoppingError, QueueFullError, InvalidValueError: as Engine.submit.
        """
        given = options.random_state
        first = secrets.randbelow(2**32) if given is None else given
        processors = guards(index, options.max_copy, generator.vocabulary)
        streams: list[TextStream] = []
        seeds: list[Sequence[int]] = []
        for prompt, blank in zip(prompts, starts_blank, strict=True):
            texts, starts = new_streams(
                generator,
                [prompt],
                replace(options, random_state=(first + len(streams)) % 2**32),
                each=each,
                starts_blank=blank,
                processors=processors,
            )
            streams += texts
            seeds += starts
        limit = self.settings.deadline if seconds is None else min(seconds, self.settings.deadline)
        wakeup = Wakeup()
        try:
            generation = self.engine.submit(
                generator,
                seeds,
                streams,
                seconds=limit,
                streaming=streaming,
                listener=wakeup.send,
                request_id=request_id,
            )
        except BaseException:
            wakeup.close()
            raise
        self.on_submit()
        return Run(generation, wakeup, first)


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
