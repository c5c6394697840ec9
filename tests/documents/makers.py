"""Documents for the tests: by real writers where there are any, hostile ones by hand."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable
from typing import Any

FRENCH = (
    "L’été, « la belle dame » s’en allait par les bois\u00a0; elle n’y voyait que des sapins.",
    "— Où vas-tu\u202f? dit-elle. Déjà l’œuvre était finie, et le garçon naïf chantait à tue-tête.",
    "Un château s’élevait au-dessus de la forêt, où l’on entendait le vent souffler sans relâche.",
)
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def zipped(members: dict[str, bytes | str], *, first: str = "") -> bytes:
    """A ZIP file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name in sorted(members, key=lambda name: name != first):
            file.writestr(name, members[name])
    return out.getvalue()


def docx(*paragraphs: str) -> bytes:
    """A Word document by python-docx."""
    import docx as writer

    document = writer.Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    return saved(document)


def saved(document: Any) -> bytes:
    """Whatever has a method `save` for files."""
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def word_xml(body: str, **more: bytes | str) -> bytes:
    """A Word document with a body by hand; `more` are further members, / written as __."""
    document = f'<w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>'
    further = {name.replace("__", "/"): content for name, content in more.items()}
    return zipped({**word_members(), "word/document.xml": document, **further})


def word_members() -> dict[str, bytes | str]:
    """What a Word document has beside its body."""
    relation = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="r" Target="word/document.xml" Type="http://schemas.openxmlformats.org/'
        'officeDocument/2006/relationships/officeDocument"/></Relationships>'
    )
    return {"[Content_Types].xml": "<Types/>", "_rels/.rels": relation}


def p(text: str, properties: str = "") -> str:
    """A paragraph of a Word document."""
    return f"<w:p>{properties}<w:r><w:t>{text}</w:t></w:r></w:p>"


def odt_xml(body: str, **more: bytes | str) -> bytes:
    """An OpenDocument text by hand."""
    names = " ".join(
        f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"'
        for short, long in (("office", "office"), ("text", "text"), ("table", "table"))
    )
    content = (
        f"<office:document-content {names}><office:body><office:text>{body}</office:text>"
        "</office:body></office:document-content>"
    )
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": content,
            **{name.replace("__", "/"): text for name, text in more.items()},
        },
        first="mimetype",
    )


def chapter(body: str, head: str = "<title/>") -> str:
    """A chapter of an e-book; <title/> in it would swallow the page if it were HTML."""
    return (
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html><html xmlns="http://www.w3.org/1999/'
        f'xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><head>{head}</head><body>{body}</body>'
        "</html>"
    )


def epub(chapters: dict[str, str], spine: Iterable[str], **more: bytes | str) -> bytes:
    """An e-book: chapters by file name, and the names in the order of the spine."""
    items = "".join(
        f'<item id="i{i}" href="{name.replace(" ", "%20")}" media-type="application/xhtml+xml"'
        f' properties="{"nav" if name.startswith("nav") else ""}"/>'
        for i, name in enumerate(chapters)
    )
    order = list(chapters)
    references = "".join(
        f'<itemref idref="i{order.index(name)}" linear="{"no" if "notes" in name else "yes"}"/>'
        for name in spine
    )
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
        f"{items}</manifest><spine>{references}</spine></package>"
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
    )
    return zipped(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": container,
            "OEBPS/book.opf": package,
            **{f"OEBPS/{name}": text for name, text in chapters.items()},
            **{name.replace("__", "/"): text for name, text in more.items()},
        },
        first="mimetype",
    )


def pdf(pages: Iterable[Iterable[str]], *, head: str = "", numbers: bool = True) -> bytes:
    """A PDF by fpdf2: pages of lines, a head above and a number below."""
    from fpdf import FPDF

    file = FPDF()
    file.set_auto_page_break(False)
    for number, lines in enumerate(pages, 1):
        file.add_page()
        file.set_font("Times", size=12)
        if head:
            file.text(25, 15, head)
        for row, line in enumerate(lines):
            indent = len(line) - len(line.lstrip())
            file.text(25 + 2 * indent, 30 + 6 * row, line.strip())
        if numbers:
            file.text(105, 290, str(number))
    return bytes(file.output())


def scanned() -> bytes:
    """A PDF of a picture of a page."""
    from fpdf import FPDF
    from PIL import Image

    file = FPDF()
    for _ in range(3):
        file.add_page()
        file.image(Image.new("L", (60, 80), 200), 10, 10, 180)
    return bytes(file.output())


def locked_pdf() -> bytes:
    """A PDF that asks for a password."""
    from fpdf import FPDF

    file = FPDF()
    file.set_encryption(owner_password="owner", user_password="secret")
    file.add_page()
    file.set_font("Times", size=12)
    file.text(20, 20, "A secret text.")
    return bytes(file.output())


def pdf_bomb(megabytes: int) -> bytes:
    """A PDF whose one page inflates to so much."""
    squeeze = zlib.compressobj(9)
    piece = b"BT (x) Tj ET\n" * 80_660  # about 1 MB
    packed = b"".join(squeeze.compress(piece) for _ in range(megabytes)) + squeeze.flush()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R /Resources << >> >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n" % len(packed) + packed + b"\nendstream",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(out)
    out += b"xref\n0 5\n0000000000 65535 f \n" + table
    return out + b"trailer << /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % start
