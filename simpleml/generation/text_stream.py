"""One text as it grows: which symbol comes next, when to stop, what may be shown already.

Pure: distributions go in, pieces of text come out. It knows nothing of networks or requests.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from simpleml.errors import InvalidValueError
from simpleml.generation.logits_processors import LogitsProcessor
from simpleml.generation.sampling import (
    REPETITION_SPAN,
    Float64Array,
    SamplingOptions,
    log_probabilities,
    penalised,
    truncated,
    with_temperature,
)
from simpleml.models.vocabulary import Vocabulary
from simpleml.models.weights import Float32Array

FinishReason = Literal["stop", "length", "time", "cancelled"]

_MOST_STOPS = 4
_LARGEST_STATE = 2**32 - 1


class RandomSource(Protocol):
    """What a draw needs: numpy.random.RandomState is one, the module numpy.random another."""

    def multinomial(self, n: int, pvals: Float64Array, /) -> NDArray[np.int64]: ...


@dataclass(frozen=True)
class GenerationOptions(SamplingOptions):
    """Everything that decides a text besides model and seed. Checked when it is made.

    Raises:
        InvalidValueError: which option is out of bounds.
    """

    size: int = 100
    """Symbols to generate."""
    random_state: int | None = None
    """0 … 2**32-1; the same request with the same number is the same text."""
    stateful: bool | None = None
    """Carry the state on (True), use TFLearn's windows (False), or as the card says (None)."""
    stop: tuple[str, ...] = ()
    """Up to four strings; the text ends before the first that comes up."""
    logprobs: int | None = None
    """Report log p of each symbol and of this many likeliest ones (0 … 20)."""
    max_copy: int | None = None
    """No generated run of more characters stands verbatim in the training text; a logits processor
    sees to it, which also checks the number."""

    def __post_init__(self) -> None:
        _check_integer("size", self.size, 0, 2**53)
        _check_number("temperature", self.temperature, 0.0, 1e6)
        _check_integer("top_k", self.top_k, 0, 2**31)
        _check_number("top_p", self.top_p, 0.0, 1.0, exclusive=True)
        _check_number("min_p", self.min_p, 0.0, 1.0)
        _check_number("repetition_penalty", self.repetition_penalty, 0.0, 100.0, exclusive=True)
        _check_number("presence_penalty", self.presence_penalty, -2.0, 2.0)
        _check_number("frequency_penalty", self.frequency_penalty, -2.0, 2.0)
        if self.random_state is not None:
            _check_integer("random_state", self.random_state, 0, _LARGEST_STATE)
        if self.logprobs is not None:
            _check_integer("logprobs", self.logprobs, 0, 20)
        if len(self.stop) > _MOST_STOPS:
            raise InvalidValueError(
                f"stop has {len(self.stop)} strings; at most {_MOST_STOPS} are allowed",
                param="stop",
            )
        if not all(isinstance(one, str) and one for one in self.stop):
            raise InvalidValueError("stop must be made of non-empty strings", param="stop")


def _check_integer(name: str, value: object, low: int, high: int) -> None:
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise InvalidValueError(f"{name} is {value!r}; it must be a whole number", param=name)
    if not low <= value <= high:
        raise InvalidValueError(f"{name} is {value}; it must be {low} to {high}", param=name)


def _check_number(
    name: str, value: object, low: float, high: float, *, exclusive: bool = False
) -> None:
    if not isinstance(value, int | float | np.number) or isinstance(value, bool):
        raise InvalidValueError(f"{name} is {value!r}; it must be a number", param=name)
    number = float(value)
    if not math.isfinite(number) or not low <= number <= high or (exclusive and number == low):
        bound = "more than" if exclusive else "at least"
        raise InvalidValueError(
            f"{name} is {value!r}; it must be {bound} {low:g} and at most {high:g}", param=name
        )


@dataclass(frozen=True)
class SymbolLogprobs:
    """What the network thought of one generated symbol, before any option changed it."""

    symbol: str
    logprob: float
    top: tuple[tuple[str, float], ...]
    """The likeliest symbols with their log p, likeliest first."""


class TextStream:
    """The text after one seed."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        options: GenerationOptions,
        seed: Sequence[int],
        rng: RandomSource,
        *,
        starts_blank: bool = True,
        processors: Sequence[LogitsProcessor] = (),
    ) -> None:
        """Make the stream.

        Args:
            seed: indices of what stands before the text (for repetition_penalty).
            rng: the source of every draw.
            starts_blank: nothing, or white space, stands before the text, so that a word needs no
                separator before it.
            processors: what changes the distribution before each draw, in this order; max_copy
                needs one.
        """
        self.vocabulary = vocabulary
        self.options = options
        self.finish_reason: FinishReason | None = None if options.size else "length"
        self.generated = 0
        """Symbols drawn so far."""
        self.last_symbol = 0
        """Index of the last symbol drawn: the next one to feed."""
        self.logprobs: list[SymbolLogprobs] = []
        """One for each symbol drawn, where asked for."""
        self._rng = rng
        self._separator = vocabulary.separator
        self._blank = starts_blank
        self._recent: deque[int] = deque(seed[-REPETITION_SPAN:], maxlen=REPETITION_SPAN)
        self._counts: Counter[int] = Counter()
        self._held = ""
        self._pieces: deque[str] = deque()
        self._banned = vocabulary.unknown_index
        self._greedy = options.temperature == 0
        self._tracks = not options.plain
        self._processors = tuple(processors)
        if options.max_copy is not None and not processors:
            raise ValueError("max_copy needs its logits processor")
        self._plain = not (self._tracks or self._processors) and self._banned is None
        """Whether the distribution at its temperature is what is drawn from, and nothing else."""

    def take(self) -> str:
        """What became final since the last call; safe to call while another thread accepts."""
        pieces = []
        while self._pieces:
            pieces.append(self._pieces.popleft())
        return "".join(pieces)

    def accept(self, log_p: Float64Array, distribution: Float64Array | None = None) -> None:
        """Draw the next symbol.

        Args:
            log_p: (V,) the network's log-probabilities.
            distribution: (V,) what `with_temperature` makes of them, where the caller has it.
        """
        if self._plain and distribution is not None:
            drawn = log_p if self._greedy else self._rng.multinomial(1, distribution)
            index = int(drawn.argmax())
        else:
            index = self._choose(log_p, distribution)
            for processor in self._processors:
                processor.accept(index)
        self.last_symbol = index
        self.generated += 1
        if self._tracks:
            self._recent.append(index)
            self._counts[index] += 1
        if self.options.logprobs is not None:
            self._note_logprobs(index, log_p, self.options.logprobs)
        self._show(self.vocabulary.symbols[index])
        if self.finish_reason is None and self.generated >= self.options.size:
            self.finish("length")

    def finish(self, reason: FinishReason) -> None:
        """End the text; what was held back for a stop string becomes final."""
        if self.finish_reason is None:
            self.finish_reason = reason
        if self._held:
            self._pieces.append(self._held)
            self._held = ""

    def _choose(self, log_p: Float64Array, distribution: Float64Array | None) -> int:
        if self._banned is not None:
            log_p = log_p.copy()
            log_p[self._banned] = -np.inf
            distribution = None
        for processor in self._processors:
            processed = processor.process(log_p)
            if processed is not log_p:
                log_p, distribution = processed, None
        if self._tracks:
            log_p = penalised(log_p, self.options, self._recent, self._counts)
        if self._greedy:
            return int(log_p.argmax())
        if distribution is None or self._tracks:
            distribution = with_temperature(log_p, self.options.temperature)
            if self._tracks:
                distribution = truncated(distribution, self.options)
        return int(self._rng.multinomial(1, distribution).argmax())

    def _note_logprobs(self, index: int, log_p: Float64Array, count: int) -> None:
        symbols = self.vocabulary.symbols
        order = np.argsort(-log_p, kind="stable")[:count]
        top = tuple((symbols[one], float(log_p[one])) for one in order)
        self.logprobs.append(SymbolLogprobs(symbols[index], float(log_p[index]), top))

    def _show(self, symbol: str) -> None:
        if self._separator:
            symbol = symbol if self._blank else self._separator + symbol
            self._blank = False
        if not self.options.stop:
            self._pieces.append(symbol)
            return
        self._held += symbol
        found = [at for stop in self.options.stop if (at := self._held.find(stop)) >= 0]
        if found:
            self._held = self._held[: min(found)]
            self.finish("stop")
            return
        keep = _possible_stop(self._held, self.options.stop)
        if keep < len(self._held):
            self._pieces.append(self._held[: len(self._held) - keep])
            self._held = self._held[len(self._held) - keep :]


def _possible_stop(text: str, stops: Sequence[str]) -> int:
    """Length of the longest end of `text` that a stop string could still grow from."""
    longest = min(len(text), max(len(stop) for stop in stops) - 1)
    for length in range(longest, 0, -1):
        if any(stop.startswith(text[-length:]) for stop in stops):
            return length
    return 0


def distributions_of(
    probabilities: Float32Array, streams: Sequence[TextStream]
) -> tuple[Float64Array, Float64Array]:
    """What each stream draws from: log p and the distribution at its temperature, both (S, V).

    The arithmetic of all rows is done at once and is, row for row, that of a single one.

    Args:
        probabilities: (S, V), one row for each stream.
    """
    log_p = log_probabilities(probabilities)
    # A greedy stream does not look at the distribution; 1 keeps the shared product defined.
    temperatures = np.array([stream.options.temperature or 1.0 for stream in streams])
    return log_p, with_temperature(log_p, temperatures[:, None])
