"""Subtitles (.srt, and .vtt): what is said, without numbers, times and tags."""

from __future__ import annotations

import re

_TIMES = re.compile(r"^[^\n]*-->[^\n]*$", re.M)
_TAGS = re.compile(r"</?[a-zA-Z][^<>\n]*>|\{\\[^{}\n]*\}|<\d\d:[\d:.]+>")
_SPEAKER = re.compile(r"^\s*[-–—‐]\s*\S")


def read_subtitles(text: str) -> str:
    """A line for each thing that is said: two lines of one title are joined, unless two speak."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines: list[str] = []
    for title in _TIMES.split(text)[1:]:
        # The number above the next times is the title's last line.
        title = re.sub(r"\n\s*\d+\s*$", "\n", "\n" + title.strip("\n"))
        # A note of a .vtt file stands apart from the title by an empty line.
        first = re.split(r"\n\s*\n", title.strip())[0]
        said = ""
        for line in _TAGS.sub("", first).split("\n"):
            line = line.strip(" \t")
            if said and _SPEAKER.match(line):
                lines.append(said)
                said = line
            else:
                said = f"{said} {line}".strip(" ")
        if said and lines[-1:] != [said]:  # titles that roll up say things twice
            lines.append(said)
    return "\n".join(lines) + "\n" if lines else ""
