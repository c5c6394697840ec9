"""max_copy: which symbols would carry a verbatim run of the corpus on beyond so many characters.

A guard goes along with one text. It keeps the places of the corpus where the text's end stands;
each symbol leaves those that go on with it and drops the others, which costs next to nothing
because there are hardly any. New places come from the index, which is asked only as often as a run
of N characters cannot slip through: every N - PASSAGE + 1 symbols.

Pure: it knows nothing of networks or requests.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simpleml.copying.index import PASSAGE, OriginalityIndex
from simpleml.errors import InvalidValueError
from simpleml.models.vocabulary import Vocabulary

NOTHING: NDArray[np.int64] = np.zeros(0, np.int64)


def check_max_copy(vocabulary: Vocabulary) -> None:
    """Refuse what cannot be guarded.

    Raises:
        InvalidValueError: the model writes words: one drawn word may go on with a copy and leave
            it again, so that what a draw must not do is no set of symbols of a bearable size.
    """
    if vocabulary.level != "char":
        raise InvalidValueError(
            "max_copy is for models that write characters; this one writes words",
            param="max_copy",
        )


class CopyGuard:
    """What one text may not go on with."""

    def __init__(
        self, index: OriginalityIndex, most: int, vocabulary: Vocabulary, seed: Sequence[int]
    ) -> None:
        """Begin after a seed.

        Args:
            index: of the corpus.
            most: N, the characters that a run may have; at least PASSAGE.
            seed: indices of what stands before the text; its end counts as part of a run.

        Raises:
            InvalidValueError: see `check_max_copy`.
        """
        check_max_copy(vocabulary)
        self._index = index
        self._codes = index.codes
        self._most = most
        self._alphabet = [ord(symbol) for symbol in vocabulary.symbols]
        self._symbols = {code: number for number, code in enumerate(self._alphabet)}
        self._recent: deque[int] = deque(
            (self._alphabet[one] for one in seed[-most:] if one < len(self._alphabet)), maxlen=most
        )
        # A run of N characters has N - PASSAGE + 1 stretches: one of them ends where it is asked.
        self._every = most - PASSAGE + 1
        self._due = 0
        self._places = NOTHING  # (P,) of the corpus, where the text would go on
        self._runs = NOTHING  # (P,) characters before each that are the text's last
        self.forbidden: NDArray[np.int64] = NOTHING
        """Indices of the symbols that may not come next."""
        self._look()

    def accept(self, symbol: int) -> None:
        """Go on with a symbol that was drawn."""
        code = self._alphabet[symbol]
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
