"""Files that are no text, damaged ones, and ones that are built to harm: each is refused in one
sentence that begins with its name, in bounded memory and time."""

from __future__ import annotations

import importlib.util
import io
import os
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import makers
import pytest
from makers import FRENCH, chapter, p

from simpleml.documents import read_document, reader
from simpleml.errors import CorpusError

pytestmark = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("lxml", "pypdf", "docx", "odf", "fpdf")),
    reason="the libraries that read and write documents are not installed",
)


def refused(raw: bytes, name: str = "tale") -> str:
    with pytest.raises(CorpusError) as error:
        read_document(raw, name)
    said = error.value.message
    assert said.startswith(f"{name} ") and "\n" not in said and len(said) < 300, said
    return said


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600
NOT_TEXTS = {
    "empty": (b"", "is empty"),
    "png": (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "a picture (PNG)"),
    "jpeg": (b"\xff\xd8\xff\xe0" + b"\0" * 100, "a picture (JPEG)"),
    "mp3": (b"ID3\x04\0\0" + b"\0" * 100, "an audio file (MP3)"),
    "program": (b"\x7fELF" + b"\0" * 100, "a program"),
    "windows": (b"MZ\x90\0" + b"\0" * 100, "a program (Windows)"),
    "gzip": (b"\x1f\x8b\x08" + b"\0" * 100, "unpack it first"),
    "doc": (OLE + "WordDocument".encode("utf-16-le"), "old Word document (.doc)"),
    "xls": (OLE + "Workbook".encode("utf-16-le"), "an old office program"),
    "locked docx": (OLE + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
    "rtf": (b"{\\rtf1\\ansi Il \\'e9tait une fois}", "rich text file (.rtf)"),
    "postscript": (b"%!PS-Adobe-3.0\n", "PostScript"),
    "kindle": (b"x" * 60 + b"BOOKMOBI", "Kindle"),
    "zeros": (b"Il etait une fois\0\0\1\2" * 50, "zero bytes"),
    "noise": (bytes(range(1, 256)) * 40, "control characters"),
    "zip": (makers.zipped({"a.txt": "text"}), "a ZIP archive"),
    "xlsx": (makers.zipped({"[Content_Types].xml": "", "xl/workbook.xml": ""}), "spreadsheet"),
    "pptx": (makers.zipped({"ppt/presentation.xml": ""}), "presentation"),
    "ods": (
        makers.zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}),
        "without a text",
    ),
    "textless docx": (makers.docx(), "holds no text"),
    "textless html": (b"<html><body><img src=x></body></html>", "holds no text"),
}


@pytest.mark.parametrize("name", NOT_TEXTS)
def test_what_is_no_text_is_named(name: str) -> None:
    raw, reason = NOT_TEXTS[name]
    assert reason in refused(raw)


def test_a_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as database:
        database.execute("create table a (b text)")
    assert "a database (SQLite)" in refused(path.read_bytes())


def test_a_scanned_pdf_is_told_as_such() -> None:
    assert "holds 3 scanned pages and no text" in refused(makers.scanned())


def test_documents_with_a_password_are_told_as_such() -> None:
    assert "protected by a password" in refused(makers.locked_pdf())
    manifest = "<m><file-entry><encryption-data/></file-entry></m>"
    locked = makers.odt_xml("", **{"META-INF__manifest.xml": manifest})
    assert "protected by a password" in refused(locked)
    raw = bytearray(makers.docx(*FRENCH))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # each member's flags
        at = -1
        while (at := raw.find(mark, at + 1)) >= 0:
            raw[at + place] |= 1
    assert "protected by a password" in refused(bytes(raw))


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["docx", "odt", "epub", "pdf"])
def test_a_file_that_is_cut_off_is_damaged(kind: str, keep: float) -> None:
    whole = {
        "docx": makers.docx(*FRENCH * 50),
        "odt": makers.odt_xml("<text:p>Il y avait une fois un roi</text:p>" * 50),
        "epub": makers.epub({"a.xhtml": chapter("<p>Texte</p>" * 50)}, ["a.xhtml"]),
        "pdf": makers.pdf([["Il y avait une fois un roi"] * 40] * 3),
    }[kind]
    cut = whole[: int(len(whole) * keep)]
    try:
        text = read_document(cut, "tale").text
    except CorpusError as error:
        assert error.message.startswith("tale ")
    else:  # pypdf finds the pages of a file whose table is missing
        assert kind == "pdf" and "une fois un roi" in text


def test_a_document_whose_parts_are_damaged_is_told_as_such() -> None:
    assert "is damaged" in refused(makers.word_xml("<w:p><w:r>"))
    assert "is damaged" in refused(makers.zipped({"[Content_Types].xml": "", "word/a": ""}))
    raw = bytearray(makers.docx(*FRENCH * 300))
    at = raw.find(b"word/document.xml") + 100
    raw[at : at + 60] = b"\xff" * 60
    assert "damaged" in refused(bytes(raw))


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
DOCTYPES = {
    "laughs": f'<!DOCTYPE d [<!ENTITY l0 "ha">{LAUGHS}]>',
    "file": '<!DOCTYPE d [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>',
    "network": '<!DOCTYPE d SYSTEM "http://127.0.0.1:9/evil.dtd">',
}


@pytest.mark.parametrize("name", DOCTYPES)
def test_entities_in_xml_are_refused_unread(name: str) -> None:
    body = f"{DOCTYPES[name]}<document xmlns='{makers.W}'><p>&l9;</p></document>"
    word = makers.word_xml("", **{"word__document.xml": body})
    assert "declares XML entities" in refused(word)
    text = f"{DOCTYPES[name]}<content><p>&l9;</p></content>"
    assert "declares XML entities" in refused(makers.odt_xml("", **{"content.xml": text}))


@pytest.mark.parametrize("name", ["laughs", "file"])
def test_entities_of_a_chapter_are_not_resolved(name: str) -> None:
    page = DOCTYPES[name] + "<html xmlns='x'><body><p>Rire &l9; fin</p></body></html>"
    text = read_document(makers.epub({"a.xhtml": page}, ["a.xhtml"]), "a").text
    assert len(text) < 2000 and "root:" not in text


def bomb(megabytes: int, element: str) -> bytes:
    """A Word document that unpacks to so much."""
    out = io.BytesIO(makers.zipped(makers.word_members()))
    with (
        zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as file,
        file.open("word/document.xml", "w") as member,
    ):
        member.write(f'<w:document xmlns:w="{makers.W}"><w:body>'.encode())
        for _ in range(megabytes):
            member.write(p("a" * 1000).replace("w:t>", f"w:{element}>").encode() * 950)
    return out.getvalue()


@pytest.mark.parametrize(
    ("element", "reason"), [("t", "67,108,864 characters"), ("instrText", "unpack to more than")]
)
def test_a_zip_bomb_is_refused_in_bounded_memory_and_time(element: str, reason: str) -> None:
    raw = bomb(300, element)
    assert len(raw) < 10 << 20
    began = time.monotonic()
    assert reason in refused(raw)
    assert time.monotonic() - began < 60


def test_a_bomb_in_a_pdf_is_refused_in_bounded_memory_and_time() -> None:
    began = time.monotonic()
    refused(makers.pdf_bomb(400))
    assert time.monotonic() - began < 150


def test_an_archive_of_very_many_entries_is_refused() -> None:
    raw = makers.zipped({f"word/{i}": b"" for i in range(10_001)} | {"[Content_Types].xml": b""})
    assert "10,002 entries" in refused(raw)


@pytest.mark.parametrize("depth", [300, 100_000])
def test_deep_nesting_is_refused_or_read(depth: int) -> None:
    refused(makers.word_xml("<w:a>" * depth + "</w:a>" * depth))
    page = b"<html><body>" + b"<div>" * depth + b"deep down"
    try:
        assert "deep down" in read_document(page, "tale").text
    except CorpusError as error:
        assert error.message.startswith("tale ")


def test_a_large_document_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.pdf"
    path.write_bytes(b"%PDF-1.7\n")
    os.truncate(path, 200 << 20)  # it takes no place on the disk
    with pytest.raises(CorpusError, match=r"large\.pdf has 210 MB; only plain text may"):
        read_document(path)


def test_what_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "CHILD_SECONDS", 0.01)
    assert "takes more than 0.01 seconds" in refused(makers.docx(*FRENCH))


def test_the_reading_process_may_not_take_all_memory() -> None:
    code = (
        "from simpleml.documents import child, reader; child._limit(); "
        "print(len(b'x' * (reader.CHILD_BYTES + 1)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MemoryError" in done.stderr


def test_a_missing_library_is_told_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from simpleml.documents.document import Refusal

    monkeypatch.setitem(sys.modules, "lxml.etree", None)
    with pytest.raises(Refusal, match=r"needs lxml to be read: pip install -r required-documents"):
        reader.unpack(makers.docx(*FRENCH))
