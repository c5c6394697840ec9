"""The spaces of printed French in the words of pages; static/common/typography.js does the same."""

from __future__ import annotations

import re

_NO_BREAK = re.compile(r" (?=[:»])|(?<=«) ")
_NARROW = re.compile(r" (?=[;!?%])|(?<=\d) (?=\d{3}(?!\d))")


def french(text: str) -> str:
    """The text without spaces that a line may break at before ``; : ! ? %`` and inside « »."""
    return _NARROW.sub("\u202f", _NO_BREAK.sub("\u00a0", text))
