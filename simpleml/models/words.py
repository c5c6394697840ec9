"""Words, and back again without loss.

A token is a word with the space before it (`` the``), a punctuation mark or a run of the same
one, a digit, or one character of white space; joined, the tokens of a text are that text. So
a model of words writes text with its own spacing and punctuation and nothing has to guess
where the spaces go. Standard library only: training and serving share this file.

Try it: ``python -c "from simpleml.models.words import tokenize; print(tokenize('It was.'))"``
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

UNKNOWN = "<unk>"
"""Stands for every word that is not in the vocabulary. No text tokenises to it, because `<`
and `unk` are tokens of their own, so it cannot be confused with something that was written."""


def tokenize(text: str) -> list[str]:
    """Cut a text into words and marks; ``"".join(tokenize(text)) == text`` for every text.

    - A word is letters with their combining marks. It takes along one space before it and an
      apostrophe after it when more letters follow: ``don'`` ``t``, ``l'`` ``heure``.
    - A digit is a token (numbers are too many to be words), and so is an ideograph or kana
      (no spaces part them).
    - A run of the same punctuation mark is one token (``...``, ``--``) and takes along a space
      before it.
    - Every other character of white space is a token, line ends among them.
    """
    return [match.group() for match in _pattern().finditer(text)]


def frequent_words(tokens: Iterable[str], max_words: int) -> list[str]:
    """The most frequent tokens, :data:`UNKNOWN` among them, in code point order.

    Args:
        tokens: of the training part.
        max_words: most symbols to keep, UNKNOWN included; at least 2.

    Returns:
        At most ``max_words`` distinct symbols, sorted; ties are broken in code point order, so
        the same text gives the same list on every machine. UNKNOWN is there even if no word
        is rare, for what comes later.

    Raises:
        ValueError: ``max_words`` is under 2.
    """
    if max_words < 2:
        raise ValueError(f"max_words must be at least 2, not {max_words}")
    counts = Counter(tokens)
    ranked = sorted(counts, key=lambda token: (-counts[token], token))
    return sorted({*ranked[: max_words - 1], UNKNOWN})


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    """The tokens as one expression, compiled at first use."""
    # `re` does not count combining marks among the letters (\w): without them a word in
    # Devanagari, or an accent that was typed after its letter, would fall to pieces.
    marks = _character_class("M")
    # Han, kana and their extensions: written without spaces between words.
    ideograph = (
        "[\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
    )
    letter = rf"(?!{ideograph})[^\W\d_]"
    return re.compile(
        rf" ?{letter}(?:{letter}|[{marks}])*(?:['’](?={letter}))?"
        rf"| ?{ideograph}"
        r"| ?\d"
        r"| ?([^\w\s]|_)\1*"
        r"|\s"
    )


def _character_class(category: str) -> str:
    """Ranges of the basic plane's characters of a Unicode category, for use inside [ ]."""
    ranges: list[list[int]] = []
    for code in range(min(sys.maxunicode, 0xFFFF) + 1):
        if unicodedata.category(chr(code)).startswith(category):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"\\u{first:04x}-\\u{last:04x}" for first, last in ranges)
