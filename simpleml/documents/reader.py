"""Reading a file of any kind: plain text here, anything else in a process of its own.

Formats that a stranger can build to fill memory or to take for ever are read by a child, which may
take CHILD_BYTES and CHILD_SECONDS and no more; what it cannot do in that is refused by name.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from simpleml.documents.archive import Archive
from simpleml.documents.document import FORMATS, MOST_BYTES, Document, Refusal
from simpleml.documents.encodings import decode_named, decode_text
from simpleml.documents.epub import read_epub
from simpleml.documents.kinds import HEAD, recognise, recognise_text
from simpleml.documents.opendocument import read_opendocument
from simpleml.documents.pdf import read_pdf
from simpleml.documents.subtitles import read_subtitles
from simpleml.documents.web_page import read_page
from simpleml.documents.word import read_word
from simpleml.errors import CorpusError

CHILD_BYTES = 1 << 30
CHILD_SECONDS = 120
_ROOT = Path(__file__).resolve().parents[2]
_ZIPPED = (
    ("xl/workbook.xml", "a spreadsheet (.xlsx): save its text as .csv"),
    ("ppt/presentation.xml", "a presentation (.pptx): save its text as .docx"),
    ("AndroidManifest.xml", "a program (Android)"),
    ("META-INF/MANIFEST.MF", "a program (Java)"),
    ("Index/Document.iwa", "a Pages document: export it as .docx"),
)


def read_document(
    source: Path | bytes, name: str | None = None, encoding: str | None = None
) -> Document:
    """The text of a file, whatever kind of file it is.

    Args:
        source: the file, or its bytes.
        name: what to call it in messages; its path if absent.
        encoding: it is plain text in this encoding of Python's, tags and all; found out and
            unwrapped if absent.

    Raises:
        CorpusError: it is no text, or cannot be read; one sentence that begins with its name.
    """
    name = name or (str(source) if isinstance(source, Path) else "the text")
    if isinstance(source, Path):
        raw = read_bytes(source, name, plain=encoding is not None)
    else:
        raw = source
    try:
        if encoding is not None:
            return Document(name, decode_named(raw, encoding), "text", encoding)
        if not raw:
            raise Refusal("is empty", "file_empty")
        kind = recognise(raw)
        _check_size(kind, len(raw))
        if kind != "text":
            return _in_child(raw, name)
        text, encoding = decode_text(raw)
        kind = recognise_text(text)
        _check_size(kind, len(raw))
        if kind == "html":
            return _in_child(raw, name)
        guessed = encoding != "utf-8"
        notes = (f"read as {encoding}, since it is not UTF-8",) if guessed else ()
        if kind == "srt":
            text = _some(read_subtitles(text))
        return Document(name, text, kind, encoding, notes)
    except Refusal as refusal:
        raise _refused(name, refusal) from None


def unpack(raw: bytes) -> Document:
    """What is not plain text, read here and now; :func:`read_document` calls it in a child.

    Raises:
        Refusal: it is no text, or cannot be read.
    """
    kind, encoding = recognise(raw), "utf-8"
    notes: tuple[str, ...] = ()
    if kind == "pdf":
        text, notes = read_pdf(raw)
    elif kind == "zip":
        archive = Archive(raw)
        kind = _kind_of(archive)
        readers = {"docx": read_word, "odt": read_opendocument, "epub": read_epub}
        text, notes = readers[kind](archive)
    else:
        html, encoding = decode_text(raw)
        kind, text = "html", read_page(html)
    return Document("", _some(text), kind, encoding, notes)


def read_bytes(path: Path, name: str = "", *, plain: bool = False) -> bytes:
    """A file's bytes.

    Args:
        path: of the file.
        name: what to call it in messages; its path if absent.
        plain: it is plain text, whatever it looks like.

    Raises:
        CorpusError: it is no text, or no plain text and too large; then it is not read.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
        try:
            if not plain:
                _check_size(recognise(head), path.stat().st_size)
        except Refusal as refusal:
            raise _refused(name or str(path), refusal) from None
        return head + file.read()


def _refused(name: str, refusal: Refusal) -> CorpusError:
    return CorpusError(f"{name} {refusal}", reason=refusal.reason, params={"file": name})


def _check_size(kind: str, size: int) -> None:
    if kind != "text" and size > MOST_BYTES:
        raise Refusal(
            f"has {size / 1e6:,.0f} MB; only plain text may have more than "
            f"{MOST_BYTES / 1e6:,.0f} MB",
            "file_large",
        )


def _some(text: str) -> str:
    if not text.strip():
        raise Refusal("holds no text", "file_without_text")
    return text


def _kind_of(archive: Archive) -> str:
    names = archive.names()
    mimetype = archive.read("mimetype")[:100] if "mimetype" in archive else b""
    if b"epub" in mimetype or "META-INF/container.xml" in archive:
        return "epub"
    if mimetype.startswith(b"application/vnd.oasis.opendocument.text"):
        return "odt"
    if mimetype.startswith(b"application/vnd.oasis.opendocument"):
        raise Refusal("is an OpenDocument file without a text: save its text as .odt")
    for member, what in _ZIPPED:
        if member in archive:
            raise Refusal(f"is {what}" + ("" if ":" in what else ", not a text"), "file_other")
    if "[Content_Types].xml" in archive and any(one.startswith("word/") for one in names):
        return "docx"
    raise Refusal("is a ZIP archive: unpack it and give the texts in it", "file_archive")


def _in_child(raw: bytes, name: str) -> Document:
    environment = {key: value for key, value in os.environ.items() if "SIMPLEML_" not in key}
    paths = [str(_ROOT), *filter(None, [environment.get("PYTHONPATH")])]
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "simpleml.documents.child"],
            input=raw,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=CHILD_SECONDS,
            env={**environment, "PYTHONPATH": os.pathsep.join(paths)},
            check=False,
        )
        said = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise Refusal(f"takes more than {CHILD_SECONDS} seconds to read") from None
    except ValueError:  # killed: no memory, or a defect of a library
        raise Refusal(
            f"needs more than {CHILD_BYTES >> 20:,} MB to be read, or breaks what reads it: it is "
            "damaged, or built to harm"
        ) from None
    if "refusal" in said:
        raise Refusal(said["refusal"], said.get("reason", "file_unreadable"))
    return Document(name, said["text"], said["format"], said["encoding"], tuple(said["notes"]))


def described(document: Document) -> str:
    """What a document is, in words: its format and, of plain text, its encoding."""
    words = FORMATS[document.format]
    return (
        words
        if document.format in ("docx", "odt", "epub", "pdf")
        else f"{words}, {document.encoding}"
    )
