"""SequenceGenerator: TFLearn's interface on the fast step.

    from simpleml import ModelLoader
    contes = ModelLoader("ML").load("contes")
    print(contes.generate(200, temperature=0.5, seq_seed="le sultan "))

It knows nothing of HTTP or of scheduling: each call steps a batch of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

import numpy as np

from simpleml.errors import CorpusUnavailableError, InvalidValueError
from simpleml.generation.batch import Batch
from simpleml.generation.logits_processors import ProcessorMaker, no_processors
from simpleml.generation.network import Precision, StepNetwork
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
        processors: Callable[[GenerationOptions], ProcessorMaker] | None = None,
    ) -> None:
        """Compile a model's network.

        Args:
            precision: "float32" (TFLearn's numbers) or "int8" (about three times faster).
            threads: native threads per step; 0 takes one per core.
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
            return self._processors(options)
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
            for one in self._steps(*stream):
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
            for stream in self._steps(*prepared):
                if piece := stream.take():
                    yield piece
            if piece := prepared[1].take():
                yield piece

        return pieces()

    def next_probabilities(
        self, seed: str | Sequence[str], stateful: bool | None = None
    ) -> Float32Array:
        """The network's distribution over the symbol after a seed, (V,) in vocabulary order.

        Raises:
            UnknownCharactersError: the seed holds symbols the model does not know.
        """
        batch = Batch(self.network, self.window(stateful))
        slot = batch.join(self.vocabulary.encode(seed).indices)
        probabilities: Float32Array
        while slot.reading:
            probabilities = batch.step([0])
        distribution: Float32Array = probabilities[0]
        return distribution

    def _stream(
        self,
        size: int,
        temperature: float,
        seed: str | Sequence[str],
        random_state: RandomState,
        on_unknown: OnUnknown,
        options: dict[str, Any],
    ) -> tuple[list[int], TextStream]:
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
        return indices, TextStream(
            self.vocabulary, checked, indices, rng, starts_blank=blank, processors=processors
        )

    def _steps(self, indices: list[int], stream: TextStream) -> Iterator[TextStream]:
        """Step a batch of one, yielding the stream after each symbol."""
        batch = Batch(self.network, self.window(stream.options.stateful))
        slot = batch.join(indices)
        while stream.finish_reason is None:
            probabilities = batch.step([stream.last_symbol])
            if slot.ready:
                log_p, distributions = distributions_of(probabilities, [stream])
                stream.accept(log_p[0], distributions[0])
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
        raise InvalidValueError(f"{name} is no option of generate", param=name)
    return GenerationOptions(**values)
