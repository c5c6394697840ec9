"""Which words they are, and which of them stand in a text.

en.txt and fr.txt are the lists of the package naughty-words (CC BY 4.0), less what is an ordinary
word as well, and with what it lacks: tools/unwanted_words.py makes them. Capitals and what stands
between words make no difference, a plural in s is the word too, and so is the word without its
accents (pede for pédé). With accents that it has not it is another one: râpe is no rape.

Pure: it knows no networks.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable
from functools import cache
from importlib import resources
from pathlib import Path

LANGUAGES = ("en", "fr")
CLASS_FILE = Path(".class") / "words.json"
"""In a models folder: `words` that a teacher adds, `allowed` ones."""
ORDINARY_IN = {"en": frozenset({"bite", "bites", "con", "cons", "cul"})}
"""Of the lists, what another language than theirs says every day: a bite, the pros and cons."""
_COMMON = {"en": {"the", "and", "of"}, "fr": {"le", "la", "de", "et"}}
_WORD = re.compile(r"[^\W\d_]+")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "Œ": "oe", "Æ": "ae"})


def lower(text: str) -> str:
    """A text without capitals and ligatures; it may become longer."""
    return unicodedata.normalize("NFKC", text.translate(_LIGATURES).casefold())


def fold(text: str) -> str:
    """A text without capitals, ligatures and accents; it may become longer."""
    plain = unicodedata.normalize("NFKD", lower(text))
    return "".join(one for one in plain if not unicodedata.combining(one))


def words_of(text: str) -> list[str]:
    """The words of a text, in lower case, in their order."""
    return _WORD.findall(lower(text))


def language_of(words: Iterable[str]) -> str | None:
    """The language whose commonest words stand among these most often; None where none do."""
    seen = Counter(words)
    times = {name: sum(seen[one] for one in common) for name, common in _COMMON.items()}
    best = max(times, key=times.__getitem__)
    return best if times[best] else None


@cache
def listed(language: str) -> tuple[str, ...]:
    """The words and phrases of a language's list."""
    text = resources.files(__package__).joinpath(f"{language}.txt").read_text("utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


class UnwantedWords:
    """A set of words and phrases.

    Args:
        words: each a word, or a phrase of several.
        always: those of them that are unwanted in whatever language the text is.
    """

    def __init__(self, words: Iterable[str], always: Iterable[str] = ()) -> None:
        self.phrases = _phrases(words)
        """In lower case, word by word."""
        self._always = _phrases(always)
        self._forms = forms(self.phrases)
        self._longest = max(map(len, self._forms), default=0)
        self._firsts = {form[0] for form in self._forms}

    @classmethod
    def usual(cls, more: Collection[str] = (), allowed: Iterable[str] = ()) -> UnwantedWords:
        """Those of both lists.

        Args:
            more: words besides.
            allowed: words that are wanted all the same.
        """
        wanted = {fold(" ".join(phrase)) for phrase in _phrases(allowed)}
        every = cls([*(word for one in LANGUAGES for word in listed(one)), *more])
        joined = (" ".join(phrase) for phrase in every.phrases)
        return cls((one for one in joined if fold(one) not in wanted), more)

    def within(self, language: str | None) -> frozenset[tuple[str, ...]]:
        """The phrases that are unwanted in texts of a language; None: it is not known."""
        ordinary = ORDINARY_IN.get(language or "", frozenset())
        return frozenset(
            one for one in self.phrases if one in self._always or " ".join(one) not in ordinary
        )

    @classmethod
    def of_folder(cls, models_dir: Path) -> UnwantedWords:
        """Those of both lists, with what the teacher of a class there has added and allowed."""
        try:
            told = json.loads((models_dir / CLASS_FILE).read_text("utf-8"))
            return cls.usual([str(one) for one in told["words"]], map(str, told["allowed"]))
        except (OSError, ValueError, KeyError, TypeError):  # there is no class, or it kept none
            return cls.usual()

    def __bool__(self) -> bool:
        return bool(self.phrases)

    def count(self, text: str) -> Counter[str]:
        """How often each of them stands in a text, as it stands there in lower case."""
        words = words_of(text)
        found = Counter[str]()
        for at, word in enumerate(words):
            if word not in self._firsts:
                continue
            for length in range(1, self._longest + 1):
                phrase = tuple(words[at : at + length])
                if len(phrase) == length and phrase in self._forms:
                    found[" ".join(phrase)] += 1
        if found:
            ordinary = ORDINARY_IN.get(language_of(words) or "", frozenset())
            for word in ordinary.intersection(found):
                if (word,) not in forms(self._always):
                    del found[word]
        return found


def _phrases(words: Iterable[str]) -> frozenset[tuple[str, ...]]:
    return frozenset(found for found in (tuple(words_of(word)) for word in words) if found)


def forms(phrases: Iterable[tuple[str, ...]]) -> frozenset[tuple[str, ...]]:
    """Phrases as they may stand in a text: without their accents as well, and in the plural."""
    spelled = {one for phrase in phrases for one in (phrase, tuple(map(fold, phrase)))}
    plurals = ((*first, f"{last}s") for *first, last in spelled)
    return frozenset(spelled.union(plurals))
