"""A collection of novels as one text for a base: paragraphs, typography, order.

People type quotes, dashes and apostrophes in many ways, and a base must know them all; a collection
has one way a novel. So each novel is cut at paragraphs into pieces of about 100,000 characters, and
each piece is written in its own typography, chosen by its name and number alone. The pieces are
then put in an order that is as fixed. It knows no address and no network.

Try it::

    from simpleml.corpora.novels import Novel, mixed
    text = mixed([Novel("FRA00101_Adam", "fr", tuple(plain_paragraphs(raw)))])
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

PIECE_CHARACTERS = 100_000
RARE = 100
"""Occurrences below which a character is written as its plain letter, or left out."""

_BLOCKS = frozenset({"p", "head", "l", "lg", "label", "trailer", "div", "quote", "list", "item"})
_LEFT_OUT = frozenset({"note", "ref", "gap", "figure"})
_FOOTNOTE_MARK = re.compile(r" ?\[(?:\d{1,3}|\*{1,3})\]")
_SPACES_BEFORE = re.compile("[ \u00a0\u202f]+(?=[;:!?»])")
_SPACES_AFTER = re.compile("(?<=«)[ \u00a0\u202f]+")
_WRAP_COLUMNS = 70


@dataclass(frozen=True)
class Novel:
    """A novel's paragraphs, one line each, as they were published."""

    name: str
    language: str
    paragraphs: tuple[str, ...]


def plain_paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a plain text that has one a line; footnote marks are taken out."""
    for line in text.replace("\r\n", "\n").split("\n"):
        if paragraph := _FOOTNOTE_MARK.sub("", line).strip():
            yield paragraph


def tei_paragraphs(document: bytes) -> Iterator[str]:
    """The paragraphs, headings and lines of verse of a TEI document's body, without its notes.

    Raises:
        ValueError: it is not XML, or has no ``<body>``.
    """
    try:
        body = ElementTree.fromstring(document).find(".//{*}body")
    except ElementTree.ParseError as error:
        raise ValueError(f"it is not XML: {error}") from None
    if body is None:
        raise ValueError("the document has no <body>")
    pieces: list[str] = []
    _collect(body, pieces)
    for block in "".join(pieces).split("\0"):
        if paragraph := " ".join(block.split()):
            yield _usual_quotes(paragraph)


def _collect(element: ElementTree.Element, pieces: list[str]) -> None:
    """Add the element's text, with NUL where a block begins or ends."""
    tag = element.tag.rpartition("}")[2] if isinstance(element.tag, str) else "note"
    if tag not in _LEFT_OUT:
        edge = "\0" if tag in _BLOCKS else ""
        pieces += [edge, element.text or ""]
        for child in element:
            _collect(child, pieces)
            pieces.append(child.tail or "")
        pieces.append(edge)


def _usual_quotes(text: str) -> str:
    """Grave and acute accents that stand for quotes, and the hyphen's rarer forms."""
    return text.translate({0x60: "‘", 0xB4: "’", 0x2010: "-", 0x2011: "-", 0xAD: None})


def mixed(novels: Sequence[Novel]) -> str:
    """The novels as one text, their pieces in a fixed order, each in its own typography."""
    pieces = [
        (hashlib.sha256(f"{novel.name} {number}".encode()).digest(), novel.language, piece)
        for novel in novels
        for number, piece in enumerate(_pieces(novel.paragraphs))
    ]
    return "".join(styled(piece, language, choice) for choice, language, piece in sorted(pieces))


def one_by_one(novels: Sequence[Novel]) -> str:
    """The novels one after the other as published: text that measures what a base is worth."""
    return "".join("\n".join(novel.paragraphs) + "\n\n" for novel in novels)


def _pieces(paragraphs: Sequence[str]) -> Iterator[list[str]]:
    piece: list[str] = []
    size = 0
    for paragraph in paragraphs:
        piece.append(paragraph)
        size += len(paragraph) + 1
        if size >= PIECE_CHARACTERS:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def styled(paragraphs: Sequence[str], language: str, choice: bytes) -> str:
    """A piece in one of the typographies that people use, chosen by the bytes of `choice`.

    A quarter of the pieces stay as published, with a space at the end of each paragraph, as
    ELTeC's plain texts have it.
    """
    if choice[0] < 64:
        return " \n".join(paragraphs) + " \n"
    separator = "\n" if choice[1] < 144 else "\n\n"
    text = separator.join(paragraphs) + separator
    text = _french(text, choice) if language == "fr" else _english(text, choice)
    if choice[7] < 26 and separator == "\n\n":
        text = _wrapped(text)
    return text


def _french(text: str, choice: bytes) -> str:
    """Apostrophes, guillemets, spaces before punctuation, dashes, ellipses and ligatures."""
    if choice[3] < 88:
        text = _SPACES_AFTER.sub(" ", _SPACES_BEFORE.sub(" ", text))
    elif choice[3] < 120:
        text = _SPACES_AFTER.sub("", _SPACES_BEFORE.sub("", text))
    elif choice[3] < 152:
        text = _SPACES_AFTER.sub("\u00a0", _SPACES_BEFORE.sub("\u00a0", text))
    elif choice[3] < 168:
        text = _SPACES_AFTER.sub("\u202f", _SPACES_BEFORE.sub("\u202f", text))
    if choice[2] < 128:
        text = text.replace("'", "’")
    if choice[4] < 96:
        pair = '""' if choice[4] < 64 else "“”"
        text = re.sub("«[ \u00a0\u202f]?", pair[0], text)
        text = re.sub("[ \u00a0\u202f]?»", pair[1], text)
    text = _dashes(text, choice[5])
    if choice[6] < 128:
        text = text.replace("...", "…")
    elif choice[6] < 160:
        text = text.replace("…", "...")
    if choice[8] < 40:
        text = text.replace("œ", "oe").replace("Œ", "OE")
    return text


def _english(text: str, choice: bytes) -> str:
    """Quotes and apostrophes, all typographic or all plain; dashes and ellipses."""
    if choice[2] < 128:
        text = text.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'})
    else:
        text = re.sub(r"(?:(?<=[\s(\[—“-])|^)'(?!(?:tis|twas|em|ere)\b)", "‘", text, flags=re.M)
        text = re.sub(r'(?:(?<=[\s(\[—‘-])|^)"', "“", text, flags=re.M)
        text = text.replace("'", "’").replace('"', "”")
    text = _dashes(text, choice[5])
    if choice[6] < 64:
        text = text.replace("...", "…")
    return text


def _dashes(text: str, choice: int) -> str:
    """Dashes as they were, short ones, or typed as one or two hyphens."""
    if choice < 160:
        return text
    return re.sub("[—–]", "–" if choice < 192 else "--" if choice < 232 else "-", text)


def _wrapped(text: str) -> str:
    """Lines of about 70 characters, as Project Gutenberg's plain texts have them."""
    return re.sub(rf"([^\n]{{1,{_WRAP_COLUMNS}}})(?: |(?=\n)|$)", r"\1\n", text)


def without_rare(text: str, rare: int = RARE) -> str:
    """The text without characters that occur fewer than `rare` times.

    Their plain letters stand in their place where they have them.
    """
    table = {}
    for character, count in Counter(text).items():
        if count < rare:
            plain = unicodedata.normalize("NFKD", character)[0]
            table[ord(character)] = plain if plain.isascii() else None
    return text.translate(table)
