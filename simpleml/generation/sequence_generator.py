"""SequenceGenerator: TFLearn's interface on the fast step.

    from simpleml import ModelLoader
    contes = ModelLoader("ML").load("contes")
    print(contes.generate(200, temperature=0.5, seq_seed="le sultan "))

It knows nothing of HTTP or of scheduling: each call steps a batch of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, overload

import numpy as np

from simpleml.errors import CorpusUnavailableError, InvalidValueError
from simpleml.generation.batch import Batch, Slot, TextBatch
from simpleml.generation.logits_processors import ProcessorMaker, no_processors
from simpleml.generation.network import Precision, StepNetwork
from simpleml.generation.sampling import log_probabilities
from simpleml.generation.scoring import SCORED, Score, Scoring
from simpleml.generation.text_stream import (
    GenerationOptions,
    RandomSource,
    TextStream,
    distributions_of,
)
from simpleml.models.artifact import Artifact
from simpleml.models.card import Card
from simpleml.models.vocabulary import OnUnknown, Vocabulary
from simpleml.models.weights import Float32Array

RandomState = int | np.random.RandomState | None


class SequenceGenerator:
    """A loaded model. Safe to use from several threads at once."""

    def __init__(
        self,
        artifact: Artifact,
        precision: Precision = "float32",
        threads: int = 0,
        processors: Callable[[SequenceGenerator, GenerationOptions], ProcessorMaker] | None = None,
    ) -> None:
        """Compile a model's network.

        Args:
            artifact: the model, read.
            precision: "float32" (TFLearn's numbers) or "int8" (about three times faster).
            threads: native threads of a step that has all cores; 0 takes one per core.
            processors: what the options ask for beyond sampling (max_copy).
        """
        self.name = artifact.name
        self.card: Card = artifact.card
        self.vocabulary: Vocabulary = artifact.vocabulary
        self.precision: Precision = precision
        self.network = StepNetwork(artifact.weights, precision, threads)
        self._processors = processors

    def __repr__(self) -> str:
        card = self.card
        return f"<SequenceGenerator {self.name}: {card.layers}x{card.units}, {self.precision}>"

    def processors(self, options: GenerationOptions) -> ProcessorMaker:
        """Makes the logits processors of a text that is generated with these options.

        Raises:
            CorpusUnavailableError: max_copy without the text that the model was trained on.
            InvalidValueError: max_copy is out of bounds, or the model writes words.
        """
        if self._processors is not None:
            return self._processors(self, options)
        if options.max_copy is not None:
            raise CorpusUnavailableError(
                f"The model {self.name} was not loaded from a models folder: the text it was "
                "trained on is not known."
            )
        return no_processors

    def window(self, stateful: bool | None = None) -> int | None:
        """W where `stateful` (None: as the card says) means windows, else None."""
        carried = self.card.stateful if stateful is None else stateful
        return None if carried else self.card.seq_maxlen

    @property
    def members(self) -> tuple[SequenceGenerator, ...]:
        """The models that write: this one, or those of a blend."""
        return (self,)

    @property
    def model(self) -> Hashable:
        """What writes: texts of the same one share batches, and wait in one line."""
        return self

    def windows(self, stateful: bool | None = None) -> tuple[int | None, ...]:
        """`window` of every network that writes: this one's alone, or each of a blend's."""
        return (self.window(stateful),)

    def fingerprint(self, stateful: bool | None = None) -> str:
        """What makes a text besides seed, options and random state; equal: the text is the same."""
        mode, arithmetic = [], []
        for one, window in zip(self.members, self.windows(stateful), strict=True):
            mode.append("stateful" if window is None else f"window-{window}")
            arithmetic.append(one.network.arithmetic)
        return (
            f"weights={self.card.weights_sha256}; precision={self.precision}; "
            f"mode={'+'.join(mode)}; arithmetic={'+'.join(arithmetic)}"
        )

    def new_batch(self, windows: Sequence[int | None]) -> TextBatch:
        """An empty batch for texts of `model`, with what `windows` gave."""
        return Batch(self.network, windows[0])

    def join(self, batch: TextBatch, seed: Sequence[int]) -> Slot:
        """Add a text that starts from `seed` (indices) to a batch that `new_batch` made."""
        assert isinstance(batch, Batch)
        return batch.join(seed)

    @overload
    def generate(
        self,
        seq_length: int,
        temperature: float = ...,
        seq_seed: str = ...,
        display: bool = ...,
        *,
        random_state: RandomState = ...,
        on_unknown: OnUnknown = ...,
        **options: Any,
    ) -> str: ...

    @overload
    def generate(
        self,
        seq_length: int,
        temperature: float,
        seq_seed: Sequence[str],
        display: bool = ...,
        *,
        random_state: RandomState = ...,
        on_unknown: OnUnknown = ...,
        **options: Any,
    ) -> list[str]: ...

    def generate(
        self,
        seq_length: int,
        temperature: float = 0.5,
        seq_seed: str | Sequence[str] = "",
        display: bool = False,
        *,
        random_state: RandomState = None,
        on_unknown: OnUnknown = "error",
        **options: Any,
    ) -> str | list[str]:
        """Generate `seq_length` symbols after a seed, as TFLearn's SequenceGenerator does.

        Args:
            seq_length: symbols to generate.
            temperature: 0 takes the likeliest symbol, 1 samples the network's distribution.
            seq_seed: text, or a list of symbols. The last W symbols count in window mode; a
                shorter or empty seed works.
            display: write the text to stdout as it grows.
            random_state: an integer or a numpy RandomState for a text that can be had again;
                None draws from NumPy's global generator, as TFLearn does.
            on_unknown: "error", "nearest" or "skip" for symbols the model does not know.
            **options: stateful, top_k, top_p, min_p, repetition_penalty, presence_penalty,
                frequency_penalty, logit_bias, stop, max_copy (GenerationOptions).

        Returns:
            The seed and what follows it: a string for a string, a list for a list.

        Raises:
            UnknownCharactersError: see `on_unknown`.
            InvalidValueError: an option is unknown or out of bounds.
            CorpusUnavailableError: max_copy without the text it was trained on (ML/<name>.txt).
        """
        if not isinstance(seq_seed, str):
            stream = self._stream(
                seq_length, temperature, seq_seed, random_state, on_unknown, options
            )
            symbols = list(seq_seed)
            for one in self._steps(stream):
                symbols.append(self.vocabulary.symbols[one.last_symbol])
            return symbols
        if display:
            sys.stdout.write(seq_seed)
        pieces = [seq_seed]
        for piece in self.stream(
            seq_length, temperature, seq_seed,
            random_state=random_state, on_unknown=on_unknown, **options,
        ):  # fmt: skip
            pieces.append(piece)
            if display:
                sys.stdout.write(piece)
                sys.stdout.flush()
        if display:
            sys.stdout.write("\n")
        return "".join(pieces)

    def stream(
        self,
        seq_length: int,
        temperature: float = 0.5,
        seq_seed: str | Sequence[str] = "",
        *,
        random_state: RandomState = None,
        on_unknown: OnUnknown = "error",
        **options: Any,
    ) -> Iterator[str]:
        """Like `generate`, but yields what follows the seed piece by piece, without the seed.

        Errors of the arguments are raised by the call, not by the first piece.
        """
        prepared = self._stream(
            seq_length, temperature, seq_seed, random_state, on_unknown, options
        )

        def pieces() -> Iterator[str]:
            for stream in self._steps(prepared):
                if piece := stream.take():
                    yield piece
            if piece := prepared.take():
                yield piece

        return pieces()

    def next_probabilities(
        self, seed: str | Sequence[str], stateful: bool | None = None
    ) -> Float32Array:
        """The network's distribution over the symbol after a seed, (V,) in vocabulary order.

        Raises:
            UnknownCharactersError: the seed holds symbols the model does not know.
        """
        batch = self.new_batch(self.windows(stateful))
        slot = self.join(batch, self.vocabulary.encode(seed).indices)
        probabilities: Float32Array
        while slot.reading:
            probabilities = batch.step([0])
        distribution: Float32Array = probabilities[0]
        return distribution

    def score(
        self, text: str, *, on_unknown: OnUnknown = "nearest", stateful: bool | None = None
    ) -> Score:
        """How well the model predicts a text: nats of each character, from those before it.

        Args:
            text: of at least two symbols that the model knows.
            on_unknown: "nearest", "skip" or "error" for those it does not. What it does not read
                costs as much as one among all of Unicode's.
            stateful: carry the state on (True), use windows (False), or as the card says (None).

        Raises:
            InvalidValueError: the model knows fewer than two symbols of the text.
            UnknownCharactersError: see `on_unknown`.
        """
        return self.scores([text], on_unknown=on_unknown, stateful=stateful)[0]

    def scores(
        self,
        texts: Sequence[str],
        *,
        on_unknown: OnUnknown = "nearest",
        stateful: bool | None = None,
    ) -> list[Score]:
        """As `score`, of several texts, which are read side by side."""
        window = self.window(stateful)
        batch = self.new_batch(self.windows(stateful))
        owners: dict[Any, TextStream] = {}
        scorings: list[tuple[Scoring, list[TextStream]]] = []
        for text in texts:
            scoring = Scoring(
                self.vocabulary, text, self.vocabulary.encode(text, on_unknown), window
            )
            streams = [TextStream(self.vocabulary, SCORED, one, np.random) for one in scoring.seeds]
            owners |= {self.join(batch, stream.opening): stream for stream in streams}
            scorings.append((scoring, streams))
        while owners:
            slots = list(batch.slots)
            probabilities = batch.step([owners[slot].last_symbol for slot in slots])
            for slot, log_p in zip(slots, log_probabilities(probabilities), strict=True):
                if slot.ready:  # else its windows, or a member of a blend, come later
                    owners[slot].accept(log_p)
            for slot in slots:
                if owners[slot].finish_reason is not None:
                    batch.leave(slot)
                    del owners[slot]
        return [scoring.result(streams) for scoring, streams in scorings]

    def _stream(
        self,
        size: int,
        temperature: float,
        seed: str | Sequence[str],
        random_state: RandomState,
        on_unknown: OnUnknown,
        options: dict[str, Any],
    ) -> TextStream:
        indices = self.vocabulary.encode(seed, on_unknown).indices
        checked = generation_options(size=size, temperature=temperature, **options)
        rng: RandomSource
        if random_state is None:
            rng = np.random  # TFLearn draws from the module too
        elif isinstance(random_state, np.random.RandomState):
            rng = random_state
        else:
            generation_options(random_state=random_state)
            rng = np.random.RandomState(random_state)
        blank = not seed or (isinstance(seed, str) and seed[-1:].isspace())
        processors = self.processors(checked)(indices)
        return TextStream(
            self.vocabulary, checked, indices, rng, starts_blank=blank, processors=processors
        )

    def _steps(self, stream: TextStream) -> Iterator[TextStream]:
        """Step a batch of one, yielding the stream after each symbol drawn."""
        batch = self.new_batch(self.windows(stream.options.stateful))
        slot = self.join(batch, stream.opening)
        while stream.finish_reason is None:
            probabilities = batch.step([stream.last_symbol])
            if slot.ready:
                log_p, distributions = distributions_of(probabilities, [stream])
                stream.accept(log_p[0], distributions[0])
                if stream.generated:
                    yield stream


def generation_options(**values: Any) -> GenerationOptions:
    """GenerationOptions of keyword values, `stop` being a string or several.

    Raises:
        InvalidValueError: an option is unknown or out of bounds.
    """
    stop = values.get("stop")
    values["stop"] = (stop,) if isinstance(stop, str) else tuple(stop or ())
    unknown = set(values) - set(GenerationOptions.__dataclass_fields__)
    if unknown:
        name = min(unknown)
        raise InvalidValueError(f"unknown option {name}", param=name)
    return GenerationOptions(**values)
