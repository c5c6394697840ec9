"""A corpus that is fetched for a server: by one of its processes, and all of them know how it goes.

    <folder>/.corpora/<name>.lock    held as long as it is fetched
    <folder>/.corpora/<name>.json    how far it is, or why it ended

It knows nothing of HTTP towards those who ask.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import IO, Literal

from simpleml.corpora.catalogue import CatalogueEntry
from simpleml.corpora.download import KEPT, get
from simpleml.errors import CorpusError
from simpleml.files import take_lock, try_lock, write_whole

_NOTE_SECONDS = 0.3

State = Literal["missing", "fetching", "failed", "here"]


@dataclass(frozen=True)
class Fetching:
    """How it stands with a corpus.

    Attributes:
        state: missing where nobody has asked for it.
        share: of its files that have come, 0 to 1.
        error: why it failed.
    """

    state: State
    share: float = 0.0
    error: str = ""


def standing(entry: CatalogueEntry, folder: Path) -> Fetching:
    """How it stands with a corpus now, whoever fetches it."""
    # Asked first: what a fetch leaves is there when it lets go.
    fetching = _is_held(folder / KEPT / f"{entry.name}.lock")
    if (folder / f"{entry.name}.txt").exists():
        return Fetching("here", 1.0)
    noted = _noted(folder / KEPT / f"{entry.name}.json")
    if fetching:
        return Fetching("fetching", noted.share)
    return Fetching("failed", noted.share, noted.error) if noted.error else Fetching("missing")


def begin(entry: CatalogueEntry, folder: Path, base_url: str) -> Callable[[], None] | None:
    """Take the turn to fetch a corpus; None where another one has it.

    What is returned fetches, notes how it ended, raises nothing and gives the turn back. What has
    arrived of a corpus that failed stays, and the next one goes on from there.

    Raises:
        CorpusError: nothing can be written there.
    """
    kept = folder / KEPT
    try:
        kept.mkdir(parents=True, exist_ok=True)
        turn = (kept / f"{entry.name}.lock").open("a")
        if take_lock(turn):
            (kept / f"{entry.name}.json").unlink(missing_ok=True)
            return partial(_fetch, entry, folder, base_url, turn)
    except OSError as error:
        raise CorpusError(f"{kept} cannot be written: {error.strerror}") from error
    turn.close()
    return None


def _fetch(entry: CatalogueEntry, folder: Path, base_url: str, turn: IO[str]) -> None:
    note = folder / KEPT / f"{entry.name}.json"
    with turn:
        try:
            get(entry, folder, base_url=base_url, report=_Report(entry, note))
            note.unlink(missing_ok=True)
        except Exception as error:
            said = error.message if isinstance(error, CorpusError) else repr(error)
            _write(note, Fetching("failed", _noted(note).share, f"{said}."))


class _Report:
    """Notes how far a download is, now and then."""

    def __init__(self, entry: CatalogueEntry, note: Path) -> None:
        self._count, self._note = len(entry.files), note
        self._begun: dict[str, float] = {}
        self._noted_at = 0.0

    def __call__(self, name: str, done: int, size: int) -> None:
        self._begun[name] = done / size if size else 0.5
        if time.monotonic() - self._noted_at > _NOTE_SECONDS:
            self._noted_at = time.monotonic()
            share = sum(self._begun.values()) / self._count
            _write(self._note, Fetching("fetching", min(1.0, share)))


def _write(note: Path, now: Fetching) -> None:
    with contextlib.suppress(OSError):
        write_whole(note, json.dumps(asdict(now)).encode())


def _noted(note: Path) -> Fetching:
    try:
        return Fetching(**json.loads(note.read_bytes()))
    except (OSError, ValueError, TypeError):
        return Fetching("missing")


def _is_held(lock: Path) -> bool:
    try:
        with lock.open("r") as file:
            return not try_lock(file)
    except OSError:
        return False
