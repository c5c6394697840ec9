"""What all routes share: the settings, the loader, the engine, and how a request goes through them.

One Service belongs to one application (one worker process). It knows nothing of Flask.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from weakref import WeakKeyDictionary

from simpleml.copying.guard import check_max_copy, guards
from simpleml.copying.index import Copied
from simpleml.copying.several import CorpusIndex
from simpleml.cores import usable_cores
from simpleml.errors import (
    InvalidValueError,
    PayloadTooLargeError,
    SimpleMLError,
    UnknownCharactersError,
)
from simpleml.generation.engine import Engine
from simpleml.generation.logits_processors import ProcessorMaker
from simpleml.generation.request import new_streams
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.generation.text_stream import GenerationOptions, TextStream
from simpleml.loader import ModelLoader
from simpleml.models.vocabulary import EncodedSeed, OnUnknown
from simpleml.settings import Settings
from simpleml.unwanted.guard import WordMasks, word_guards
from simpleml.unwanted.words import UnwantedWords
from simpleml.web.run import Run
from simpleml.web.threads import in_thread, new_wakeup


class Service:
    """Settings, loader and engine of one application."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        threads = settings.threads or default_threads()
        self.loader = ModelLoader(
            settings.models_dir,
            settings.precision,  # type: ignore[arg-type]  # checked by the settings' choices
            most_loaded=settings.most_loaded,
            threads=threads,
        )
        self.engine = Engine(
            max_rows=settings.max_rows, max_waiting=settings.max_waiting, shards=threads
        )
        self.unwanted: UnwantedWords | None = None
        """Words that no text completes; may be changed at any time."""
        self._masks = WeakKeyDictionary[SequenceGenerator, tuple[UnwantedWords, WordMasks]]()
        self.on_submit: Callable[[], None] = lambda: None
        """Called when the engine has taken a request."""

    def load(self, name: str | Mapping[str, float]) -> SequenceGenerator:
        """The model, or blend, of that name; files are read in a native thread beside the serving.

        Raises:
            ModelNotFoundError, ModelBrokenError, InvalidValueError: as ModelLoader.load.
        """
        kept = self.loader.kept(name)
        return in_thread(self.loader.load, name) if kept is None else kept

    def needed_index(
        self, generator: SequenceGenerator, max_copy: int | None, originality: bool
    ) -> CorpusIndex | None:
        """The index of the model's corpus if a request needs it, before anything is generated.

        Raises:
            CorpusUnavailableError: the text is not beside the models, or was edited.
            InvalidValueError: max_copy with a model that writes words.
        """
        if max_copy is not None:
            check_max_copy(max_copy, generator.vocabulary)
            return self.corpus_index(generator, "max_copy")
        return self.corpus_index(generator, "originality") if originality else None

    def corpus_index(self, generator: SequenceGenerator, param: str) -> CorpusIndex:
        """The index of the text that a model was trained on.

        A native thread reads or builds it, while others are served.

        Raises:
            CorpusUnavailableError: the text is not beside the models, or was edited; naming
                `param`.
        """
        try:
            kept = self.loader.kept_corpus_index(generator)
            return in_thread(self.loader.corpus_index, generator) if kept is None else kept
        except SimpleMLError as error:
            error.param = param
            raise

    def examine(self, generator: SequenceGenerator, index: CorpusIndex, text: str) -> Copied:
        """What of a text a model has copied, from its own corpus (`index`) and from its base's.

        Found in a native thread while others are served.
        """
        return in_thread(self.loader.examine, generator, index, text)

    def encode(
        self, generator: SequenceGenerator, seed: str, on_unknown: OnUnknown, param: str = "seed"
    ) -> EncodedSeed:
        """Check a seed's length and turn it into indices.

        Raises:
            PayloadTooLargeError, UnknownCharactersError: naming `param`.
        """
        self.check_seed(seed, param)
        try:
            return generator.vocabulary.encode(seed, on_unknown)
        except UnknownCharactersError as error:
            error.param = param
            raise

    def check_seed(self, seed: str, param: str = "seed") -> None:
        """Raise PayloadTooLargeError for a seed that is longer than the limit."""
        if len(seed) > self.settings.max_seed:
            raise PayloadTooLargeError(
                f"The {param} has {len(seed)} characters; at most {self.settings.max_seed} are "
                "accepted.",
                param=param,
                reason="value_long",
                params={"field": param, "most": self.settings.max_seed},
            )

    def check_size(self, size: int, param: str = "size", least: int = 1) -> None:
        """Raise InvalidValueError for a size of less than `least` or more than the limit."""
        most = self.settings.max_size
        if not least <= size <= most:
            shown = str(size) if abs(size) < 10**30 else f"{str(size)[:30]}…"
            raise InvalidValueError(
                f"{param} is {shown}; it must be {least} to {most}",
                param=param,
                reason="value_range",
                params={"field": param, "low": least, "high": most},
            )

    def _processors(
        self, generator: SequenceGenerator, index: CorpusIndex | None, options: GenerationOptions
    ) -> ProcessorMaker:
        """What changes the distributions of a request's texts."""
        copying = guards(index, options.max_copy, generator.vocabulary)
        unwanted = self.unwanted
        if not unwanted:
            return copying
        kept = self._masks.get(generator)
        if kept is None or kept[0] is not unwanted:
            masks = WordMasks(unwanted, generator.vocabulary, generator.card.language)
            kept = unwanted, masks
            self._masks[generator] = kept
        words = word_guards(kept[1], options.size)
        return lambda seed: [*copying(seed), *words(seed)]

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
        index: CorpusIndex | None = None,
        request_id: str = "",
        visitor: str = "",
    ) -> Run:
        """Put a request into the engine.

        Args:
            generator: the model.
            prompts: indices of each seed.
            options: text k has their random_state plus k.
            starts_blank: of each prompt: nothing, or white space, ends it.
            each: texts for each prompt.
            streaming: wake its waiter at every piece, not only at the end.
            seconds: until its deadline, at most the server's own.
            index: of the model's corpus; needed with max_copy.
            request_id: by which its queue position can be asked for.
            visitor: whose it is, in a class.

        Raises:
            StoppingError, QueueFullError, InvalidValueError: as Engine.submit.
        """
        state = options.random_state
        first = secrets.randbelow(2**32) if state is None else state
        processors = self._processors(generator, index, options)
        streams, seeds = list[TextStream](), list[Sequence[int]]()
        for prompt, blank in zip(prompts, starts_blank, strict=True):
            own = replace(options, random_state=(first + len(streams)) % 2**32)
            texts, starts = new_streams(
                generator, [prompt], own, each=each, starts_blank=blank, processors=processors
            )
            streams += texts
            seeds += starts
        most = self.settings.deadline
        wakeup = new_wakeup()
        try:
            generation = self.engine.submit(
                generator,
                seeds,
                streams,
                seconds=most if seconds is None else min(seconds, most),
                streaming=streaming,
                listener=wakeup.send,
                request_id=request_id,
                visitor=visitor,
            )
        except BaseException:
            wakeup.close()
            raise
        self.on_submit()
        return Run(generation, wakeup, first)


def default_threads() -> int:
    """The cores that may be used, shared among gunicorn's workers (WEB_CONCURRENCY), at least 1."""
    try:
        workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
    except ValueError:
        workers = 1
    return max(1, usable_cores() // max(1, workers))
