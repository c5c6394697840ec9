"""CorpusIndexes: a model → the index of the text it was trained on, cached, dropped when either
changes.

It looks for the text beside the models, by the name that the model's card gives or by the model's
own. Whether the text is the card's is decided by its sha256 once for each state of the file (inode,
size, time of change), not for each request. Works under plain threads and under gevent's patched
ones; what reads or builds belongs into a native thread.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simpleml.copying.index import OriginalityIndex
from simpleml.errors import CorpusUnavailableError
from simpleml.models.card import Card
from simpleml.native import new_lock

State = tuple[int, int, int, int] | None


@dataclass(frozen=True)
class _Kept:
    """What was found for a model, and of what."""

    state: State
    asked: tuple[Any, ...]
    index: OriginalityIndex | None
    complaint: str = ""
    """Why there is no index."""


class CorpusIndexes:
    """The indexes of one models folder."""

    def __init__(self, models_dir: Path | str, *, most_kept: int = 8) -> None:
        """Look into `models_dir`; nothing is read yet.

        Args:
            most_kept: models whose index is kept; the least recently used goes first.
        """
        self.models_dir = Path(models_dir)
        self.most_kept = most_kept
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._guard = new_lock()  # of both, never held while reading
        self._loading: dict[str, Any] = {}

    def path(self, name: str, corpus: Mapping[str, Any]) -> Path:
        """Where a model's text is looked for: ML/<the card's file>, else ML/<name>.txt.

        Args:
            corpus: what the card says of it.
        """
        named = corpus.get("file")
        if isinstance(named, str) and Path(named).name:
            path = self.models_dir / Path(named).name
            if path.exists():
                return path
        return self.models_dir / f"{name}.txt"

    def has(self, name: str, corpus: Mapping[str, Any]) -> bool:
        """Whether a model's text is there, for all that is known without reading it."""
        path = self.path(name, corpus)
        state = _state(path)
        with self._guard:
            kept = self._kept.get(name)
        if kept is not None and kept.state == state and not kept.index:
            return False
        return state is not None

    def kept(self, name: str, card: Card) -> OriginalityIndex | None:
        """The index if it is in memory and text and card are the same; reads nothing.

        Raises:
            CorpusUnavailableError: as `load`.
        """
        path = self.path(name, card.corpus)
        return self._current(name, _state(path), _asked(path, card))

    def load(self, name: str, card: Card) -> OriginalityIndex:
        """The index of a model's text: the same object until the text or the card changes.

        Raises:
            CorpusUnavailableError: the text is not beside the models, or is not the card's.
        """
        path = self.path(name, card.corpus)
        state, asked = _state(path), _asked(path, card)
        if (index := self._current(name, state, asked)) is not None:
            return index
        with self._guard:
            lock = self._loading.setdefault(name, new_lock())
        with lock:
            # whoever waited here finds what the first one loaded
            state = _state(path)
            if (index := self._current(name, state, asked)) is not None:
                return index
            _, sha256, encoding, lower = asked
            try:
                index = OriginalityIndex.load(path, sha256, encoding=encoding, lower=lower)
            except CorpusUnavailableError as error:
                self._keep(name, _Kept(state, asked, None, error.message))
                raise
            self._keep(name, _Kept(state, asked, index))
            return index

    def _current(self, name: str, state: State, asked: tuple[Any, ...]) -> OriginalityIndex | None:
        with self._guard:
            kept = self._kept.get(name)
            if kept is None:
                return None
            if (kept.state, kept.asked) != (state, asked):
                del self._kept[name]  # a mapping of what is no longer there
                return None
            self._kept.move_to_end(name)
        if kept.index is None:
            raise CorpusUnavailableError(kept.complaint)
        return kept.index

    def _keep(self, name: str, kept: _Kept) -> None:
        with self._guard:
            self._kept[name] = kept
            self._kept.move_to_end(name)
            while len(self._kept) > self.most_kept:
                self._kept.popitem(last=False)


def _asked(path: Path, card: Card) -> tuple[Path, str | None, str, bool]:
    sha256, encoding = card.corpus.get("sha256"), card.corpus.get("encoding")
    return (
        path,
        sha256 if isinstance(sha256, str) else None,
        encoding if isinstance(encoding, str) else "utf-8",
        card.lower,
    )


def _state(path: Path) -> State:
    """Changes when the file does; None when there is none."""
    try:
        info = path.stat()
    except OSError:
        return None
    return info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns
