"""One text as it grows: which symbol comes next, when to stop, what may be shown already.

Pure: distributions go in, pieces of text come out. It knows nothing of networks or requests.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from simpleml.errors import InvalidValueError
from simpleml.generation.draws import Draws, draw_all
from simpleml.generation.logits_processors import LogitsProcessor
from simpleml.generation.sampling import (
    REPETITION_SPAN,
    Float64Array,
    SamplingOptions,
    bounded,
    log_probabilities,
    penalised,
    truncated,
    with_temperature,
)
from simpleml.models.vocabulary import Vocabulary
from simpleml.models.weights import Float32Array

FinishReason = Literal["stop", "length", "time", "cancelled"]

MOST_STOPS = 4


class RandomSource(Protocol):
    """What a draw needs: numpy's RandomState is one, its module random another, Draws a third."""

    def multinomial(self, n: int, pvals: Float64Array, /) -> NDArray[np.int64]:
        """Draw n times; how often each index came, (V,)."""


@dataclass(frozen=True)
class GenerationOptions(SamplingOptions):
    """Everything that decides a text besides model and seed. Checked when it is made.

    Raises:
        InvalidValueError: which option is out of bounds.
    """

    size: int = bounded(100, 0, 2**53, whole=True)
    """Symbols to generate."""
    random_state: int | None = bounded(None, 0, 2**32 - 1, whole=True)
    """The same request with the same number is the same text."""
    stateful: bool | None = None
    """Carry the state on (True), use TFLearn's windows (False), or as the card says (None)."""
    stop: tuple[str, ...] = ()
    """Up to four strings; the text ends before the first that comes up."""
    logprobs: int | None = bounded(None, 0, 20, whole=True)
    """Report log p of each symbol and of this many likeliest ones."""
    prompt_logprobs: int | None = bounded(None, 0, 20, whole=True)
    """The same of each symbol of the seed but the first, which nothing stands before."""
    max_copy: int | None = None
    """No generated run of more characters stands verbatim in the training text; a logits processor
    sees to it, which also checks the number."""

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if one.metadata and (value is not None or one.default is not None):
                _check(one.name, value, **one.metadata)
        if len(self.stop) > MOST_STOPS:
            raise InvalidValueError(
                f"stop has {len(self.stop)} strings; at most {MOST_STOPS} are allowed",
                param="stop",
                reason="value_many",
                params={"field": "stop", "most": MOST_STOPS},
            )
        if not all(isinstance(one, str) and one for one in self.stop):
            raise InvalidValueError("stop must be made of non-empty strings", param="stop")


def _check(name: str, value: object, low: float, high: float, above: bool, whole: bool) -> None:
    kinds = (int, np.integer) if whole else (int, float, np.number)
    if not isinstance(value, kinds) or isinstance(value, bool):
        kind = "whole number" if whole else "number"
        raise InvalidValueError(
            f"{name} is {value!r}; it must be a {kind}",
            param=name,
            reason="value_wrong",
            params={"field": name},
        )
    if not low <= value <= high or (above and value == low):
        least = f"more than {low:g}" if above else f"at least {low:g}"
        must = f"{low} to {high}" if whole else f"{least} and at most {high:g}"
        raise InvalidValueError(
            f"{name} is {value}; it must be {must}",
            param=name,
            reason="value_range",
            params={"field": name, "low": low, "high": high},
        )


@dataclass(frozen=True)
class SymbolLogprobs:
    """What the network thought of one symbol, before any option changed it, and what came of it."""

    symbol: str
    logprob: float
    top: tuple[tuple[str, float], ...]
    """The likeliest symbols with their log p, likeliest first."""
    chance: float | None = None
    """With which it was drawn, after temperature and every option; None where it was read."""
    chances: tuple[float, ...] = ()
    """The same of each of `top`."""


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
            vocabulary: of the model.
            options: length, sampling, stop strings.
            seed: indices of what stands before the text.
            rng: the source of every draw.
            starts_blank: nothing, or white space, stands before the text, so that a word needs no
                separator before it.
            processors: what changes the distribution before each draw, in this order; max_copy
                needs one.
        """
        self.vocabulary = vocabulary
        self.options = options
        scored = options.prompt_logprobs is not None
        self.opening: Sequence[int] = seed[:1] if scored else seed
        """Indices to be read before the first distribution."""
        self.finish_reason: FinishReason | None = None
        self.generated = 0
        """Symbols drawn so far."""
        self.last_symbol = 0
        """Index of the last symbol drawn, or read after the opening: the next one to feed."""
        self.logprobs: list[SymbolLogprobs] = []
        """One for each symbol drawn, where asked for."""
        self.prompt_logprobs: list[SymbolLogprobs] = []
        """One for each symbol of the seed but the first, where asked for."""
        self._given: Sequence[int] = seed[1:] if scored else ()
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
        if not options.size and not self.unread:
            self.finish("length")
        self._plain = not (self._tracks or self._processors) and self._banned is None
        """Whether the distribution at its temperature is what is drawn from, and nothing else."""
        notes = options.logprobs is not None or scored
        alone = self._greedy or notes or not self._plain
        self.draws = rng if isinstance(rng, Draws) and not alone else None
        """What its symbols can be drawn with beside others': see `drawn_together`."""

    @property
    def unread(self) -> int:
        """Symbols of the seed of which log p is still to be noted."""
        return len(self._given) - len(self.prompt_logprobs)

    def take(self) -> str:
        """What became final since the last call; safe to call while another thread accepts."""
        pieces = []
        while self._pieces:
            pieces.append(self._pieces.popleft())
        return "".join(pieces)

    def accept(self, log_p: Float64Array, distribution: Float64Array | None = None) -> None:
        """Draw the next symbol, or read the seed's next where its log p is asked for.

        Args:
            log_p: (V,) the network's log-probabilities.
            distribution: (V,) what `with_temperature` makes of them, where the caller has it.
        """
        if self.unread:
            self._read(log_p)
            return
        if self._plain and distribution is not None:
            chances = None if self._greedy else distribution
            drawn = log_p if chances is None else self._rng.multinomial(1, chances)
            index = int(drawn.argmax())
        else:
            index, chances = self._choose(log_p, distribution)
            for processor in self._processors:
                processor.accept(index)
        if self._tracks:
            self._recent.append(index)
            self._counts[index] += 1
        if self.options.logprobs is not None:
            noted = self._noted(index, log_p, self.options.logprobs)
            self.logprobs.append(self._with_chances(noted, index, chances))
        self.write(index)

    def write(self, index: int) -> None:
        """Take a symbol that was drawn."""
        self.last_symbol = index
        self.generated += 1
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

    def _choose(
        self, log_p: Float64Array, distribution: Float64Array | None
    ) -> tuple[int, Float64Array | None]:
        """An index, and what it was drawn from; None for the likeliest without a draw."""
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
            return int(log_p.argmax()), None
        if distribution is None or self._tracks:
            distribution = with_temperature(log_p, self.options.temperature)
            if self._tracks:
                distribution = truncated(distribution, self.options)
        return int(self._rng.multinomial(1, distribution).argmax()), distribution

    def _read(self, log_p: Float64Array) -> None:
        self.last_symbol = index = self._given[len(self.prompt_logprobs)]
        noted = self._noted(index, log_p, self.options.prompt_logprobs or 0)
        self.prompt_logprobs.append(noted)
        if not self.options.size and not self.unread:
            self.finish("length")

    def _noted(self, index: int, log_p: Float64Array, count: int) -> SymbolLogprobs:
        symbols = self.vocabulary.symbols
        order = np.argsort(-log_p, kind="stable")[:count] if count else ()
        top = tuple((symbols[one], float(log_p[one])) for one in order)
        return SymbolLogprobs(symbols[index], float(log_p[index]), top)

    def _with_chances(
        self, noted: SymbolLogprobs, index: int, chances: Float64Array | None
    ) -> SymbolLogprobs:
        def chance(one: int) -> float:
            return float(one == index) if chances is None else float(chances[one])

        top = tuple(chance(self.vocabulary.index[symbol]) for symbol, _ in noted.top)
        return replace(noted, chance=chance(index), chances=top)

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
        streams: S texts.
    """
    log_p = log_probabilities(probabilities)
    # A greedy stream does not look at the distribution; 1 keeps the shared product defined.
    temperatures = np.array([stream.options.temperature or 1.0 for stream in streams])
    return log_p, with_temperature(log_p, temperatures[:, None])


TOGETHER = 4
"""Texts from which on they are drawn for together; below, one after the other costs less."""
MOST_SYMBOLS = 512
"""Of a vocabulary; a vocabulary of words is better searched, which ends where the draw is made."""


def drawn_together(
    distributions: Float64Array, streams: Sequence[TextStream]
) -> Sequence[int | None]:
    """The next symbol of every stream that needs no more than its distribution, else None.

    A network whose weights are broken gives no numbers; each stream then says so for itself.

    Args:
        distributions: (S, V), from `distributions_of`.
        streams: S texts.
    """
    found: list[int | None] = [None] * len(streams)
    if distributions.shape[1] > MOST_SYMBOLS:
        return found
    rows, draws = [], []
    for row, stream in enumerate(streams):
        if stream.draws is not None:
            rows.append(row)
            draws.append(stream.draws)
    if len(rows) < TOGETHER or np.isnan(distributions[:, 0]).any():
        return found
    if len(rows) == len(streams):
        return draw_all(distributions, draws)
    for row, index in zip(rows, draw_all(distributions[rows], draws), strict=True):
        found[row] = index
    return found
