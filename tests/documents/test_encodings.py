"""In which encoding a text is, when nobody says so."""

from __future__ import annotations

import importlib.util

import pytest

from simpleml.documents import read_document
from simpleml.errors import CorpusError

FRENCH = "Le café était fermé ; « personne » ne s’en souciait — déjà là, ça ! Où naît l’été…\n" * 20
PLAIN = "He said it's a naïve façade. Nothing else is out of the ordinary here.\n" * 20
CAPITALS = "L'ÉTÉ À LA CHÊNAIE\nÊTRE OU NE PAS ÊTRE, TEL EST L'ÉCHO DÉÇU\n" * 20
GERMAN = (
    "Größe, Straße und Übermut; ¿Qué tal, señor? Ação não é coração. Blåbær og ærlighed.\n" * 20
)
RUSSIAN = "Все счастливые семьи похожи друг на друга, каждая несчастлива по-своему.\n" * 20
POLISH = "Pchnąć w tę łódź jeża lub ośm skrzyń fig, wszystko będzie dobrze i nikt się dowie.\n" * 20
GREEK = "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.\n" * 20
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n" * 20
CHINESE = "道可道，非常道。名可名，非常名。无名天地之始；有名万物之母。\n" * 20

needs_library = pytest.mark.skipif(
    importlib.util.find_spec("charset_normalizer") is None,
    reason="charset-normalizer is not installed",
)


@pytest.mark.parametrize(
    "text",
    [FRENCH, PLAIN, CAPITALS, "L’été, à Noël"],
    ids=["french", "plain", "capitals", "a few words"],
)
@pytest.mark.parametrize(
    "encoding",
    [
        "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le",
        "utf-32-be", "cp1252", "mac_roman",
    ],
)  # fmt: skip
def test_western_texts_are_read_in_the_encoding_that_they_are_in(text: str, encoding: str) -> None:
    document = read_document(text.encode(encoding), "a")
    assert document.text == text
    assert document.encoding == encoding.removesuffix("-sig")
    assert ("not UTF-8" in str(document.notes)) == ("utf-8" not in encoding)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (GERMAN, "cp1252"), (GERMAN, "latin-1"), (GERMAN, "mac_roman"), (GERMAN, "cp850"),
        (RUSSIAN, "cp1251"), (RUSSIAN, "koi8_r"), (RUSSIAN, "iso8859_5"), (POLISH, "cp1250"),
        (POLISH, "iso8859_2"), (GREEK, "cp1253"), (JAPANESE, "shift_jis"), (JAPANESE, "euc_jp"),
        (CHINESE, "gb18030"),
    ],
)  # fmt: skip
@needs_library
def test_other_languages_are_read_in_their_usual_encodings(text: str, encoding: str) -> None:
    assert read_document(text.encode(encoding), "a").text == text


def test_an_encoding_that_is_given_wins() -> None:
    raw = FRENCH.encode("cp1252")
    assert read_document(raw, "a", "latin-1").text == raw.decode("latin-1")
    page = b"<!DOCTYPE html><html><body><p>Tags and all</p></body></html>"
    assert read_document(page, "a", "utf-8").text == page.decode()
    with pytest.raises(CorpusError, match=r"a is not utf-8: byte 0xe9 at position 6 \(line 1\)"):
        read_document(raw, "a", "utf-8")


def test_utf8_with_a_broken_byte_is_not_read_as_something_else() -> None:
    raw = FRENCH.encode() + b"caf\xe9\n" + FRENCH.encode()
    with pytest.raises(CorpusError, match=r"tale\.txt is in an unknown encoding: byte 0xe9 at"):
        read_document(raw, "tale.txt")


def test_a_mark_that_promises_too_much_is_found_out() -> None:
    with pytest.raises(CorpusError, match="begins like UTF-16 but is damaged"):
        read_document(b"\xff\xfe" + b"a\0" * 50 + b"\0\xd8", "a")
