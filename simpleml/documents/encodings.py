"""Which characters the bytes of a text are: by its mark, by its zero bytes, as UTF-8, by its words.

Old one-byte encodings of Western languages are told apart by what their letters would make of the
words (é in the middle of a word is likely, Ž is not), which on French and English is surer than
statistics; others are left to charset-normalizer, where it is sure.
"""

from __future__ import annotations

import codecs
import itertools
import re

from simpleml.documents.document import Refusal, library
from simpleml.documents.kinds import HEAD, recognise_text

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16's, which it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MARKS = tuple(mark for mark, _ in _MARKS)
_WESTERN = ("cp1252", "mac_roman", "cp850")
_OTHERS = [
    "cp1250", "iso8859_2", "cp1251", "koi8_r", "koi8_u", "iso8859_5", "mac_cyrillic", "cp866",
    "cp1253", "iso8859_7", "cp1254", "cp1255", "cp1256", "cp1257", "cp932", "shift_jis",
    "euc_jp", "gb18030", "big5", "euc_kr", "cp949",
]  # fmt: skip
_SAMPLE = 1 << 14
_LOWER = "àâäáãåæçèéêëìíîïñòóôöõøœùúûüÿýßš"
_UPPER = "ÀÂÄÁÃÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÖÕØŒÙÚÛÜŸÝŠ"
_LETTER = f"A-Za-z{_LOWER}{_UPPER}"
# What letters and marks of Western languages stand beside. Capitals do not follow small letters.
_LIKELY = re.compile(
    rf"(?<=[{_LETTER}])[{_LOWER}’·]|[{_LOWER}](?=[{_LETTER} ])"
    rf"|(?<![a-z{_LOWER}])[{_UPPER}]"
    rf"|(?<![{_LETTER}])[«»‹›“”‘’„‚…–—•°§©€£¥¿¡½¼¾\xa0]|[«»‹›“”’…–—°\xa0](?![{_LETTER}])"
    r"|(?<=[\s\d])[–—«“‘]|(?<=\w)[—–…](?=\w)|[ªº²³°](?!\w)|[“«‘¿¡](?=\w)",
)
_FOREIGN = re.compile(r"[^\x00-\x7f]")
_RUNS = re.compile(r"[^\W\d_a-zA-Z]{3,}")
"""Letters beyond ASCII side by side."""
_KANA = re.compile("[\u3040-\u30ff]")
_META = re.compile(
    rb"<(?:meta|\?xml)[^>]{0,300}?(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]+)", re.I
)


def decode_named(raw: bytes, encoding: str) -> str:
    """The characters of a text whose encoding is known.

    Raises:
        Refusal: there is no such encoding, or a byte does not fit it; says which and where.
    """
    try:
        return raw.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise Refusal(
            f"cannot be read as {encoding}: no such text encoding; usual ones are "
            "utf-8, cp1252, latin-1, utf-16, shift_jis, gb18030, koi8-r"
        ) from None
    except UnicodeDecodeError as error:
        start = error.start
    line = raw.count(b"\n", 0, start) + 1
    raise Refusal(
        f"is not {encoding}: byte 0x{raw[start]:02x} at position {start:,} (line {line:,}) does "
        "not fit; name no encoding, and what the file is will be found out"
    )


def decode(raw: bytes) -> tuple[str, str]:
    """The characters of a text and the encoding that they were read in.

    Raises:
        Refusal: these bytes are no text, or their encoding cannot be told.
    """
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return _strictly(raw, encoding), encoding.removesuffix("-sig")
    zeros = _by_zero_bytes(raw[:HEAD])
    if zeros:
        return _strictly(raw, zeros), zeros
    if raw.count(b"\0", 0, 1 << 16):
        raise Refusal("holds zero bytes: it is a program's file rather than a text", "file_program")
    try:
        return raw.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        at, line = error.start, raw.count(b"\n", 0, error.start) + 1
    controls = len(re.findall(rb"[\x01-\x08\x0b\x0e-\x1a\x1c-\x1f]", raw[:HEAD]))
    if controls > len(raw[:HEAD]) / 200:
        raise Refusal(
            "holds control characters: it is a program's file rather than a text", "file_program"
        )
    found = None if _nearly_utf8(raw) else _western(raw) or _other(raw)
    if found is None:
        raise Refusal(
            f"is in an unknown encoding: byte 0x{raw[at]:02x} at position {at:,} (line {line:,}) "
            "is not UTF-8; save it as UTF-8, or name the encoding (cp1252, koi8-r, …)",
            "file_encoding",
        )
    return found


def decode_markup(raw: bytes) -> tuple[str, str]:
    """As :func:`decode`, for a web page, which may say itself what its encoding is."""
    declared = None if raw.startswith(MARKS) else _META.search(raw[:4096])
    if declared:
        name = declared[1].decode("ascii", "replace").lower()
        # What pages call Latin-1 is Windows' (WHATWG's encoding standard, 4.2).
        name = "cp1252" if name in ("iso-8859-1", "latin1", "latin-1", "us-ascii") else name
        try:
            return raw.decode(name), codecs.lookup(name).name
        except (LookupError, ValueError):
            pass
    return decode(raw)


def decode_text(raw: bytes) -> tuple[str, str]:
    """As :func:`decode`, or :func:`decode_markup` if that shows a web page."""
    is_page = recognise_text(raw[:HEAD].decode("latin-1")) == "html"
    return decode_markup(raw) if is_page else decode(raw)


def _strictly(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise Refusal(
            f"begins like {encoding.removesuffix('-sig').upper()} but is damaged at byte "
            f"{error.start:,}"
        ) from None


def _by_zero_bytes(head: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: Latin letters leave zeros at fixed places."""
    quarter = len(head) // 4
    if quarter < 4:
        return None
    zeros = [head[i : 4 * quarter : 4].count(0) / quarter for i in range(4)]
    for encoding, pattern in (
        ("utf-32-le", "0111"), ("utf-32-be", "1110"), ("utf-16-le", "0101"), ("utf-16-be", "1010"),
    ):  # fmt: skip
        if all(
            share > 0.7 if wanted == "1" else share < 0.1
            for share, wanted in zip(zeros, pattern, strict=True)
        ):
            return encoding
    return None


def _nearly_utf8(raw: bytes) -> bool:
    """A text in UTF-8 with a few broken places: read as anything else it would be spoilt."""
    text = raw[: 1 << 20].decode("utf-8", "replace")
    broken = text.count("\ufffd")
    return len(_FOREIGN.findall(text)) - broken > 4 * broken


def _western(raw: bytes) -> tuple[str, str] | None:
    sample = _telling(raw)
    best, most = None, 0.9
    for encoding in _WESTERN:
        try:
            text = sample.decode(encoding)
            foreign = len(_FOREIGN.findall(text))
            if sum(map(len, _RUNS.findall(text))) > 0.3 * foreign:
                continue  # another alphabet
            likely = len(_FOREIGN.findall("".join(_LIKELY.findall(text)))) / max(1, foreign)
            if likely > most:
                best, most = (raw.decode(encoding), encoding), likely
        except UnicodeDecodeError:
            continue
    return best


def _other(raw: bytes) -> tuple[str, str] | None:
    best = None
    for match in library("charset_normalizer").from_bytes(_telling(raw), cp_isolation=_OTHERS):
        try:
            text = raw.decode(match.encoding)
        except UnicodeDecodeError:
            continue
        sample = text[:_SAMPLE]
        japanese = len(_KANA.findall(sample)) > 0.3 * len(_FOREIGN.findall(sample))
        if japanese or match.percent_coherence >= 20:
            # Cyrillic encodings take each other's small letters for capitals.
            capitals = sum(
                one.islower() and two.isupper() for one, two in itertools.pairwise(sample)
            )
            if best is None or capitals < best[0]:
                best = capitals, text, str(match.encoding)
    return best and best[1:]


def _telling(raw: bytes) -> bytes:
    """A sample of bytes: the lines from the first one beyond ASCII on."""
    first = re.search(rb"[\x80-\xff]", raw)
    start = raw.rfind(b"\n", 0, first.start()) + 1 if first else 0
    start = max(start, (first.start() if first else 0) - 2000)
    end = raw.find(b"\n", start + _SAMPLE)
    return raw[start : end if 0 <= end < start + 2 * _SAMPLE else start + _SAMPLE]
