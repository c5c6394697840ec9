"""Where every stretch of a corpus stands: the verbatim overlap of a text, and how it would go on.

Three tables are made once for each corpus and lie beside it in a file (index_file.py): the text's
code points, the places of all stretches of PASSAGE characters in the order of their hashes, and
where each hash's places begin. A stretch counts only after its characters were compared.

It knows nothing of models, of sampling or of HTTP.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simpleml.copying import index_file
from simpleml.copying.index_file import Codes
from simpleml.errors import CorpusUnavailableError

PASSAGE = 20
"""Characters from which on a verbatim stretch counts as copied."""

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, so that every character counts mod 2**64
_POWERS = np.full(PASSAGE, _MULTIPLIER).cumprod()[::-1].copy()
"""What each character of a stretch counts in its hash, mod 2**64; see `_hashes`."""
_OFFSETS = np.arange(PASSAGE)
_MOST_CHARACTERS = 2**31 - 1
_BUILD_CHUNK = 1 << 20
_FIRST_BLOCK = 16
_LARGEST_COMPARISON = 1 << 20
_ROUNDS = 8
_MOST_PLACES = 16_384
_MOST_COMPARED = 256
"""Of a stretch that stands very often (rows of dashes, blanks) so many places are looked at, and so
many of them beyond its first characters: its passage may then be said to be shorter than it is."""


@dataclass(frozen=True)
class Passage:
    """A longest stretch of a text that stands in the corpus."""

    start: int
    """In the text, in characters (Unicode code points)."""
    length: int
    corpus_start: int
    """Where it stands in the corpus (the first place, if there are several)."""
    model: str = ""
    """Of a text that several models wrote: the one whose corpus it is."""


@dataclass(frozen=True)
class Originality:
    """How much of a text is verbatim overlap with the corpus."""

    characters: int
    copied: int
    """Characters that lie in passages of PASSAGE or more."""
    longest: Passage | None
    passages: tuple[Passage, ...]
    """Those that lie in no other, in the order of the text."""

    @property
    def copied_share(self) -> float:
        """Of the text's characters, 0 to 1."""
        return self.copied / self.characters if self.characters else 0.0


@dataclass(frozen=True)
class Copied:
    """What of a text a model has copied, and from which of the texts that it has read."""

    own: Originality
    """From the text that it was trained on."""
    base: str | None = None
    """The model that it began from."""
    of_base: Originality | None = None
    """From that model's text, counted apart: a passage may stand in both. None where there is no
    such text, or where it is not on the disk."""


@dataclass(frozen=True)
class _Step:
    """A passage, and the way to the next one."""

    length: int
    place: int
    advance: int
    """To the beginning of a passage that begins within this one; 0 where none does."""
    places: NDArray[np.int64]
    """Among which are that passage's."""


class OriginalityIndex:
    """All stretches of PASSAGE characters of a corpus. Safe to use from several threads."""

    def __init__(self, codes: Codes, places: NDArray[np.int32], starts: NDArray[np.uint32]) -> None:
        """Take the parts; `build` and `load` make them.

        Args:
            codes: (N,) the corpus' code points.
            places: (N - PASSAGE + 1,) where the stretches begin, those of one hash together and
                ascending.
            starts: (2**bits + 1,) where in `places` each hash begins.
        """
        self.codes = codes
        self._places, self._starts = places, starts
        self._bits = (len(starts) - 1).bit_length() - 1

    @classmethod
    def build(cls, corpus: str) -> OriginalityIndex:
        """Index a corpus in memory: a fraction of a second per million characters.

        Raises:
            CorpusUnavailableError: it is shorter than a passage, or has 2**31 characters or more.
        """
        if not PASSAGE <= len(corpus) <= _MOST_CHARACTERS:
            raise CorpusUnavailableError(
                f"the corpus has {len(corpus)} characters; a passage has at least {PASSAGE}, and "
                f"more than {_MOST_CHARACTERS} cannot be indexed"
            )
        wide = code_points(corpus)
        largest = int(wide.max())
        codes: Codes = wide
        if largest < 2**8:
            codes = wide.astype(np.uint8)
        elif largest < 2**16:
            codes = wide.astype(np.uint16)
        del wide
        count = len(codes) - PASSAGE + 1
        bits = max(1, count.bit_length() - 1)
        keys = np.empty(count, np.uint64)
        for first in range(0, count, _BUILD_CHUNK):
            part = keys[first : first + _BUILD_CHUNK]
            part[:] = _hashes(codes[first : first + len(part) + PASSAGE - 1], bits)
            # With the place below the hash one sort of plain numbers orders both.
            part <<= np.uint64(32)
            part += np.arange(first, first + len(part), dtype=np.uint64)
        keys.sort()
        places = (keys & np.uint64(0xFFFFFFFF)).astype(np.int32)
        keys >>= np.uint64(32)
        starts = np.zeros((1 << bits) + 1, np.uint32)
        np.cumsum(np.bincount(keys.astype(np.int64), minlength=1 << bits), out=starts[1:])
        return cls(codes, places, starts)

    @classmethod
    def load(
        cls,
        path: Path | str,
        sha256: str | None = None,
        *,
        encoding: str = "utf-8",
        lower: bool = False,
    ) -> OriginalityIndex:
        """The index of a corpus file, mapped from beside it or built and written there.

        Several processes that ask at once build it once. Where the folder cannot be written to
        the table is this process' own.

        Args:
            path: the corpus.
            sha256: of the file's bytes, as the model's card says.
            encoding: of the file.
            lower: the model read the text in lower case; the index is then of that.

        Raises:
            CorpusUnavailableError: the file is not there, is not the text of that sum, is too
                short, or not in that encoding.
        """
        path = Path(path)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CorpusUnavailableError(
                f"The text the model was trained on is not in the models folder ({path.name}), so "
                "copying cannot be measured (python -m simpleml.corpora get fetches known texts)."
            ) from error
        found = hashlib.sha256(data).hexdigest()
        if sha256 is not None and found != sha256:
            raise CorpusUnavailableError(
                f"{path.name} is not the text the model was trained on: it was edited, or is "
                f"another (sha256 {found[:12]}…, the card says {sha256[:12]}…)."
            )
        key = hashlib.sha256(f"{found} {encoding} {lower} {PASSAGE}".encode()).digest()
        kept = path.with_name(path.name + (".lower.index" if lower else ".index"))
        if (sections := index_file.mapped(kept, key, PASSAGE)) is None:
            with index_file.alone(path):  # whoever waited finds what the first one wrote
                if (sections := index_file.mapped(kept, key, PASSAGE)) is None:
                    built = cls.build(_as_read(path, data, encoding, lower))
                    index_file.write(kept, key, (built.codes, built._places, built._starts))
                    if (sections := index_file.mapped(kept, key, PASSAGE)) is None:
                        return built
        return cls(*sections)

    # --- verbatim overlap ---

    def examine(self, text: str) -> Originality:
        """Find what of a text stands verbatim in the corpus; positions are code points of `text`.

        Takes milliseconds for 10,000 characters.
        """
        codes = code_points(text)
        if len(codes) < PASSAGE:
            return Originality(len(codes), 0, None, ())
        hits = self._hits(codes)
        found = np.flatnonzero(hits)
        copied = np.zeros(len(codes), bool)
        for offset in range(PASSAGE):
            copied[offset : offset + len(hits)] |= hits
        passages: list[Passage] = []
        steps: dict[bytes, tuple[bytes, _Step]] = {}
        start, places = (int(found[0]) if len(found) else -1), None
        while start >= 0:
            step = self._step(codes, start, places, hits, steps)
            passages.append(Passage(start, step.length, step.place))
            if step.advance:
                start, places = start + step.advance, step.places
            else:
                after = int(np.searchsorted(found, start + step.length - PASSAGE + 1, "right"))
                start, places = (int(found[after]) if after < len(found) else -1), None
        longest = max(passages, key=lambda one: one.length, default=None)
        return Originality(len(codes), int(copied.sum()), longest, tuple(passages))

    def _step(
        self,
        codes: NDArray[np.uint32],
        start: int,
        places: NDArray[np.int64] | None,
        hits: NDArray[np.bool_],
        steps: dict[bytes, tuple[bytes, _Step]],
    ) -> _Step:
        """The passage at `start`, and where one that it does not hold begins within it.

        Both depend on nothing but the passage and the character after it: a text that goes round
        in circles has each circle's steps from `steps`.

        Args:
            codes: (N,) the text's code points.
            start: where the passage begins.
            places: among which its own are; None for all that the index has.
            hits: which passages of the text the corpus has, by where they begin.
            steps: those known, by passage.
        """
        key = codes[start : start + PASSAGE].tobytes()
        if key in steps:
            seen, step = steps[key]
            if codes[start : start + step.length + 1].tobytes() == seen:
                return step
        if places is None:
            places = self._places_of(codes[start : start + PASSAGE], _MOST_PLACES)
        runs = self._runs(places, codes, start, 1, len(codes) - start, _MOST_COMPARED)
        length, place = int(runs.max()), int(places[int(runs.argmax())])
        # What lies in no other passage holds the character after this one: it holds the stretch
        # that ends there, or begins after that stretch's beginning.
        edge = start + length - PASSAGE + 1
        advance = 0
        if edge < len(hits) and hits[edge]:
            there = self._places_of(codes[edge : edge + PASSAGE], _MOST_PLACES)
            back = self._runs(there - 1, codes, edge - 1, -1, edge - start - 1, _MOST_COMPARED)
            most = int(back.max())
            advance, places = edge - start - most, there[back == most] - most
        step = _Step(length, place, advance, places)
        if start + length < len(codes):
            steps[key] = (codes[start : start + length + 1].tobytes(), step)
        return step

    def continuations(
        self, codes: NDArray[np.uint32], most: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every place in the corpus that a text's end leads to.

        Args:
            codes: (T,) the text's code points.
            most: how far back one looks.

        Returns:
            (P,) positions after the places where the text's last PASSAGE characters stand, which
            may be N, the corpus' end; and (P,) how many of the text's last characters stand
            there, PASSAGE to `most`. Both empty for a text that is shorter than a passage.
        """
        if len(codes) < PASSAGE:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        places = self._places_of(codes[-PASSAGE:])
        if not len(places):
            return places, places
        before = len(codes) - PASSAGE
        room = min(before, most - PASSAGE)
        runs = self._runs(places - 1, codes, before - 1, -1, room)
        return places + PASSAGE, runs + PASSAGE

    def _hits(self, codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """(T - PASSAGE + 1,) whether the stretch that begins there stands in the corpus."""
        hashes = _hashes(codes, self._bits)
        at, end = self._starts[hashes].astype(np.int64), self._starts[hashes + np.uint64(1)]
        stretches = np.lib.stride_tricks.sliding_window_view(codes, PASSAGE)
        corpus = np.lib.stride_tricks.sliding_window_view(self.codes, PASSAGE)
        hits = np.zeros(len(hashes), bool)
        left = np.flatnonzero(at < end)
        # Nearly all hashes have one place or two.
        for _ in range(_ROUNDS):
            if not len(left):
                return hits
            same = (corpus[self._places[at[left]]] == stretches[left]).all(axis=1)
            hits[left[same]] = True
            at[left] += 1
            left = left[~same]
            left = left[at[left] < end[left]]
        for one in left.tolist():
            hits[one] = len(self._places_of(stretches[one], _MOST_PLACES)) > 0
        return hits

    def _places_of(self, stretch: NDArray[np.uint32], most: int | None = None) -> NDArray[np.int64]:
        """Where PASSAGE characters stand, ascending; the first `most` of those of their hash."""
        number = int(stretch.astype(np.uint64) @ _POWERS) >> (64 - self._bits)
        first, last = self._starts[number : number + 2].tolist()
        if most is not None:
            last = min(last, first + most)
        places: NDArray[np.int64] = self._places[first:last].astype(np.int64)
        if not len(places):
            return places
        if PASSAGE * len(places) > _LARGEST_COMPARISON:
            same = self._runs(places, stretch, 0, 1, PASSAGE) == PASSAGE
        else:
            same = (self.codes[places[:, None] + _OFFSETS] == stretch).all(axis=1)
        there: NDArray[np.int64] = places[same]
        return there

    def _runs(
        self,
        places: NDArray[np.int64],
        codes: NDArray[np.uint32],
        at: int,
        step: int,
        most: int,
        compared: int | None = None,
    ) -> NDArray[np.int64]:
        """How many characters agree from `places` and from `at` on, in the direction of `step`.

        Args:
            places: (P,) in the corpus.
            codes: (N,) the text's code points.
            at: in the text.
            step: 1 forwards, -1 backwards.
            most: how many are looked at; as many must lie in the text.
            compared: places that are followed beyond the first block.

        Returns:
            (P,) 0 to `most`.
        """
        runs = np.zeros(len(places), np.int64)
        active = np.arange(len(places))
        done, block = 0, _FIRST_BLOCK
        while len(active) and done < most:
            block = min(block, most - done, max(1, _LARGEST_COMPARISON // len(active)))
            offsets = step * np.arange(done, done + block)
            there = places[active, None] + offsets
            inside = (there >= 0) & (there < len(self.codes))
            there[~inside] = 0
            same = inside & (self.codes[there] == codes[at + offsets])
            agree = np.where(same.all(axis=1), block, same.argmin(axis=1))
            runs[active] += agree
            active = active[agree == block][:compared]
            done += block
            block *= 4
        return runs


def code_points(text: str) -> NDArray[np.uint32]:
    """(T,) a text's code points."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))


def _hashes(codes: Codes, bits: int) -> NDArray[np.uint64]:
    """The upper `bits` of a polynomial hash mod 2**64 of each stretch of PASSAGE code points."""
    count = len(codes) - PASSAGE + 1
    hashes = np.zeros(count, np.uint64)
    for offset in range(PASSAGE):
        hashes += codes[offset : offset + count]
        hashes *= _MULTIPLIER
    hashes >>= np.uint64(64 - bits)
    return hashes


def _as_read(path: Path, data: bytes, encoding: str, lower: bool) -> str:
    """The text as the training read it: no byte order mark, line ends LF, lower case if asked."""
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except (UnicodeDecodeError, LookupError) as error:
        raise CorpusUnavailableError(
            f"{path.name} cannot be read as {encoding}: {error}."
        ) from error
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.lower() if lower else text
