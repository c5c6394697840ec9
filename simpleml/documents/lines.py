"""Paragraphs, cells and rows as a parser meets them, turned into lines."""

from __future__ import annotations

import re

from simpleml.documents.document import MOST_CHARACTERS, Refusal

_BLANK = " \t\n\r\f"  # no-break spaces belong to the text


class Lines:
    """Collects a document: a paragraph is a line, a table's row too, its cells set apart by tabs.

    A paragraph with line breaks inside (verse, an address) has an empty line before and after it.
    """

    def __init__(self) -> None:
        self._runs: list[list[str]] = []  # of the open paragraphs; text boxes lie in others
        self._sinks: list[list[str]] = [[]]  # paragraphs of the document, and of each open cell
        self._rows: list[list[list[str]]] = []  # cells of each open row
        self._size = 0

    def open(self) -> None:
        """Begin a paragraph."""
        self._runs.append([])

    def add(self, text: str) -> None:
        """Go on with the open paragraph; outside of one, characters are layout."""
        if self._runs:
            self._size += len(text)
            if self._size > MOST_CHARACTERS:
                raise Refusal(f"holds more than {MOST_CHARACTERS:,} characters")
            self._runs[-1].append(text)

    def close(self) -> None:
        """End a paragraph; an empty one leaves an empty line."""
        if self._runs:
            self._emit("".join(self._runs.pop()))

    def open_row(self) -> None:
        """Begin a row of a table."""
        self._rows.append([])

    def open_cell(self) -> None:
        """Begin a cell."""
        self._sinks.append([])

    def close_cell(self) -> None:
        """End a cell."""
        if len(self._sinks) > 1:
            cell = [line for line in self._sinks.pop() if line]
            if self._rows:
                self._rows[-1].append(cell)
            else:
                self._sinks[-1] += cell

    def close_row(self) -> None:
        """End a row: one line, unless a cell holds several paragraphs, as where tables lay out."""
        if self._rows:
            cells = self._rows.pop()
            if any(len(cell) > 1 for cell in cells):
                self._sinks[-1] += [line for cell in cells for line in cell]
            else:
                self._emit("\t".join("".join(cell).replace("\n", " ") for cell in cells))

    def text(self) -> str:
        """What was collected; at most one empty line in a row, none at the ends."""
        while self._runs:
            self.close()
        lines = re.sub(r"\n{3,}", "\n\n", "\n".join(self._sinks[0])).strip("\n")
        return lines + "\n" if lines else ""

    def _emit(self, paragraph: str) -> None:
        paragraph = paragraph.replace("\xad", "")  # hyphens that are seen at line ends alone
        paragraph = "\n".join(line.strip(_BLANK) for line in paragraph.split("\n")).strip("\n")
        verse = "\n" in paragraph
        self._sinks[-1] += ["", paragraph, ""] if verse else [paragraph]
