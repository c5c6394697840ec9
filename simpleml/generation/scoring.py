"""How well a model predicts a text: nats of each character, from everything before it.

    encoded ──► seeds of its parts ──► texts of no size whose seeds are scored ──► Score

A long text is read in parts, as training's evaluation reads it: side by side, each begun so early
that it arrives at its own symbols with the state of the whole. Pure: it knows nothing of networks
or engines.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from simpleml.errors import InvalidValueError
from simpleml.generation.text_stream import GenerationOptions, TextStream
from simpleml.models.vocabulary import EncodedSeed, Vocabulary

SCORED = GenerationOptions(size=0, random_state=0, prompt_logprobs=0)
"""Nothing is written; what is there is read."""
UNREAD_NATS = math.log(0x110000)
"""What a character costs that a model does not know: as one among all of Unicode's."""
MOST_NATS = 88.0
"""What a probability of 0 costs: float32 knows none smaller."""
OVERLAP = 512
"""Symbols that a part reads before its own where the state is carried on."""
_SHORTEST = 2048
"""Symbols of a part, so that reading the overlap costs less than the parts gain."""
MOST_PARTS = 8


@dataclass(frozen=True)
class UnknownSymbol:
    """What of a text the model does not know."""

    symbol: str
    count: int
    read_as: str
    """What it reads instead; empty where it reads nothing."""


@dataclass(frozen=True)
class Score:
    """How well one model predicts one text."""

    nats: float
    """Mean per character, over all but the first, which nothing stands before."""
    characters: int
    """Over which it is the mean."""
    unknown: tuple[UnknownSymbol, ...]
    """Most frequent first."""
    surprise: tuple[tuple[str, float | None], ...]
    """The text in pieces (symbols), each with its nats; None where nothing stands before it."""

    @property
    def bits(self) -> float:
        """The mean in bits per character."""
        return self.nats / math.log(2)


class Scoring:
    """One text for one model: what has to be read, and what comes of it."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        text: str,
        read: EncodedSeed,
        window: int | None,
        most: int = MOST_PARTS,
    ) -> None:
        """Cut the text in parts.

        Args:
            vocabulary: of the model.
            text: as given.
            read: what `vocabulary` made of it.
            window: W, or None where the state is carried on.
            most: parts at the most.

        Raises:
            InvalidValueError: the model knows fewer than two symbols of it.
        """
        if len(read.indices) < 2:
            known = "none" if not read.indices else "only one"
            raise InvalidValueError(
                f"The model knows {known} of the text's symbols; it takes two to score one",
                param="text",
                reason="text_unknown",
            )
        self._vocabulary, self._text, self._read = vocabulary, text, read
        targets = len(read.indices) - 1
        count = max(1, min(most, MOST_PARTS, targets // _SHORTEST))
        edges = [1 + targets * number // count for number in range(count + 1)]
        before = OVERLAP if window is None else window
        begins = [max(0, first - before) for first in edges[:-1]]
        self.seeds = [
            read.indices[begin:stop] for begin, stop in zip(begins, edges[1:], strict=True)
        ]
        """Indices of each part."""
        self._skipped = [first - begin - 1 for begin, first in zip(begins, edges[:-1], strict=True)]

    def result(self, streams: Sequence[TextStream]) -> Score:
        """What the texts with these seeds found, when they are complete."""
        noted: list[float] = []
        for stream, skipped in zip(streams, self._skipped, strict=True):
            noted += (-one.logprob for one in stream.prompt_logprobs[skipped:])
        nats = [min(one, MOST_NATS) for one in noted]
        surprise: list[tuple[str, float | None]] = []
        total, characters, place = 0.0, 0, 0
        for piece, became in self._vocabulary.pieces(self._text, self._read.changes):
            cost = None
            if became and place:
                cost = sum(nats[place - 1 : place - 1 + became])
            elif place and not (self._vocabulary.separator and piece.isspace()):
                cost = UNREAD_NATS * len(piece)
            if cost is not None:
                total += cost
                characters += len(piece)
            place += became
            surprise.append((piece, cost))
        return Score(total / characters, characters, self._unknown(), tuple(surprise))

    def _unknown(self) -> tuple[UnknownSymbol, ...]:
        counts = Counter((one.original, one.replacement) for one in self._read.changes)
        return tuple(
            UnknownSymbol(symbol, count, read_as)
            for (symbol, read_as), count in counts.most_common()
        )
