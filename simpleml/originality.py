"""Does a model copy? Which passages of a text stand verbatim in the text it was trained on.

    python -m simpleml.originality sherlock                 # generates 20,000 characters, reports
    python -m simpleml.originality sherlock --text mine.txt

A passage counts from 20 characters on. The index is a sorted table of the hashes of all stretches
of 20 characters, made once beside the corpus (ML/<corpus>.txt.index.npz) and bound to it by its
sha256. Every match that is reported was compared character by character. It knows nothing of HTTP.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simpleml.errors import CorpusError, SimpleMLError
from simpleml.generation.loader import ModelLoader
from simpleml.generation.sequence_generator import SequenceGenerator

PASSAGE = 20
"""Characters from which on a verbatim stretch counts as copied."""
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, so that every character counts mod 2**64
_REPORT_TEMPERATURES = (0.2, 0.5, 0.8)
_REPORT_CHARACTERS = 20_000


@dataclass(frozen=True)
class Passage:
    """A longest stretch of a text that stands in the corpus."""

    start: int
    """In the text, in characters."""
    length: int
    corpus_start: int
    """Where it stands in the corpus (the first place, if there are several)."""


@dataclass(frozen=True)
class Originality:
    """How much of a text is copied."""

    characters: int
    copied: int
    """Characters that lie in passages of PASSAGE or more."""
    longest: Passage | None
    passages: tuple[Passage, ...]
    """Those that lie in no other, in the order of the text."""

    @property
    def copied_share(self) -> float:
        """0 to 1."""
        return self.copied / self.characters if self.characters else 0.0


class OriginalityIndex:
    """All stretches of PASSAGE characters of a corpus."""

    def __init__(
        self, codes: NDArray[np.uint32], hashes: NDArray[np.uint64], places: NDArray[np.int32]
    ) -> None:
        """Take the parts; `build` and `load` make them.

        Args:
            codes: (N,) the corpus' code points.
            hashes: (N - PASSAGE + 1,) sorted.
            places: where each hash's stretch begins, ascending among equal hashes.
        """
        self._codes, self._hashes, self._places = codes, hashes, places

    @classmethod
    def build(cls, corpus: str) -> OriginalityIndex:
        """Index a corpus: a fraction of a second per million characters, 16 bytes a character.

        Raises:
            CorpusError: it is shorter than a passage.
        """
        if len(corpus) < PASSAGE:
            raise CorpusError(
                f"the corpus has {len(corpus)} characters; a passage has at least {PASSAGE}"
            )
        codes = _code_points(corpus)
        hashes = _hashes(codes)
        places = np.argsort(hashes, kind="stable").astype(np.int32)
        return cls(codes, hashes[places], places)

    @classmethod
    def load(cls, path: Path | str, sha256: str | None = None) -> OriginalityIndex:
        """The index of a corpus file, from beside it or built and written there.

        Args:
            path: the corpus, UTF-8.
            sha256: what the file must have, as the model's card says.

        Raises:
            CorpusError: the file is not there, is not the text of that sum, or is too short.
        """
        path = Path(path)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CorpusError(
                f"the text the model was trained on is not at {path}: without it nothing can be "
                "said of copying (python -m simpleml.corpora get fetches the known ones)"
            ) from error
        found = hashlib.sha256(data).hexdigest()
        if sha256 is not None and found != sha256:
            raise CorpusError(
                f"{path} is not the text the model was trained on: it was edited, or is another "
                f"(sha256 {found[:12]}…, the card says {sha256[:12]}…)"
            )
        corpus = data.decode("utf-8")
        kept = path.with_name(path.name + ".index.npz")
        try:
            with np.load(kept, allow_pickle=False) as parts:
                if str(parts["sha256"]) == found:
                    return cls(_code_points(corpus), parts["hashes"], parts["places"])
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            pass  # there is none, or it is of no use: it is made again
        index = cls.build(corpus)
        index._write(kept, found)
        return index

    def _write(self, path: Path, sha256: str) -> None:
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with temporary.open("wb") as file:
                np.savez(file, sha256=np.array(sha256), hashes=self._hashes, places=self._places)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError:
            pass  # a folder that cannot be written to: the index is only made again next time
        finally:
            temporary.unlink(missing_ok=True)

    def examine(self, text: str) -> Originality:
        """Find what of a text stands verbatim in the corpus."""
        codes = _code_points(text)
        if len(codes) < PASSAGE:
            return Originality(len(codes), 0, None, ())
        hashes = _hashes(codes)
        first = np.searchsorted(self._hashes, hashes, "left")
        last = np.searchsorted(self._hashes, hashes, "right")
        passages: list[Passage] = []
        copied = np.zeros(len(codes), bool)
        reached = 0  # where the last passage ends: what ends there too lies in it
        for start in np.flatnonzero(last > first):
            passage = self._longest(codes, int(start), self._places[first[start] : last[start]])
            if passage is None:
                continue
            end = passage.start + passage.length
            copied[passage.start : end] = True
            if end > reached:
                passages.append(passage)
                reached = end
        longest = max(passages, key=lambda one: one.length, default=None)
        return Originality(len(codes), int(copied.sum()), longest, tuple(passages))

    def _longest(
        self, codes: NDArray[np.uint32], start: int, places: NDArray[np.int32]
    ) -> Passage | None:
        """The longest stretch from `start` that stands at one of `places`."""
        best: Passage | None = None
        for place in places.tolist():
            room = min(len(codes) - start, len(self._codes) - place)
            length = _common_length(codes[start : start + room], self._codes[place : place + room])
            if length >= PASSAGE and (best is None or length > best.length):
                best = Passage(start, length, place)
        return best


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _hashes(codes: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """A polynomial hash mod 2**64 of each stretch of PASSAGE code points."""
    count = len(codes) - PASSAGE + 1
    hashes = np.zeros(count, np.uint64)
    for offset in range(PASSAGE):
        hashes *= _MULTIPLIER
        hashes += codes[offset : offset + count]
    return hashes


def _common_length(one: NDArray[np.uint32], other: NDArray[np.uint32]) -> int:
    """Length of the common beginning of two arrays of one length."""
    step, position = 64, 0
    while position < len(one):
        differs = np.flatnonzero(
            one[position : position + step] != other[position : position + step]
        )
        if len(differs):
            return position + int(differs[0])
        position += step
        step *= 4
    return len(one)


def corpus_path(generator: SequenceGenerator, models_dir: Path | str) -> Path:
    """Where the text a model was trained on is looked for: ML/<corpus or model>.txt."""
    folder = Path(models_dir)
    named = generator.card.corpus.get("file")
    if isinstance(named, str) and (folder / Path(named).name).exists():
        return folder / Path(named).name
    return folder / f"{generator.name}.txt"


def index_of(
    generator: SequenceGenerator, models_dir: Path | str, path: Path | None = None
) -> OriginalityIndex:
    """The index of the text that a model was trained on.

    Raises:
        CorpusError: the text is not there or is not the one that the card names by its sum.
    """
    sha256 = generator.card.corpus.get("sha256")
    return OriginalityIndex.load(
        path or corpus_path(generator, models_dir), sha256 if isinstance(sha256, str) else None
    )


def report(text: str, found: Originality) -> str:
    """One line: the share that is copied, and the longest passage."""
    line = f"{100 * found.copied_share:.1f} % of {found.characters:,} characters copied"
    if found.longest is None:
        return f"{line}; no passage of {PASSAGE} or more"
    one = found.longest
    shown = text[one.start : one.start + min(one.length, 60)]
    more = "…" if one.length > 60 else ""
    return (
        f"{line}; longest passage {one.length} characters, at character {one.corpus_start:,} of "
        f"the corpus: {shown + more!r}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m simpleml.originality",
        description="How much of what a model writes stands verbatim in its training text.",
    )
    parser.add_argument("model")
    parser.add_argument("--models-dir", type=Path, default=Path("ML"), help="default ML")
    parser.add_argument("--corpus", type=Path, help="the training text (default ML/<corpus>.txt)")
    parser.add_argument("--text", type=Path, help="examine this file instead of generating")
    parser.add_argument(
        "--size", type=int, default=_REPORT_CHARACTERS, help=f"default {_REPORT_CHARACTERS}"
    )
    parser.add_argument("--random-state", type=int, default=0, help="default 0")
    given = parser.parse_args(arguments)
    try:
        generator = ModelLoader(given.models_dir).load(given.model)
        index = index_of(generator, given.models_dir, given.corpus)
        if given.text is not None:
            text = given.text.read_text(encoding="utf-8")
            print(report(text, index.examine(text)))
            return 0
        for temperature in _REPORT_TEMPERATURES:
            text = generator.generate(given.size, temperature, random_state=given.random_state)
            print(f"temperature {temperature}: {report(text, index.examine(text))}", flush=True)
    except SimpleMLError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
