"""What holds for the words of every page, in both languages."""

from __future__ import annotations

import re
from collections.abc import Mapping

GAP = re.compile(r"\{\w+\}")


def assert_whole(english: Mapping[str, str], french: Mapping[str, str]) -> None:
    """The same entries in the same order, none of them empty, with the same gaps."""
    assert list(english) == list(french)
    for key, entry in english.items():
        assert french[key].strip(), key
        assert set(GAP.findall(entry)) == set(GAP.findall(french[key])), key
