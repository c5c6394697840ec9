"""max_copy: a logits processor that keeps verbatim overlap with the corpus short.

A guard forbids the symbols that would carry a run on beyond so many characters. It goes along with
one text and keeps the places of the corpus where the text's end stands; each symbol leaves those
that go on with it and drops the others, which costs next to nothing because there are hardly any.
New places come from the index, which is asked only as often as a run of N characters cannot slip
through: every N - PASSAGE + 1 symbols.

Pure: it knows nothing of networks or requests.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from simpleml.copying.index import PASSAGE, OriginalityIndex
from simpleml.copying.several import CorpusIndex, SeveralIndexes
from simpleml.errors import InvalidValueError
from simpleml.models.vocabulary import Vocabulary

NOTHING: NDArray[np.int64] = np.zeros(0, np.int64)
MOST_COPY = 2**31 - 1


def check_max_copy(most: int, vocabulary: Vocabulary) -> None:
    """Refuse what cannot be guarded.

    Raises:
        InvalidValueError: `most` is out of bounds, or the model writes words: one drawn word may go
            on with a copy and leave it again, so that what a draw must not do is no set of symbols
            of a bearable size.
    """
    whole = isinstance(most, int | np.integer) and not isinstance(most, bool)
    if not whole or not PASSAGE <= most <= MOST_COPY:
        raise InvalidValueError(
            f"max_copy is {most!r}; it must be {PASSAGE} to {MOST_COPY}", param="max_copy"
        )
    if vocabulary.level != "char":
        raise InvalidValueError(
            "max_copy is for models that write characters; this one writes words",
            param="max_copy",
        )


def guards(
    index: CorpusIndex | None, most: int | None, vocabulary: Vocabulary
) -> Callable[[Sequence[int]], Sequence[CopyGuard | SeveralGuards]]:
    """Makes the guard of a text from the indices of its seed; none where no max_copy is given.

    Args:
        index: of the corpus; needed with max_copy.
        most: max_copy.
        vocabulary: of the model.

    Raises:
        InvalidValueError: see `check_max_copy`.
    """
    if most is None:
        return lambda seed: []
    if index is None:
        raise ValueError("max_copy needs the index of the corpus")
    check_max_copy(most, vocabulary)
    if isinstance(index, SeveralIndexes):
        several = list(index.indexes.values())
        return lambda seed: [
            SeveralGuards([CopyGuard(one, most, vocabulary, seed) for one in several], vocabulary)
        ]
    return lambda seed: [CopyGuard(index, most, vocabulary, seed)]


class CopyGuard:
    """What one text may not go on with: a logits processor."""

    def __init__(
        self, index: OriginalityIndex, most: int, vocabulary: Vocabulary, seed: Sequence[int]
    ) -> None:
        """Begin after a seed.

        Args:
            index: of the corpus.
            most: N, the characters that a run may have; at least PASSAGE.
            vocabulary: of the model.
            seed: indices of what stands before the text; its end counts as part of a run.
        """
        self._index = index
        self._codes = index.codes
        self._most = most
        self._symbol_codes = [ord(symbol) for symbol in vocabulary.symbols]
        self._symbols = {code: number for number, code in enumerate(self._symbol_codes)}
        self._unknown = vocabulary.unknown_index  # never drawn, so never the way out
        self._recent: deque[int] = deque(
            (self._symbol_codes[one] for one in seed[-most:] if one < len(vocabulary)), maxlen=most
        )
        # A run of N characters has N - PASSAGE + 1 stretches: one of them ends where it is asked.
        self._every = most - PASSAGE + 1
        self._due = 0
        self._places = NOTHING  # (P,) of the corpus, where the text would go on
        self._runs = NOTHING  # (P,) characters before each that are the text's last
        self.forbidden: NDArray[np.int64] = NOTHING
        """Indices of the symbols that may not come next."""
        self._look()

    def process(self, log_p: NDArray[np.float64]) -> NDArray[np.float64]:
        """As `_without`."""
        return _without(log_p, self.forbidden, self._unknown)

    def accept(self, index: int) -> None:
        """Go on with a symbol that was drawn."""
        code = self._symbol_codes[index]
        self._recent.append(code)
        self._due -= 1
        if self._due == 0:
            self._look()
        elif len(self._places):
            stays = self._codes[self._places] == code
            self._keep(self._places[stays] + 1, self._runs[stays] + 1)

    def _look(self) -> None:
        self._due = self._every
        recent = np.fromiter(self._recent, np.uint32, len(self._recent))
        self._keep(*self._index.continuations(recent, self._most))

    def _keep(self, places: NDArray[np.int64], runs: NDArray[np.int64]) -> None:
        self.forbidden = NOTHING
        if not len(places):
            self._places, self._runs = NOTHING, NOTHING
            return
        goes_on = places < len(self._codes)
        self._places, self._runs = places[goes_on], runs[goes_on]
        full = self._places[self._runs >= self._most]
        if len(full):
            codes = np.unique(self._codes[full]).tolist()
            known = [self._symbols[code] for code in codes if code in self._symbols]
            self.forbidden = np.array(known, np.int64)


class SeveralGuards:
    """What one text may not go on with for the guard of any of several corpora."""

    def __init__(self, guards: Sequence[CopyGuard], vocabulary: Vocabulary) -> None:
        self._guards = guards
        self._unknown = vocabulary.unknown_index

    def process(self, log_p: NDArray[np.float64]) -> NDArray[np.float64]:
        """As `_without`."""
        forbidden = np.concatenate([one.forbidden for one in self._guards])
        return _without(log_p, forbidden, self._unknown)

    def accept(self, index: int) -> None:
        """Go on with a symbol that was drawn."""
        for one in self._guards:
            one.accept(index)


def _without(
    log_p: NDArray[np.float64], forbidden: NDArray[np.int64], unknown: int | None
) -> NDArray[np.float64]:
    """The logarithms of the probabilities, (V,), without the symbols that are forbidden.

    Where every symbol that has a probability is forbidden, the first that is not is certain; where
    all are, nothing is taken out.
    """
    if not len(forbidden):
        return log_p
    allowed = np.ones(len(log_p), bool)
    allowed[forbidden] = False
    if unknown is not None:
        allowed[unknown] = False
    masked = np.where(allowed, log_p, -np.inf)
    if masked.max() == -np.inf and allowed.any():
        masked[allowed.argmax()] = 0.0
    return masked if allowed.any() else log_p
