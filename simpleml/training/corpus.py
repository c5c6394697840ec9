"""A text file: read, checked, cut into parts, turned into numbers.

The held-out part is cut from the raw text once, before anything is learned from it; choices
(early stop, best epoch) use a slice of the training part, so the held-out figure stays honest.
Knows no network and no training framework.

Try it::

    from simpleml.training.corpus import read_text, split_text
    split = split_text(read_text("tinyshakespeare.txt"))
    len(split.text("validation"))
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simpleml.documents import Document, read_document
from simpleml.documents.encodings import MARKS
from simpleml.documents.reader import described, read_bytes
from simpleml.errors import CorpusError

MIN_CHARACTERS = 200  # below, no part of a split would hold one window
MAX_DISTINCT = 12_000  # ordinary Chinese prose stays under 6,000
SPREAD_BLOCKS = 20
SELECTION_FRACTION = 0.05
MOST_SELECTED = 250_000  # characters; more would say the same and cost time at every judgement

How = Literal["tail", "spread"]
Part = Literal["training", "selection", "validation"]
Span = tuple[int, int]
"""First position and the one after the last."""


@dataclass(frozen=True)
class TextFile:
    """What a file held, and what was changed on the way in."""

    path: Path
    text: str  # no byte order mark, line ends LF
    document: Document
    size: int  # bytes
    sha256: str  # of the file's bytes; of the text's, in UTF-8, where the file is no plain text
    byte_order_mark: bool
    crlf: int  # Windows line ends that became LF
    cr: int  # old Mac line ends that became LF

    @property
    def is_text(self) -> bool:
        """Whether the file is the text, rather than something that the text was taken out of."""
        return self.document.format == "text"

    @property
    def encoding(self) -> str:
        """Of the bytes that `sha256` is of."""
        return self.document.encoding if self.is_text else "utf-8"

    @property
    def describe(self) -> str:
        """What kind of file it is."""
        return self.document.encoding if self.is_text else described(self.document)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was changed, one sentence each; empty for a clean file."""
        notes = [*self.document.notes]
        if self.byte_order_mark:
            notes.append("removed the byte order mark at the start")
        if self.crlf:
            notes.append(f"turned {self.crlf:,} Windows line ends (CRLF) into LF")
        if self.cr:
            notes.append(f"turned {self.cr:,} old Mac line ends (CR) into LF")
        return tuple(notes)

    @property
    def shown(self) -> tuple[str, ...]:
        """What was taken out of the file and how that begins; empty for plain UTF-8."""
        if self.is_text and not self.document.notes:
            return ()
        said = f"{self.path.name}: {self.describe}, {len(self.text):,} characters; it begins:"
        return said, *(f"    {line}" for line in self.document.beginning.split("\n"))

    @property
    def facts(self) -> dict[str, Any]:
        """The same for programs, with the first lines of what was taken out."""
        changed = {"characters": len(self.text), "notes": list(self.notes)}
        return {**self.document.facts, "name": self.path.name, **changed}


def read_text(
    path: str | Path, encoding: str | None = None, *, report: Callable[[str], None] | None = None
) -> str:
    """The text of a file, ready to train on.

    Args:
        path: of the file.
        encoding: any of Python's text encodings: the file is plain text in it. Without it the
            file may be of any kind that simpleml.documents reads.
        report: called with each change that was made to the text.

    Raises:
        CorpusError: the file is missing, a folder, empty, too short, no text, not in that
            encoding, or has one distinct character or too many; the message says where and what
            to do.
    """
    file = read_file(path, encoding)
    if report is not None:
        for note in file.notes:
            report(note)
    return file.text


def read_file(path: str | Path, encoding: str | None = None) -> TextFile:
    """As :func:`read_text`, with the facts about the file."""
    path = Path(path)
    raw, document = _read(path, encoding)
    text = document.text
    marked = document.format == "text" and raw.startswith(MARKS)
    crlf = text.count("\r\n")
    cr = text.count("\r") - crlf
    if crlf or cr:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    _check_contents(path, text)
    return TextFile(
        path=path,
        text=text,
        document=document,
        size=len(raw),
        sha256=hashlib.sha256(raw if document.format == "text" else text.encode()).hexdigest(),
        byte_order_mark=marked,
        crlf=crlf,
        cr=cr,
    )


def _read(path: Path, encoding: str | None) -> tuple[bytes, Document]:
    try:
        if path.is_dir():
            raise CorpusError(f"{path} is a folder: give the text file itself")
        if path.exists() and not path.is_file():
            raise CorpusError(f"{path} is not a regular file: save the text to a file first")
        raw = read_bytes(path, plain=encoding is not None)
        return raw, read_document(raw, str(path), encoding)
    except FileNotFoundError:
        raise CorpusError(f"there is no file {path}{_similar(path)}") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise CorpusError(f"cannot read {path}: {reason}") from None


def _similar(path: Path) -> str:
    try:
        texts = sorted(entry.name for entry in path.parent.glob("*.txt"))[:8]
    except OSError:
        return ""
    return f"; texts next to it: {', '.join(texts)}" if texts else ""


def _check_contents(path: Path, text: str) -> None:
    if not text.strip():
        raise CorpusError(
            f"{path} is empty" + (" (white space only)" if text else ""), reason="text_empty"
        )
    if len(set(text[: 1 << 20])) == 1 and len(set(text)) == 1:
        raise CorpusError(
            f"{path} holds one distinct character, {text[0]!r}: there is nothing to learn",
            reason="text_of_one",
        )
    if len(text) < MIN_CHARACTERS:
        raise CorpusError(
            f"{path} holds {len(text):,} characters; training needs at least {MIN_CHARACTERS}, "
            "and about 100,000 before a network writes rather than copies",
            reason="text_too_short",
            params={"characters": len(text), "least": MIN_CHARACTERS},
        )
    distinct = len(set(text))
    if distinct > MAX_DISTINCT:
        raise CorpusError(
            f"{path} holds {distinct:,} distinct characters, more than the {MAX_DISTINCT:,} a "
            "network of characters can use; is it a text? With --level word the rare ones "
            "become one unknown symbol",
            reason="text_of_many",
            params={"distinct": distinct, "most": MAX_DISTINCT},
        )


@dataclass(frozen=True)
class Split:
    """Three parts of one text, as spans of positions; together they are the whole text.

    ``training`` is trained on, ``selection`` (cut from the training part) decides when to stop
    and which epoch is kept, ``validation`` is held out and only reported.
    """

    source: str
    how: How
    fraction: float
    training: tuple[Span, ...]
    selection: tuple[Span, ...]
    validation: tuple[Span, ...]

    def spans(self, part: Part) -> tuple[Span, ...]:
        """Where the part lies in the source."""
        spans: tuple[Span, ...] = getattr(self, part)
        return spans

    def text(self, part: Part) -> str:
        """The spans of a part, joined."""
        return "".join(self.source[first:last] for first, last in self.spans(part))

    @property
    def describe(self) -> str:
        """How the held-out part was cut, in words, for the card."""
        if self.how == "tail":
            return f"last {self.fraction:.0%} of the text"
        return f"{len(self.validation)} evenly spread blocks, {self.fraction:.0%} of the text"


def split_text(
    text: str,
    how: str = "tail",
    fraction: float = 0.1,
    *,
    selection_fraction: float = SELECTION_FRACTION,
    blocks: int = SPREAD_BLOCKS,
) -> Split:
    """Cut a text into training, selection and held-out parts.

    Args:
        text: all of it.
        how: ``tail`` holds out the end; ``spread`` holds out ``blocks`` contiguous blocks at
            even distances, right where the end of a text differs from its beginning (tales of
            several authors in one file).
        fraction: share that is held out, 0.01 to 0.5. The training part of a tail split is the
            first ``int(len(text) * (1 - fraction))`` characters, as published results have it.
        selection_fraction: share of the training part that is set aside for choices, of
            which no more than ``MOST_SELECTED`` characters are taken; 0 for none.
        blocks: how many ``spread`` holds out.

    Raises:
        CorpusError: an unknown way to split, a share out of bounds or a text too short.
    """
    if how not in ("tail", "spread"):
        raise CorpusError(f"--validation {how}: must be tail or spread")
    if not 0.01 <= fraction <= 0.5:
        raise CorpusError(f"--validation-fraction {fraction:g}: must lie between 0.01 and 0.5")
    if not 0.0 <= selection_fraction <= 0.5:
        raise CorpusError(f"selection fraction {selection_fraction:g}: must lie between 0 and 0.5")
    size = len(text)
    if size < MIN_CHARACTERS:
        raise CorpusError(f"{size:,} characters are too few to split: {MIN_CHARACTERS} at least")
    selection_fraction = min(selection_fraction, MOST_SELECTED / (size * (1.0 - fraction)))
    if how == "tail":
        cut = int(size * (1.0 - fraction))
        training, selection = _stretches(0, cut, selection_fraction, blocks)
        return Split(text, "tail", fraction, training, selection, ((cut, size),))
    # Blocks shrink in number for short texts, so that each still holds some sentences.
    kept, validation = _stretches(0, size, fraction, blocks)
    parts = [_stretches(first, last, selection_fraction, 1) for first, last in kept]
    return Split(
        text,
        "spread",
        fraction,
        tuple(span for training, _ in parts for span in training),
        tuple(span for _, selection in parts for span in selection),
        validation,
    )


def _stretches(
    first: int, last: int, share: float, blocks: int
) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Cut [first, last) into even stretches and the last `share` of each off: (kept, cut off).

    The selection slice is cut so in a tail split too. Taken in one piece from the end of the
    training part it took the beginning of tinyshakespeare's last play, and with it all its names,
    from what is trained on: 0.16 nats worse on the held-out rest of that play.
    """
    count = max(1, min(blocks, int((last - first) * share) // 1000))
    edges = [first + round((last - first) * i / count) for i in range(count + 1)]
    kept, cut_off = [], []
    for start, end in itertools.pairwise(edges):
        cut = start + int((end - start) * (1.0 - share))
        kept.append((start, cut))
        if cut < end:
            cut_off.append((cut, end))
    return tuple(kept), tuple(cut_off)


def encode_characters(text: str, indices: Mapping[str, int]) -> NDArray[np.int32]:
    """A text as indices, by table: 4 bytes a character and a few megabytes while at work.

    Args:
        text: all of it.
        indices: character to index.

    Returns:
        (len(text),) int32.

    Raises:
        CorpusError: the text has a character that is not among them; names it and its place.
    """
    table = np.full(max(map(ord, indices), default=0) + 1, -1, np.int32)
    for character, index in indices.items():
        table[ord(character)] = index
    symbols = np.empty(len(text), np.int32)
    for first in range(0, len(text), 1 << 20):
        piece = text[first : first + (1 << 20)]
        codes = np.frombuffer(piece.encode("utf-32-le", "surrogatepass"), np.uint32)
        known = codes < len(table)
        symbols[first : first + len(piece)] = np.where(known, table[codes * known], -1)
    if (unknown := np.flatnonzero(symbols < 0)).size:
        position = int(unknown[0])
        line, column = line_and_column(text, position)
        raise CorpusError(
            f"the character {text[position]!r} at line {line:,}, column {column:,} is not in the "
            "model's vocabulary"
        )
    return symbols


def line_and_column(text: str, position: int) -> tuple[int, int]:
    """Where a position stands, both counted from 1."""
    start = text.rfind("\n", 0, position) + 1
    return text.count("\n", 0, position) + 1, position - start + 1
