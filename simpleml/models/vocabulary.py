"""The symbols a network knows (char_idx*.pickle), and the way from a text to their indices.

A pickle is only ever read by an unpickler that can look up nothing: a dictionary of strings and
integers loads, whatever else a file asks for does not. Nothing here knows of files other than
char_idx, of networks or of HTTP.
"""

from __future__ import annotations

import io
import pickle
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar, Literal, NoReturn

from simpleml.errors import UnknownCharactersError, VocabularyError
from simpleml.files import write_whole
from simpleml.models import words

OnUnknown = Literal["error", "nearest", "skip"]
Level = Literal["char", "word"]

_LARGEST_PICKLE_BYTES = 64 << 20
_LISTED_UNKNOWN = 5

# Typographic characters and the plain ones that texts more often hold, best first.
PLAIN: dict[str, tuple[str, ...]] = {
    "‘": ("'", "’"), "’": ("'", "‘"), "‚": ("'", ","), "′": ("'",), "`": ("'", "‘"), "´": ("'",),
    "'": ("’", "‘"), "“": ('"', "«", "„"), "”": ('"', "»"), "„": ('"', "«"), "″": ('"',),
    '"': ("“", "”", "«", "»"), "«": ('"', "“"), "»": ('"', "”"), "‹": ("'", "‘"), "›": ("'", "’"),
    "–": ("-", "—"), "—": ("--", "-", "–"), "‐": ("-",), "‑": ("-",), "−": ("-",), "―": ("--", "-"),
    "-": ("–", "—"), "…": ("...", "."), "\u00a0": (" ",), "\u202f": (" ",), "\u2009": (" ",),
    "\t": (" ",), "\n": (" ",), "\r": ("\n",), "\r\n": ("\n",), "\u2028": ("\n",),
    "\u2029": ("\n",),
    "œ": ("oe",), "Œ": ("OE", "Oe"), "æ": ("ae",), "Æ": ("AE", "Ae"), "ß": ("ss",), "ø": ("o",),
    "Ø": ("O",), "ł": ("l",), "Ł": ("L",), "đ": ("d",), "ð": ("d",), "þ": ("th",),
}  # fmt: skip


class _NoCodeUnpickler(pickle._Unpickler):
    """Loads the plain types of every protocol and looks up no class, no function.

    It is the unpickler in Python because the one in C allocates what a file of ten bytes asks for:
    a memo of 2**31 places, a bytearray of 2**40 bytes.
    """

    dispatch: ClassVar[dict[int, Any]] = {
        code: load
        for code, load in pickle._Unpickler.dispatch.items()
        if code not in (*pickle.BYTEARRAY8, *pickle.NEXT_BUFFER, *pickle.READONLY_BUFFER)
    }

    def find_class(self, module: str, name: str) -> NoReturn:
        raise VocabularyError(f"it asks for {module}.{name}; only a plain dictionary is read")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise VocabularyError("it refers to objects outside the file")


@dataclass(frozen=True)
class SeedChange:
    """One place of a seed that was mapped or dropped because the model does not know it."""

    position: int
    """Index in the seed as given, in characters."""
    original: str
    replacement: str
    """What the network reads instead; empty when it was dropped."""

    def to_json(self) -> dict[str, Any]:
        """The fields, as answers have them."""
        return asdict(self)


@dataclass(frozen=True)
class EncodedSeed:
    """A seed as the network reads it, and what was changed for that."""

    indices: list[int]
    changes: list[SeedChange]


class Vocabulary:
    """V symbols, each with its index 0…V-1.

    Characters in most models. A word-level vocabulary of ours has tokens that carry their own
    spaces (simpleml.models.words), so that joining them gives the text back; one made elsewhere
    (keys such as "house") is split at white space and joined by single spaces.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        level: Level | None = None,
        lossless_words: bool = False,
        unknown_symbol: str | None = None,
        lower: bool = False,
    ) -> None:
        """Make a vocabulary of `symbols` in index order.

        Args:
            symbols: V different, non-empty strings.
            level: None looks at the symbols: a symbol of several characters means words.
            lossless_words: the symbols are tokens of simpleml.models.words.
            unknown_symbol: the symbol that stands for rare words; it is never generated.
            lower: the text was put in lower case before training, so seeds are too.

        Raises:
            VocabularyError: a symbol is empty or stands twice, or `unknown_symbol` is not there.
        """
        self.symbols = tuple(symbols)
        self.index = {symbol: number for number, symbol in enumerate(self.symbols)}
        if len(self.index) != len(self.symbols) or "" in self.index:
            raise VocabularyError("a vocabulary needs different, non-empty symbols")
        if not self.symbols:
            raise VocabularyError("the vocabulary is empty")
        long = any(len(symbol) > 1 for symbol in self.symbols)
        self.level: Level = level or ("word" if long else "char")
        self.lossless_words = lossless_words
        self.lower = lower
        self.unknown_symbol = unknown_symbol
        if unknown_symbol is not None and unknown_symbol not in self.index:
            raise VocabularyError(f"the unknown symbol {unknown_symbol!r} is not in the vocabulary")
        self.separator = " " if self.level == "word" and not lossless_words else ""

    def __len__(self) -> int:
        return len(self.symbols)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Vocabulary):
            return NotImplemented
        return vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    @property
    def unknown_index(self) -> int | None:
        """Index of the symbol for unknown words; None where the vocabulary has none."""
        return None if self.unknown_symbol is None else self.index[self.unknown_symbol]

    @classmethod
    def of(cls, symbols: Iterable[str], **options: Any) -> Vocabulary:
        """The vocabulary of the distinct `symbols`, sorted as TFLearn sorts them."""
        return cls(sorted(set(symbols)), **options)

    @classmethod
    def read(cls, path: Path | str, **options: Any) -> Vocabulary:
        """Read a char_idx*.pickle of any protocol, running no code.

        Keys that Python 2 pickled as byte strings are read as UTF-8 where they are it, else as
        Latin-1.

        Raises:
            VocabularyError: not a pickle, not a dictionary of strings to exactly 0…V-1, or it
                asks for code.
        """
        path = Path(path)
        try:
            size = path.stat().st_size
            if size > _LARGEST_PICKLE_BYTES:
                raise VocabularyError(f"{size} bytes are too many for a vocabulary")
            data = path.read_bytes()
        except OSError as error:
            raise VocabularyError(f"{path.name} cannot be read: {error.strerror}") from error
        except VocabularyError as error:
            raise VocabularyError(f"{path.name}: {error.message}") from None
        try:
            return cls(_symbols_in_order(_unpickle(data)), **options)
        except VocabularyError as error:
            raise VocabularyError(f"{path.name}: {error.message}") from None

    def write(self, path: Path | str) -> None:
        """Write char_idx as TFLearn's users do: a pickled dict symbol → index, synced."""
        write_whole(Path(path), pickle.dumps(self.index, protocol=2))

    # --- text to indices ---

    def split(self, text: str) -> list[str]:
        """Cut a text into this vocabulary's kind of symbols, known or not."""
        if self.lower:
            text = text.lower()
        if self.level == "char":
            return list(text)
        return words.tokenize(text) if self.lossless_words else text.split()

    def join(self, symbols: Iterable[str]) -> str:
        """The text of these symbols."""
        return self.separator.join(symbols)

    def encode(self, seed: str | Sequence[str], on_unknown: OnUnknown = "error") -> EncodedSeed:
        """Turn a seed (text, or a list of symbols) into indices.

        Raises:
            UnknownCharactersError: `on_unknown` is "error" and a symbol is not in the vocabulary;
                the message gives it, its position, its Unicode name and the nearest known ones.
        """
        symbols = self.split(seed) if isinstance(seed, str) else list(seed)
        indices: list[int] = []
        changes: list[SeedChange] = []
        unknown: list[tuple[int, str]] = []
        positions = self._positions(seed, symbols)
        number = 0
        while number < len(symbols):
            symbol, position = symbols[number], positions[number]
            original = self._cluster(symbols, number) if on_unknown == "nearest" else symbol
            known = self.index.get(original)
            if known is not None:
                indices.append(known)
                number += 1
                continue
            if on_unknown == "error" and self.unknown_symbol is None:
                unknown.append((position, symbol))
            else:
                replacement: Sequence[str] = ()
                if on_unknown != "skip":
                    replacement = self.nearest(original)
                    if not replacement and self.unknown_symbol is not None:
                        replacement = (self.unknown_symbol,)
                indices.extend(self.index[part] for part in replacement)
                changes.append(SeedChange(position, original, "".join(replacement)))
            number += 1 + len(original) - len(symbol)
        if unknown:
            raise self._unknown_error(unknown)
        return EncodedSeed(indices, changes)

    def pieces(self, text: str, changes: Iterable[SeedChange]) -> list[tuple[str, int]]:
        """Cut a text where `encode` cut it: each piece with how many indices it became.

        Args:
            text: that `encode` was given.
            changes: what it changed there.

        Returns:
            Pieces that are the text when they are joined.
        """
        symbols = self.split(text)
        positions = self._positions(text, symbols)
        changed = {one.position: one for one in changes}
        found: list[tuple[str, int]] = []
        number = start = 0
        while number < len(symbols):
            symbol, position = symbols[number], positions[number]
            original, became = symbol, 1
            if (change := changed.get(position)) is not None:
                original = change.original
                replacement = change.replacement
                became = 1 if replacement in self.index else len(replacement)
            end = position + len(original)
            found.append((text[start:end], became))
            start = end
            number += 1 + len(original) - len(symbol)
        if start < len(text):  # white space that is no symbol of a word-level model
            found.append((text[start:], 0))
        return found

    def _positions(self, seed: str | Sequence[str], symbols: Sequence[str]) -> list[int]:
        """Where each symbol begins in the seed, in characters."""
        if isinstance(seed, str) and self.separator:
            return [match.start() for match in re.finditer(r"\S+", seed)]
        lengths = (len(symbol) + len(self.separator) for symbol in symbols)
        return list(accumulate(lengths, initial=0))

    def _cluster(self, symbols: list[str], number: int) -> str:
        """The symbol there with the combining marks after it that are not known; CR with its LF."""
        end = number + 1
        if symbols[number : number + 2] == ["\r", "\n"] and "\r" not in self.index:
            return "\r\n"
        while (
            self.level == "char"
            and end < len(symbols)
            and len(symbols[end]) == 1
            and unicodedata.combining(symbols[end])
            and symbols[end] not in self.index
        ):
            end += 1
        return "".join(symbols[number:end])

    def nearest(self, symbol: str) -> tuple[str, ...]:
        """Known symbols to read instead of an unknown one; () when nothing comes near."""
        if self.level == "word":
            for candidate in (symbol, symbol.lstrip(" "), " " + symbol.lstrip(" ")):
                for form in (candidate, candidate.lower(), candidate.capitalize()):
                    if form in self.index and form != self.unknown_symbol:
                        return (form,)
            return ()
        for candidate in self._candidates(symbol):
            if candidate and all(part in self.index for part in candidate):
                return tuple(candidate)
        return ()

    @staticmethod
    def _candidates(symbol: str) -> Iterable[str]:
        yield unicodedata.normalize("NFC", symbol)
        yield unicodedata.normalize("NFD", symbol)
        yield from PLAIN.get(symbol, ())
        compatible = unicodedata.normalize("NFKC", symbol)
        yield compatible
        yield symbol[:1]  # without the marks typed after it
        bare = "".join(
            part
            for part in unicodedata.normalize("NFKD", symbol)
            if not unicodedata.combining(part)
        )
        yield bare
        yield from PLAIN.get(bare, ())
        for form in (symbol, compatible, bare):
            yield form.swapcase()
            yield form.lower()
            yield form.upper()

    def _unknown_error(self, unknown: list[tuple[int, str]]) -> UnknownCharactersError:
        first_places: dict[str, int] = {}
        for position, symbol in unknown:
            first_places.setdefault(symbol, position)
        parts = [
            f"{_describe(symbol)} at position {position}{self._suggestion(symbol)}"
            for symbol, position in list(first_places.items())[:_LISTED_UNKNOWN]
        ]
        more = len(first_places) - len(parts)
        kind = "symbols" if self.level == "word" else "characters"
        message = f"The model does not know {'; '.join(parts)}"
        if more > 0:
            message += f"; and {more} other {kind}"
        message += (
            ". Ask with on_unknown=nearest or on_unknown=skip to have them replaced or left out."
        )
        return UnknownCharactersError(message, param="seed")

    def _suggestion(self, symbol: str) -> str:
        if self.level == "word":
            near = get_close_matches(symbol, self.symbols, n=3)
        else:
            near = ["".join(self.nearest(symbol))] if self.nearest(symbol) else []
        if not near:
            return " (nothing near it is known)"
        return f" (nearest: {', '.join(repr(one) for one in near)})"


def _describe(symbol: str) -> str:
    if len(symbol) > 1:
        return repr(symbol)
    name = unicodedata.name(symbol, "") or f"U+{ord(symbol):04X}"
    return f"{symbol!r} ({name})"


def _unpickle(data: bytes) -> object:
    try:
        return _NoCodeUnpickler(io.BytesIO(data), encoding="bytes").load()
    except VocabularyError:
        raise
    # Whatever a damaged or hostile pickle makes the unpickler raise, it is the file's fault.
    except Exception as error:
        raise VocabularyError("it is not a pickle that can be read") from error


def _symbols_in_order(loaded: object) -> list[str]:
    if not isinstance(loaded, dict):
        raise VocabularyError(f"it holds a {type(loaded).__name__}, not a dictionary")
    symbols: list[str | None] = [None] * len(loaded)
    decode = _byte_decoder(loaded)
    for key, number in loaded.items():
        if isinstance(key, bytes):
            key = decode(key)
        if not isinstance(key, str):
            raise VocabularyError(f"a key is a {type(key).__name__}, not a string")
        if type(number) is not int:
            raise VocabularyError(
                f"the index of {key!r} is a {type(number).__name__}, not an integer"
            )
        if not 0 <= number < len(symbols):
            raise VocabularyError(
                f"the index of {key!r} is {number}; "
                f"{len(symbols)} symbols need 0 to {len(symbols) - 1}"
            )
        if symbols[number] is not None:
            raise VocabularyError(f"{symbols[number]!r} and {key!r} share the index {number}")
        symbols[number] = key
    return [symbol for symbol in symbols if symbol is not None]


def _byte_decoder(loaded: dict[Any, Any]) -> Any:
    """UTF-8 where every byte-string key is it, else Latin-1 (one character per byte)."""
    keys = [key for key in loaded if isinstance(key, bytes)]
    try:
        for key in keys:
            key.decode("utf-8")
    except UnicodeDecodeError:
        return lambda key: key.decode("latin-1")
    return lambda key: key.decode("utf-8")
