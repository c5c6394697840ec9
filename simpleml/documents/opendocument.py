"""OpenDocument texts (.odt) of LibreOffice and others: OpenDocument 1.3 part 3, chapters 4 to 7.

Notes, comments, tracked deletions, indexes and page numbers are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from simpleml.documents.archive import Archive
from simpleml.documents.document import Refusal
from simpleml.documents.lines import Lines
from simpleml.documents.markup import elements, parse_xml

_LEFT_OUT = {
    "note", "annotation", "tracked-changes", "table-of-content", "illustration-index",
    "table-index", "object-index", "user-index", "alphabetical-index", "bibliography", "forms",
    "title", "desc", "page-number", "page-count", "hidden-text", "ruby-text", "object",
}  # fmt: skip
_MOST_SPACES = 100


class _Content:
    """The events of content.xml."""

    def __init__(self) -> None:
        self.lines = Lines()
        self.notes = 0
        self._depth = 0
        self._skipped: int | None = None  # depth of the element that is left out

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._skipped is not None:
            return
        if name in _LEFT_OUT:
            self._skipped = self._depth
            self.notes += name == "note"
        elif name in ("p", "h"):
            self.lines.open()
        elif name == "table-row":
            self.lines.open_row()
        elif name == "table-cell":
            self.lines.open_cell()
        elif name == "s":
            count = attributes.get("c", "1")
            self.lines.add(" " * min(int(count) if count.isdecimal() else 1, _MOST_SPACES))
        elif name == "tab":
            self.lines.add("\t")
        elif name == "line-break":
            self.lines.add("\n")

    def end(self, name: str) -> None:
        depth, self._depth = self._depth, self._depth - 1
        if self._skipped is not None:
            if depth == self._skipped:
                self._skipped = None
        elif name in ("p", "h"):
            self.lines.close()
        elif name == "table-cell":
            self.lines.close_cell()
        elif name == "table-row":
            self.lines.close_row()

    def data(self, text: str) -> None:
        if self._skipped is None:
            self.lines.add(re.sub(r"[ \t\r\n]+", " ", text))


def read_opendocument(archive: Archive) -> tuple[str, tuple[str, ...]]:
    """The text, and what was left out.

    Raises:
        Refusal: the document is damaged or encrypted.
    """
    if "META-INF/manifest.xml" in archive:
        names = {name for name, _ in elements(archive.pieces("META-INF/manifest.xml"))}
        if "encryption-data" in names or "encrypted-package" in archive:
            raise Refusal("is protected by a password: save it without one first", "file_password")
    content = _Content()
    parse_xml(archive.pieces("content.xml"), content)
    return content.lines.text(), ("left footnotes out",) if content.notes else ()
