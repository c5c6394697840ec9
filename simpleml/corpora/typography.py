"""Prose as it was printed, from how it was typed: paragraphs without hard line ends, French signs.

Project Gutenberg's texts have a line end every 70 characters. A network learns them, and what it
writes then breaks in odd places wherever lines have another width, on a phone above all. The texts
in French lack what Latin-1 has no sign for.
"""

from __future__ import annotations

import re

_FORCED_COLUMNS = 58
"""A line whose next word would have ended beyond this was broken for its width alone; verse and
addresses are shorter."""
_NO_BREAK = "\u00a0"
_LIGATURES = re.compile(r"oe(?=ur|il|uf|uvr|ud|ux)", re.IGNORECASE)


def unwrapped(text: str) -> str:
    """The text with each paragraph of prose on one line; verse, lists and headings stay.

    A line end is taken out where the line had no room for the next word, neither of the two lines
    is indented, and the paragraph goes on. A word that was cut at its hyphen is joined again.
    """
    lines = text.split("\n")
    joined = lines[:1]
    before = lines[0]
    for line in lines[1:]:
        word = line.split(" ", 1)[0]
        forced = len(before) + 1 + len(word) > _FORCED_COLUMNS
        if before and word and forced and not before.startswith(" "):
            dashed = before.endswith("-") or word.startswith("--")
            joined[-1] += line if dashed else f" {line}"
        else:
            joined.append(line)
        before = line
    return "\n".join(joined)


def french(text: str) -> str:
    """The text with œ, dashes, and the no-break spaces of French punctuation.

    The spaces go inside guillemets and before ``; : ! ?`` where a letter stands before them.
    """
    text = _LIGATURES.sub(lambda found: "œ" if found[0][0] == "o" else "Œ", text)
    text = re.sub(r"(?m)^- (?=[«\w])", "— ", text)
    text = re.sub(r"(?m)^-- ?", "— ", text)
    text = re.sub(r" *-- ?", " — ", text)
    text = re.sub(r"«[ \u00a0]*", f"«{_NO_BREAK}", text)
    text = re.sub(r"[ \u00a0]*»", f"{_NO_BREAK}»", text)
    return re.sub(r"(?<=[\w»)'])[ \u00a0]*([;:!?]+)(?![\w/])", rf"{_NO_BREAK}\1", text)
