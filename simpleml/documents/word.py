"""Word documents (.docx): WordprocessingML, ECMA-376 part 1, chapter 17.

Changes that are tracked are taken as accepted; hidden text, notes, comments, heads, feet and the
table of contents are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from simpleml.documents.archive import Archive
from simpleml.documents.document import Refusal
from simpleml.documents.lines import Lines
from simpleml.documents.markup import elements, parse_xml

# Fallback repeats a text box for old programs.
_LEFT_OUT = {"del", "moveFrom", "Fallback"}
_CHARACTERS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_REFERENCES = {
    "footnoteReference": "footnotes",
    "endnoteReference": "endnotes",
    "commentReference": "comments",
}
_CONTENTS_STYLE = re.compile(r"(?:TOC|TM|Verzeichnis)\d$")
_OFF = ("0", "false", "off")


class _Body:
    """The events of document.xml."""

    def __init__(self) -> None:
        self.lines = Lines()
        self.left_out = set[str]()
        self._path: list[str] = []
        self._skipped: int | None = None  # depth of the element that is left out

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._path.append(name)
        if self._skipped is not None:
            return
        value = attributes.get("val", "")
        if name in _LEFT_OUT and "rPr" not in self._path:
            self._skipped = len(self._path)
        elif name == "docPartGallery" and value == "Table of Contents" and "sdt" in self._path:
            self._skipped = self._depth("sdt")
        elif name == "pStyle" and _CONTENTS_STYLE.match(value):
            self._skipped = self._depth("p")
        elif name == "vanish" and self._path[-3:-1] == ["r", "rPr"] and value not in _OFF:
            self._skipped = self._depth("r")
        elif name == "p":
            self.lines.open()
        elif name == "tr":
            self.lines.open_row()
        elif name == "tc":
            self.lines.open_cell()
        elif name in _REFERENCES:
            self.left_out.add(_REFERENCES[name])
        elif name in _CHARACTERS and self._path[-2:-1] == ["r"]:
            is_text = attributes.get("type") not in ("page", "column")
            self.lines.add(_CHARACTERS[name] if is_text else "")

    def _depth(self, name: str) -> int | None:
        path = self._path
        return len(path) - path[::-1].index(name) if name in path else None

    def end(self, name: str) -> None:
        depth = len(self._path)
        self._path.pop()
        if self._skipped is not None:
            if depth > self._skipped:
                return
            self._skipped = None
            if name not in ("p", "tr", "tc"):  # those were opened before
                return
        if name == "p":
            self.lines.close()
        elif name == "tc":
            self.lines.close_cell()
        elif name == "tr":
            self.lines.close_row()

    def data(self, text: str) -> None:
        if self._skipped is None and self._path and self._path[-1] == "t":
            self.lines.add(text)


def read_word(archive: Archive) -> tuple[str, tuple[str, ...]]:
    """The text, and what was left out.

    Raises:
        Refusal: the document is damaged.
    """
    main = "word/document.xml"
    for name, attributes in elements(archive.pieces("_rels/.rels")):
        if name == "Relationship" and attributes.get("Type", "").endswith("/officeDocument"):
            main = attributes.get("Target", main).lstrip("/")
    if main not in archive:
        raise Refusal("is damaged: the text is missing in it", "file_damaged")
    body = _Body()
    parse_xml(archive.pieces(main), body)
    return body.lines.text(), tuple(f"left {notes} out" for notes in sorted(body.left_out))
