"""README.md and README.fr.md taken apart: headings, tables, links, pictures, blocks of code.

    read("fr").blocks[0].language

A block's language says what is done with it; tests/test_readme_blocks.py has the rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("en", "fr")
CODE = re.compile(r"`([^`]+)`")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_THOUSANDS = {"en": ",", "fr": "\u202f"}


@dataclass(frozen=True)
class Block:
    """A fenced block of code."""

    language: str
    body: str

    def without_comments(self) -> list[str]:
        """Its lines, as both languages have them: no comments, one word for all placeholders."""
        lines = (re.sub(r"(^|\s+)# .*", "", line) for line in self.body.splitlines())
        return [re.sub(r"<[^>]*>", "<>", line) for line in lines if line]


@dataclass(frozen=True)
class Readme:
    """One of the two pages."""

    language: str
    text: str

    @cached_property
    def blocks(self) -> list[Block]:
        return [Block(*found) for found in _BLOCK.findall(self.text)]

    @cached_property
    def prose(self) -> str:
        """All that is not a block of code."""
        return _BLOCK.sub("", self.text)

    @cached_property
    def running_text(self) -> str:
        """All that is neither a block nor a table."""
        return "\n".join(line for line in self.prose.splitlines() if not line.startswith("|"))

    @cached_property
    def headings(self) -> list[tuple[int, str]]:
        """(level, words)"""
        return [(len(m[0]), m[1]) for m in re.findall(r"^(#+) (.*)$", self.prose, re.M)]

    @cached_property
    def anchors(self) -> set[str]:
        """What links within the page may lead to, as GitHub names it."""
        return {
            re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-") for _, words in self.headings
        }

    @cached_property
    def tables(self) -> list[list[str]]:
        """Each as its lines."""
        found = re.findall(r"(?:^\|.*\|\n)+", self.prose, re.M)
        return [table.splitlines() for table in found]

    @cached_property
    def pictures(self) -> list[tuple[str, str]]:
        """(words, file)"""
        tags = re.findall(r'<img src="([^"]+)"[^>]* alt="([^"]*)">', self.prose)
        marked = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", self.prose)
        return [*marked, *((words, file) for file, words in tags)]

    @cached_property
    def links(self) -> list[str]:
        """Targets of links and of pictures."""
        targets = re.findall(r'\]\(([^)]+)\)|<img src="([^"]+)"', self.prose)
        return [one or other for one, other in targets]

    def numbers(self, text: str) -> list[float]:
        """Those in a text, as this page's language writes them."""
        text = re.sub(rf"(?<=\d){_THOUSANDS[self.language]}(?=\d{{3}}\b)", "", text)
        if self.language == "fr":
            text = re.sub(r"(?<=\d),(?=\d)", ".", text)
        return [float(one) for one in re.findall(r"\d+(?:\.\d+)?", text)]


def read(language: str) -> Readme:
    """The page in that language."""
    name = {"en": "README.md", "fr": "README.fr.md"}[language]
    return Readme(language, (ROOT / name).read_text("utf-8"))
