"""PDF: the lines that stand on its pages, put together to paragraphs again.

A PDF knows where letters stand and nothing of words or paragraphs. pypdf gives the lines with their
places; here heads, feet and page numbers go, lines are joined, and words that were cut at a line's
end are made whole.
"""

from __future__ import annotations

import io
import itertools
import re
import statistics
from collections import Counter
from dataclasses import dataclass
from typing import Any

from simpleml.documents.document import MOST_CHARACTERS, Refusal, library

MOST_PAGES = 5_000
_EDGE = 2  # lines at a page's top and foot that may be its head, foot or number
_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
_HYPHENS = "-\u2010\xad"
_ENDS = re.compile(r"[.!?…:;»”\"’)\]]$")
_BEGINS = re.compile(r"[A-ZÀ-ÖØ-ÞŒ0-9«“‘\"—–•*-]")
# What follows a hyphen in French that belongs there: dit-|il, celui-|là.
_AFTER_HYPHEN = re.compile(
    r"(?:je|tu|il|elle|on|nous|vous|ils|elles|ce|ci|là|moi|toi|soi|lui|leur|le|la|les|y|en|t|même|"
    r"mêmes|être)\b"
)
_ROMAN = r"(?=[ivxlc])c{0,3}(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})"
_NUMBER = re.compile(
    rf"\W*(?:page\s+)?(?:\d{{1,4}}|{_ROMAN})(?:\s*(?:/|of|sur)\s*\d{{1,4}})?\W*$", re.I
)


@dataclass
class Line:
    """One line of a page; its place in points, from the page's lower left corner."""

    text: str
    x: float
    y: float
    size: float
    page: int


def read_pdf(raw: bytes) -> tuple[str, tuple[str, ...]]:
    """The text, and what was left out or put together.

    Raises:
        Refusal: it is encrypted, damaged, too long, or holds no text.
    """
    pypdf = library("pypdf")
    try:
        reader = pypdf.PdfReader(io.BytesIO(raw))
        if reader.is_encrypted and not _opens(reader, pypdf):
            raise Refusal(
                "is protected by a password: save or print it without one first", "file_password"
            )
        count = len(reader.pages)
        if count > MOST_PAGES:
            raise Refusal(f"has {count:,} pages, more than the {MOST_PAGES:,} allowed")
        pages = [_lines(page, number) for number, page in enumerate(reader.pages)]
        if sum(len(line.text) for page in pages for line in page) < 10 * max(1, count // 10):
            raise Refusal(_without_text(reader, count), "file_without_text")
    except (Refusal, MemoryError):
        raise
    except Exception as error:  # pypdf raises of every kind on what is damaged
        raise Refusal(
            f"is damaged: {str(error).splitlines()[0] if str(error) else error!r}",
            "file_damaged",
        ) from None
    empty = sum(not page for page in pages)
    pages, heads = without_heads(pages)
    text = join_lines([line for page in pages for line in page])
    _check_readable(text)
    notes = [f"{empty} of {count} pages hold no text"] if empty > count / 10 else []
    if heads:
        notes.append(f"left out {heads:,} page heads, feet and page numbers")
    return text, (*notes, "joined lines to paragraphs")


def _opens(reader: Any, pypdf: Any) -> bool:
    """Many are locked against changes alone, and open without a password."""
    try:
        return bool(reader.decrypt(""))
    except (pypdf.errors.DependencyError, pypdf.errors.PyPdfError, NotImplementedError):
        return False


def _lines(page: Any, number: int) -> list[Line]:
    lines: list[Line] = []
    now: list[str] = []
    place: list[tuple[float, float, float]] = []

    def end() -> None:
        text = "".join(now)
        if text.strip() and place:
            x, y, size = place[0]
            blanks = len(text) - len(text.lstrip(" "))
            for ligature, letters in _LIGATURES.items():
                text = text.replace(ligature, letters)
            text = re.sub(r"[ \t]+", " ", text.replace("\0", "")).strip(" \n")
            lines.append(Line(text, x + blanks * size / 4, y, size, number))
        now.clear()
        place.clear()

    def visit(text: str, cm: list[float], tm: list[float], _font: Any, size: float) -> None:
        pieces = text.split("\n")
        for i, piece in enumerate(pieces):
            if i:
                end()
            if piece.strip() and not place:
                x = tm[4] * cm[0] + tm[5] * cm[2] + cm[4]
                y = tm[4] * cm[1] + tm[5] * cm[3] + cm[5]
                scale = abs(tm[3] * cm[3]) or abs(tm[1] * cm[2]) or 1.0
                place.append((x, y, size * scale))
            now.append(piece)

    page.extract_text(visitor_text=visit)
    end()
    if sum(len(line.text) for line in lines) > MOST_CHARACTERS // 100:
        raise Refusal("has a page with more characters than a page can show")
    return lines


def _without_text(reader: Any, count: int) -> str:
    pictures = False
    for page in list(reader.pages)[:20]:
        resources = page.get("/Resources")
        drawn = resources.get_object().get("/XObject") if resources else None
        pictures = pictures or bool(drawn and len(drawn.get_object()))
    if pictures:
        return f"holds {count:,} scanned pages and no text: run text recognition (OCR) on it first"
    return "holds no text"


def _check_readable(text: str) -> None:
    strange = len(re.findall(r"[\ue000-\uf8ff\ufffd]|/g\d+|\(cid:\d+\)", text))
    if strange > len(text) / 20:
        raise Refusal(
            "has fonts that do not say which letters they show: its text cannot be extracted"
        )


def without_heads(pages: list[list[Line]]) -> tuple[list[list[Line]], int]:
    """The pages without what stands at the top or foot of many, and how many lines that was."""

    def edges(page: list[Line]) -> list[tuple[int, Line]]:
        places = {*range(min(_EDGE, len(page))), *range(max(0, len(page) - _EDGE), len(page))}
        return [(place, page[place]) for place in sorted(places)]

    def likeness(line: Line) -> str:
        return re.sub(r"\d+|\b[ivxlc]+\b", "#", line.text.casefold())

    seen = Counter(like for page in pages for like in {likeness(line) for _, line in edges(page)})
    least = max(3, len(pages) // 50)
    gone = 0
    kept = []
    for page in pages:
        heads = {
            place
            for place, line in edges(page)
            if _NUMBER.match(line.text) or (seen[likeness(line)] >= least and len(line.text) < 100)
        }
        # A page's number or head has nothing but others of its kind between it and the edge.
        top = next((i for i in range(len(page)) if i not in heads), len(page))
        foot = next((i for i in range(len(page), top, -1) if i - 1 not in heads), top)
        gone += len(page) - (foot - top)
        kept.append(page[top:foot])
    return kept, gone


def join_lines(lines: list[Line]) -> str:
    """Paragraphs of the lines, one line each."""
    if not lines:
        return ""
    margin = _margins(lines)
    width = sorted(len(line.text) for line in lines)[int(0.9 * (len(lines) - 1))]
    gaps = [
        one.y - two.y for one, two in itertools.pairwise(lines)
        if one.page == two.page and one.y > two.y
    ]  # fmt: skip
    pitch = statistics.median(gaps) if gaps else 0.0
    words = Counter(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", " ".join(line.text for line in lines)))
    verse = _pages_of_verse(lines)
    paragraphs = [lines[0].text]
    for before, line in itertools.pairwise(lines):
        if line.page in verse or _begins_paragraph(before, line, margin, width, pitch):
            paragraphs.append(line.text)
        else:
            paragraphs[-1] = _joined(paragraphs[-1], line.text, words)
    return "\n".join(paragraphs) + "\n"


def _pages_of_verse(lines: list[Line]) -> set[int]:
    """Pages where nearly every line begins with a capital."""
    capitals, count = Counter[int](), Counter[int]()
    for line in lines:
        count[line.page] += 1
        capitals[line.page] += bool(_BEGINS.match(line.text))
    return {page for page in count if count[page] > 5 and capitals[page] > 0.75 * count[page]}


def _margins(lines: list[Line]) -> dict[int, float]:
    """Where most lines of each page begin; left and right pages differ."""
    margins = {}
    for page in {line.page for line in lines}:
        places = Counter(round(line.x) for line in lines if line.page == page)
        margins[page] = float(places.most_common(1)[0][0])
    return margins


def _begins_paragraph(
    before: Line, line: Line, margin: dict[int, float], width: int, pitch: float
) -> bool:
    if abs(before.size - line.size) > 0.1 * line.size:
        return True  # a title
    ended = bool(_ENDS.search(before.text))
    short = len(before.text) < 0.75 * width
    if line.page == before.page and pitch and before.y - line.y > 1.35 * pitch:
        return True
    indent = 0.7 * line.size
    indented = margin[line.page] + indent < line.x < margin[line.page] + 10 * indent
    was_indented = margin[before.page] + indent < before.x
    if indented and not was_indented and before.text[-1] not in _HYPHENS:
        return True
    if indented and (ended or short):
        return True
    much_shorter = len(before.text) < 0.6 * width
    return (short and ended) or (much_shorter and bool(_BEGINS.match(line.text)))


def _joined(paragraph: str, line: str, words: Counter[str]) -> str:
    if paragraph[-1] not in _HYPHENS or not line[0].islower() or not paragraph[-2:-1].isalpha():
        return f"{paragraph.rstrip(chr(0xAD))} {line}"
    first = re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*$", paragraph[:-1])
    second = re.findall(r"^[^\W\d_]+", line)
    if paragraph[-1] != "\xad" and first and second:
        whole, parted = first[0] + second[0], f"{first[0]}-{second[0]}"
        if not words[whole] and (words[parted] or _AFTER_HYPHEN.match(line)):
            return paragraph + line
    return paragraph[:-1] + line
