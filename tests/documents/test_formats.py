"""What is taken out of documents: the text that one would read, in its order, as lines."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import makers
import pytest
from makers import FRENCH, chapter, p

from simpleml.documents import Document, read_document

pytestmark = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("lxml", "pypdf", "docx", "odf", "fpdf")),
    reason="the libraries that read and write documents are not installed",
)


def read(raw: bytes, name: str = "a file") -> Document:
    return read_document(raw, name)


# --- Word


def test_paragraphs_of_a_word_document_are_lines_and_its_typography_is_untouched() -> None:
    document = read(makers.docx(*FRENCH))
    assert document.format == "docx"
    assert document.text == "\n".join(FRENCH) + "\n"


def test_headings_lists_and_tables_of_a_word_document_are_lines() -> None:
    import docx

    written = docx.Document()
    written.add_heading("Le Chat botté", level=1)
    written.add_paragraph("Premier point", style="List Bullet")
    table = written.add_table(rows=2, cols=2)
    for row, cells in enumerate((("Nom", "Âge"), ("Lise", "8"))):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    paragraph = written.add_paragraph("Fin")
    paragraph.add_run(" du conte.").bold = True
    written.sections[0].header.paragraphs[0].text = "Titre courant"
    written.sections[0].footer.paragraphs[0].text = "page 1"
    text = read(makers.saved(written)).text
    assert text == "Le Chat botté\nPremier point\nNom\tÂge\nLise\t8\nFin du conte.\n"


def test_a_word_document_is_taken_as_its_author_left_it() -> None:
    body = (
        p("Le loup est")
        + "<w:p><w:ins><w:r><w:t>Il vint</w:t></w:r></w:ins><w:del><w:r><w:delText>Il alla"
        "</w:delText></w:r></w:del><w:r><w:rPr><w:vanish/></w:rPr><w:t>caché</w:t></w:r>"
        '<w:r><w:footnoteReference w:id="1"/></w:r><w:r><w:t> sur le</w:t><w:noBreakHyphen/>'
        "<w:t>champ</w:t></w:r></w:p>"
        "<w:p><w:r><w:t>Vers un</w:t><w:br/><w:t>vers deux</w:t></w:r></w:p>"
        '<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj>'
        f"</w:sdtPr><w:sdtContent>{p('Chapitre premier 3')}</w:sdtContent></w:sdt>"
        + p("Chapitre 3", '<w:pPr><w:pStyle w:val="TM1"/></w:pPr>')
        + p("Fin")
    )
    notes = f'<w:footnotes xmlns:w="{makers.W}">{p("Une note")}</w:footnotes>'
    document = read(makers.word_xml(body, word__footnotes=notes, **{"word__footnotes.xml": notes}))
    assert document.text == "Le loup est\nIl vint sur le-champ\n\nVers un\nvers deux\n\nFin\n"
    assert "left footnotes out" in document.notes


def test_a_text_box_of_a_word_document_is_read_once() -> None:
    box = f"<w:txbxContent>{p('Dans le cadre')}</w:txbxContent>"
    body = (
        '<w:p><w:r><w:t>Autour</w:t></w:r><w:r><mc:AlternateContent xmlns:mc="urn:mc"><mc:Choice>'
        f"{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r></w:p>"
    )
    assert read(makers.word_xml(body)).text == "Dans le cadre\nAutour\n"


# --- OpenDocument


def test_an_opendocument_text_by_odfpy_is_read() -> None:
    from odf import text as odf_text
    from odf.opendocument import OpenDocumentText
    from odf.table import Table, TableCell, TableRow

    written = OpenDocumentText()
    written.text.addElement(odf_text.H(outlinelevel=1, text="Titre"))
    for line in FRENCH:
        written.text.addElement(odf_text.P(text=line))
    points = odf_text.List()
    point = odf_text.ListItem()
    point.addElement(odf_text.P(text="Un point"))
    points.addElement(point)
    written.text.addElement(points)
    table, row = Table(), TableRow()
    for cell in ("Nom", "Âge"):
        made = TableCell()
        made.addElement(odf_text.P(text=cell))
        row.addElement(made)
    table.addElement(row)
    written.text.addElement(table)
    document = read(makers.saved(written))
    assert document.format == "odt"
    assert document.text == "\n".join(("Titre", *FRENCH, "Un point", "Nom\tÂge")) + "\n"


def test_notes_deletions_and_indexes_of_an_opendocument_text_are_left_out() -> None:
    body = (
        "<text:tracked-changes><text:p>effacé</text:p></text:tracked-changes>"
        "<text:table-of-content><text:p>Chapitre 3</text:p></text:table-of-content>"
        "<text:p>Un<text:note><text:note-body><text:p>la note</text:p></text:note-body></text:note>"
        '<text:s text:c="2"/>mot<text:line-break/>et\n   deux</text:p>'
        '<text:p>x<text:s text:c="999999999"/>y</text:p>'
    )
    document = read(makers.odt_xml(body))
    assert document.text.startswith("Un  mot\net deux\n\nx")
    assert len(document.text) < 200
    assert document.notes == ("left footnotes out",)


# --- e-books


def test_chapters_of_an_e_book_come_in_the_order_of_its_spine() -> None:
    chapters = {
        "nav.xhtml": chapter("<nav><p>Sommaire</p></nav>"),
        "b.xhtml": chapter("<h1>Deux</h1><p>Le second.</p>"),
        "a un.xhtml": chapter(
            '<h1>Un</h1><p>Premier<a epub:type="noteref">1</a> alin&eacute;a.</p>'
            '<p>Dit.<br/>Et vu.</p><aside epub:type="footnote"><p>Une note.</p></aside>'
            '<span epub:type="pagebreak">7</span>'
        ),
        "notes.xhtml": chapter("<p>Les notes</p>"),
    }
    raw = makers.epub(chapters, ["nav.xhtml", "a un.xhtml", "b.xhtml", "notes.xhtml", "b.xhtml"])
    document = read(raw)
    assert document.format == "epub"
    assert document.text == "Un\nPremier alinéa.\n\nDit.\nEt vu.\n\nDeux\nLe second.\n"


def test_an_e_book_with_obfuscated_fonts_is_open_and_one_with_drm_is_not() -> None:
    def book(algorithm: str) -> bytes:
        locked = (
            f'<e><EncryptedData><EncryptionMethod Algorithm="{algorithm}"/></EncryptedData></e>'
        )
        return makers.epub(
            {"a.xhtml": chapter("<p>Texte</p>")},
            ["a.xhtml"],
            **{"META-INF__encryption.xml": locked},
        )

    assert read(book("http://www.idpf.org/2008/embedding")).text == "Texte\n"
    with pytest.raises(Exception, match=r"book\.epub is locked by its seller \(DRM\)"):
        read(book("http://www.w3.org/2001/04/xmlenc#aes128-cbc"), "book.epub")


# --- web pages


PAGE = """<!DOCTYPE html>
<html><head><title>Titre</title><style>p {}</style></head><body>
<nav><a href="/">Accueil</a></nav><script>alert("non")</script>
<h1>Le  Petit
Poucet</h1>
<p>Il était &laquo;&nbsp;une&nbsp;&raquo; fois<br>un bûche<b>ron</b>.</p>
<ul><li>un<li>deux</ul><table><tr><td>a<td>b</table><div hidden>caché</div>
<p style="display:none">caché</p>
<pre>vers un
  vers deux</pre><footer>Mentions légales</footer></body></html>
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252", "mac_roman"])
def test_a_web_page_is_what_one_reads_of_it(encoding: str) -> None:
    document = read(PAGE.encode(encoding))
    assert (document.format, document.encoding) == ("html", encoding)
    assert document.text == (
        "Le Petit Poucet\n\nIl était «\u00a0une\u00a0» fois\nun bûcheron.\n\n"
        "un\ndeux\na\tb\n\nvers un\nvers deux\n"
    )


def test_a_web_page_says_its_encoding_itself() -> None:
    page = "<html><head><meta charset='iso-8859-2'></head><body><p>Łódź jeża</p></body></html>"
    assert read(page.encode("iso-8859-2")).text == "Łódź jeża\n"


# --- subtitles


def test_subtitles_are_what_is_said() -> None:
    raw = (
        "1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>Il était une fois</i>\r\nun roi.\r\n\r\n"
        "2\r\n00:00:03,000 --> 00:00:04,000 X1:1\r\n{\\an8}- Qui vient ?\r\n- Moi.\r\n\r\n"
        "3\r\n00:00:05,000 --> 00:00:06,000\r\n1515\r\n\r\n"
        "4\r\n00:00:07,000 --> 00:00:08,000\r\nFin\r\n"
    )
    document = read(raw.encode("cp1252"))
    assert document.format == "srt"
    assert document.text == "Il était une fois un roi.\n- Qui vient ?\n- Moi.\n1515\nFin\n"


def test_subtitles_of_the_web_are_read_too() -> None:
    raw = "WEBVTT\n\nNOTE von Hand\n\nintro\n00:01.000 --> 00:02.000 align:start\nGuten Tag\n"
    assert read(raw.encode()).text == "Guten Tag\n"


# --- PDF

PAGE_ONE = (
    "    Il y avait une fois un roi et une reine qui étaient si fâchés de n’avoir".replace(
        "’", "'"
    ),
    "point d'enfants, si fâchés qu'on ne saurait dire. Ils allèrent à toutes les",
    "eaux du monde; voeux, pèlerinages, menues dévotions, tout fut mis en oeu-",
    "vre, et rien n'y faisait. Enfin, pourtant, la reine devint grosse, et accou-",
    "cha d'une fille: on fit un beau baptême. Que voulez-vous de plus? demanda-t-",
    "il alors, et tout le monde se tut dans la grande salle où brûlait un feu clair.",
    "    On donna pour marraines à la petite princesse toutes les fées qu'on pût",
    "trouver dans le pays (il s'en trouva sept), afin que chacune d'elles lui fai-",
)
PAGE_TWO = (
    "sant un don, comme c'était la coutume des fées en ce temps-là, la princesse",
    "eût par ce moyen toutes les perfections imaginables.",
    "    Fin.",
)


def test_lines_of_a_pdf_are_paragraphs_again_and_cut_words_are_whole() -> None:
    raw = makers.pdf([PAGE_ONE, PAGE_TWO, PAGE_ONE], head="La Belle au bois dormant")
    document = read(raw)
    assert document.format == "pdf"
    lines = document.text.splitlines()
    assert lines[0].startswith(
        "Il y avait une fois un roi et une reine qui étaient si fâchés de n'av"
    )
    assert "tout fut mis en oeuvre, et rien" in lines[0]
    assert "accoucha d'une fille" in lines[0]
    assert "demanda-t-il alors" in lines[0] and lines[0].endswith("un feu clair.")
    assert lines[1].startswith("On donna") and "lui faisant un don" in lines[1]
    assert lines[1].endswith("perfections imaginables.") and lines[2] == "Fin."
    assert "dormant" not in document.text
    assert any("page heads" in note for note in document.notes)


def test_verse_in_a_pdf_keeps_its_lines() -> None:
    verse = [
        "Maître Corbeau, sur un arbre perché,", "Tenait en son bec un fromage.",
        "Maître Renard, par l'odeur alléché,", "Lui tint à peu près ce langage :",
        "Et bonjour, Monsieur du Corbeau,", "Que vous êtes joli ! que vous me semblez beau !",
        "Sans mentir, si votre ramage", "Se rapporte à votre plumage,",
    ]  # fmt: skip
    assert read(makers.pdf([verse])).text.splitlines() == verse


# --- all


def test_what_a_file_is_hangs_on_its_content_and_not_on_its_name(tmp_path: Path) -> None:
    path = tmp_path / "tale.txt"
    path.write_bytes(makers.docx(*FRENCH))
    assert read_document(path).format == "docx"
    assert read(b"%PDF is a format of files, and this is a text.\n" * 3).format == "text"
    assert read(b"MZ was his monogram.\n" * 3).format == "text"
    assert read(b"<b>Once</b> there was a king --> a queen\n" * 3).format == "text"


def test_a_text_is_shown_by_its_first_lines() -> None:
    document = read(b"\n\n  Un\n\n\nDeux\nTrois\nQuatre\nCinq\n")
    assert document.beginning == "Un\nDeux\nTrois\nQuatre"
    assert len(read(b"x" * 10_000).beginning) == 400
