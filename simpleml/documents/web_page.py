"""Web pages, and the chapters of e-books, which are web pages too: what a reader would read.

Scripts, menus, margins, notes and what is hidden are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from simpleml.documents.lines import Lines
from simpleml.documents.markup import parse_html

_LEFT_OUT = {
    "script", "style", "head", "nav", "footer", "aside", "noscript", "template", "svg", "math",
    "iframe", "object", "audio", "video", "canvas", "select", "button", "textarea", "rt", "rp",
}  # fmt: skip
_LEFT_OUT_ROLES = {
    "footnote", "endnote", "rearnote", "footnotes", "endnotes", "rearnotes", "noteref", "pagebreak",
    "toc", "landmarks", "page-list", "navigation", "doc-footnote", "doc-endnotes", "doc-noteref",
    "doc-pagebreak", "doc-toc",
}  # fmt: skip
_BLOCKS = {
    "p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "ul", "ol", "dl", "dt", "dd", "table",
    "blockquote", "pre", "section", "article", "main", "header", "body", "html", "figure",
    "address", "figcaption", "caption", "hr", "center", "fieldset", "legend", "details", "summary",
    "form", "thead", "tbody", "tfoot", "tr", "td", "th", "title", "hgroup", "search",
}  # fmt: skip
_VOID = {
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track",
    "wbr",
}  # fmt: skip
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
_SELF_CLOSED = re.compile(r"<([A-Za-z][\w:.-]*)((?:\s+[^<>]*?)?)\s*/>")


class _Page:
    """The events of a page; any block ends the paragraph before it."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._open = False  # a paragraph
        self._depth = 0
        self._skipped: int | None = None  # depth of the element that is left out
        self._pre = 0

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._skipped is not None:
            return
        roles = f"{attributes.get('epub:type', '')} {attributes.get('type', '')}"
        roles += f" {attributes.get('role', '')}"
        hidden = "hidden" in attributes or _HIDDEN.search(attributes.get("style", ""))
        if name in _LEFT_OUT or hidden or not _LEFT_OUT_ROLES.isdisjoint(roles.split()):
            self._skipped = self._depth
        elif name == "br":
            self._put("\n")
        elif name in _BLOCKS:
            self._break()
            self._pre += name == "pre"
            if name == "tr":
                self._lines.open_row()
            elif name in ("td", "th"):
                self._lines.open_cell()

    def end(self, name: str) -> None:
        depth, self._depth = self._depth, self._depth - 1
        if self._skipped is not None:
            if depth == self._skipped:
                self._skipped = None
        elif name in _BLOCKS:
            self._break()
            self._pre -= name == "pre"
            if name == "tr":
                self._lines.close_row()
            elif name in ("td", "th"):
                self._lines.close_cell()

    def data(self, text: str) -> None:
        if self._skipped is None:
            text = text.replace("\r\n", "\n")
            self._put(text if self._pre else re.sub(r"[ \t\r\n\f]+", " ", text))

    def _put(self, text: str) -> None:
        if not self._open:
            text = text if self._pre else text.lstrip(" \n")
            if not text:
                return
            self._lines.open()
            self._open = True
        self._lines.add(text)

    def _break(self) -> None:
        if self._open:
            self._lines.close()
            self._open = False


def read_page(html: str, lines: Lines | None = None) -> str:
    """The text of a page.

    Args:
        html: its characters.
        lines: what an e-book's earlier chapters gave, to go on with.

    Raises:
        Refusal: its elements are nested hundreds deep.
    """
    lines = Lines() if lines is None else lines
    if re.match(r"\s*<\?xml|[^>]*>?\s*<html[^>]*\sxmlns", html, re.I):
        # In XHTML any element may close itself; in HTML <title/> would swallow the page.
        html = _SELF_CLOSED.sub(_closed, html)
    parse_html(html, _Page(lines))
    return re.sub(r"(?<=\S) {2,}(?=\S)", " ", lines.text())


def _closed(tag: re.Match[str]) -> str:
    name = tag[1]
    return tag[0] if name.lower() in _VOID else f"<{name}{tag[2]}></{name}>"
