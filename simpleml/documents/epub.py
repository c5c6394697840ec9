"""E-books (.epub): EPUB 2 and 3, chapter by chapter in the order of the spine."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

from simpleml.documents.archive import Archive
from simpleml.documents.document import Refusal
from simpleml.documents.encodings import decode_markup
from simpleml.documents.lines import Lines
from simpleml.documents.markup import elements
from simpleml.documents.web_page import read_page

_FONTS_ONLY = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")


def read_epub(archive: Archive) -> tuple[str, tuple[str, ...]]:
    """The text of all chapters, and what was left out.

    Raises:
        Refusal: the book is damaged, locked by its seller, or has no chapter with text.
    """
    _check_open(archive)
    container = elements(archive.pieces("META-INF/container.xml"))
    packages = [found.get("full-path", "") for name, found in container if name == "rootfile"]
    if not packages or packages[0] not in archive:
        raise Refusal("is damaged: the list of its chapters is missing", "file_damaged")
    lines, seen = Lines(), set[str]()
    package = elements(archive.pieces(packages[0]))
    items = {found.get("id", ""): found for name, found in package if name == "item"}
    for name, reference in package:
        item = items.get(reference.get("idref", ""), {}) if name == "itemref" else {}
        path = posixpath.join(posixpath.dirname(packages[0]), unquote(item.get("href", "")))
        path = posixpath.normpath(path)
        contents = "nav" in item.get("properties", "").split()
        if "html" not in item.get("media-type", "") or contents or path in seen:
            continue
        if reference.get("linear") == "no":  # notes, and the like
            continue
        seen.add(path)
        read_page(decode_markup(archive.read(path))[0], lines)
    return lines.text(), ()


def _check_open(archive: Archive) -> None:
    if "META-INF/encryption.xml" in archive:
        methods = [
            found.get("Algorithm", "")
            for name, found in elements(archive.pieces("META-INF/encryption.xml"))
            if name == "EncryptionMethod"
        ]
        if any(method not in _FONTS_ONLY for method in methods):
            raise Refusal("is locked by its seller (DRM): its text cannot be taken out")
