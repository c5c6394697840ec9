"""CorpusIndexes: a model → the index of the text it was trained on, kept until either changes.

It looks for the text beside the models, by the name that the model's card gives or by the model's
own, and in the training that made the model (simpleml.models.text_file). The text of the model that
it began from is found in the same way (`base_of`). Whether a text is the card's is decided by its
sha256 once for each state of the file (inode, size, time of change), not for each request. Works
under plain threads and under gevent's patched ones; what reads or builds belongs into a native
thread.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simpleml.copying.index import OriginalityIndex
from simpleml.errors import CorpusUnavailableError
from simpleml.models.card import NAME_PATTERN, Card
from simpleml.models.text_file import text_file
from simpleml.native import new_lock

State = tuple[int, int, int, int] | None
Asked = tuple[Path, str | None, str, bool]
"""A text as a model has read it: file, sha256, encoding, lower case."""


@dataclass(frozen=True)
class _Kept:
    """What was found for a text, and in which state of its file."""

    state: State
    index: OriginalityIndex | None
    complaint: str = ""
    """Why there is no index."""


class CorpusIndexes:
    """The indexes of one models folder."""

    def __init__(self, models_dir: Path | str, *, most_kept: int = 8) -> None:
        """Look into `models_dir`; nothing is read yet.

        Args:
            models_dir: where models and texts lie.
            most_kept: texts whose index is kept; the least recently used goes first.
        """
        self.models_dir = Path(models_dir)
        self.most_kept = most_kept
        self._kept: OrderedDict[Asked, _Kept] = OrderedDict()
        self._guard = new_lock()  # of both, never held while reading
        self._loading: dict[Asked, Any] = {}

    def _asked(self, name: str, card: Card | None) -> Asked:
        corpus = card.corpus if card else {}
        sha256, encoding = corpus.get("sha256"), corpus.get("encoding")
        return (
            text_file(self.models_dir, name, corpus),
            sha256 if isinstance(sha256, str) else None,
            encoding if isinstance(encoding, str) else "utf-8",
            card is not None and card.lower,
        )

    def has(self, name: str, card: Card | None) -> bool:
        """Whether a model's text is there, for all that is known without reading it."""
        asked = self._asked(name, card)
        state = _state(asked[0])
        with self._guard:
            kept = self._kept.get(asked)
        if kept is not None and kept.state == state and not kept.index:
            return False
        return state is not None

    def kept(self, name: str, card: Card) -> OriginalityIndex | None:
        """The index if it is in memory and text and card are the same; reads nothing.

        Raises:
            CorpusUnavailableError: as `load`.
        """
        asked = self._asked(name, card)
        return self._current(asked, _state(asked[0]))

    def load(self, name: str, card: Card) -> OriginalityIndex:
        """The index of a model's text: the same object until the text or the card changes.

        Raises:
            CorpusUnavailableError: the text is not beside the models, or is not the card's.
        """
        asked = self._asked(name, card)
        path, sha256, encoding, lower = asked
        if (index := self._current(asked, _state(path))) is not None:
            return index
        with self._guard:
            lock = self._loading.setdefault(asked, new_lock())
        with lock:
            # whoever waited here finds what the first one loaded
            state = _state(path)
            if (index := self._current(asked, state)) is not None:
                return index
            try:
                index = OriginalityIndex.load(path, sha256, encoding=encoding, lower=lower)
            except CorpusUnavailableError as error:
                self._keep(asked, _Kept(state, None, error.message))
                raise
            self._keep(asked, _Kept(state, index))
            return index

    def _current(self, asked: Asked, state: State) -> OriginalityIndex | None:
        with self._guard:
            kept = self._kept.get(asked)
            if kept is None:
                return None
            if kept.state != state:
                del self._kept[asked]  # a mapping of what is no longer there
                return None
            self._kept.move_to_end(asked)
        if kept.index is None:
            raise CorpusUnavailableError(kept.complaint)
        return kept.index

    def _keep(self, asked: Asked, kept: _Kept) -> None:
        with self._guard:
            self._kept[asked] = kept
            self._kept.move_to_end(asked)
            while len(self._kept) > self.most_kept:
                self._kept.popitem(last=False)


def base_of(card: Card) -> tuple[str, Card] | None:
    """The model that a model began from: its name, and a card that says what it has read."""
    begun = card.begun_from
    name, corpus = begun.get("name"), begun.get("corpus")
    if not isinstance(name, str) or not NAME_PATTERN.fullmatch(name):
        return None
    return name, dataclasses.replace(
        card,
        corpus=corpus if isinstance(corpus, dict) else {},
        lower=begun.get("lower") is True,
    )


def _state(path: Path) -> State:
    """Changes when the file does; None when there is none."""
    try:
        info = path.stat()
    except OSError:
        return None
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns
