"""What was taken out of a file, and how a file is refused."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

FORMATS = {
    "text": "plain text",
    "docx": "Word document (.docx)",
    "odt": "OpenDocument text (.odt)",
    "epub": "e-book (.epub)",
    "pdf": "PDF",
    "html": "web page (HTML)",
    "srt": "subtitles (.srt)",
}

MOST_BYTES = 100 << 20
"""Of a file that is not plain text."""
MOST_CHARACTERS = 64 << 20
"""Taken out of one."""
SHOWN_LINES, SHOWN_CHARACTERS = 4, 400


class Refusal(Exception):
    """Why a file is no text: the rest of a sentence that begins with the file's name.

    Args:
        sentence: that rest.
        reason: the same for programs.
    """

    def __init__(self, sentence: str, reason: str = "file_unreadable") -> None:
        super().__init__(sentence)
        self.reason = reason


@dataclass(frozen=True)
class Document:
    """The text of a file."""

    name: str
    text: str
    """Without a byte order mark. Line ends are the file's own in plain text, else LF."""
    format: str
    """A key of FORMATS."""
    encoding: str
    """Python's name of it; utf-8 where the format has none."""
    notes: tuple[str, ...] = ()
    """What was left out, joined or guessed, one sentence each."""

    @property
    def beginning(self) -> str:
        """The first lines, to show what was taken out."""
        lines = [line.strip() for line in self.text[: 4 * SHOWN_CHARACTERS].splitlines()]
        return "\n".join([line for line in lines if line][:SHOWN_LINES])[:SHOWN_CHARACTERS]

    @property
    def facts(self) -> dict[str, Any]:
        """What a program may want to show of it."""
        return {
            "name": self.name,
            "format": self.format,
            "encoding": self.encoding,
            "characters": len(self.text),
            "notes": list(self.notes),
            "beginning": self.beginning,
        }


def library(module: str) -> Any:
    """A module of the libraries that read documents.

    Raises:
        Refusal: it is not installed; says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise Refusal(
            f"needs {module.partition('.')[0]} to be read: pip install -r required-documents.txt"
        ) from None
