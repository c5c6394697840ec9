"""Novels become one text: their paragraphs, in the ways people type them, in a fixed order."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from mirror import Mirror

from simpleml.corpora import CATALOGUE, CatalogueEntry, RawFile, get
from simpleml.corpora.novels import (
    Novel,
    mixed,
    one_by_one,
    plain_paragraphs,
    styled,
    tei_paragraphs,
    without_rare,
)
from simpleml.errors import CorpusError

TEI = b"""<TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><p>Not this.</p></teiHeader>
<text><front><p>Nor this.</p></front><body><div><head>Chapter <hi>I</hi></head>
<p>It was the
   best of <pb n="2"/>times,<note>A note.</note> it was the worst.</p>
<quote><l>Full fathom five</l><l>thy father lies</l></quote>
<p>\x60Twas` said.</p></div></body></text></TEI>"""


def test_the_body_of_a_tei_document_without_its_notes() -> None:
    assert list(tei_paragraphs(TEI)) == [
        "Chapter I",
        "It was the best of times, it was the worst.",
        "Full fathom five",
        "thy father lies",
        "‘Twas‘ said.",
    ]


@pytest.mark.parametrize("document", [b"", b"<TEI>", b"no xml", b"<TEI><text/></TEI>"])
def test_what_is_no_tei_document_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"not XML|no <body>"):
        list(tei_paragraphs(document))


def test_plain_paragraphs_lose_their_footnote_marks() -> None:
    assert list(plain_paragraphs("Habile [2] , dit-il. \n \nLe feu [3], la Rose. \n")) == [
        "Habile , dit-il.",
        "Le feu, la Rose.",
    ]


def novels() -> list[Novel]:
    paragraph = "— L'été ! dit-il... « Ma sœur » ; et voilà" + " mot" * 40 + "."
    return [Novel(f"FRA{number}", "fr", (paragraph,) * 3000) for number in range(6)]


def test_the_text_is_the_same_every_time_and_nothing_is_lost() -> None:
    text = mixed(novels())
    assert text == mixed(novels())
    assert text == mixed(novels()[::-1])
    assert text.count("voilà") == 18_000


def test_both_ways_of_typing_occur() -> None:
    text = mixed(novels())
    for sign in ("L'été", "L’été", "«", '"', "—", "...", "…", "sœur", " \n", ".\n\n"):
        assert sign in text, sign


def test_a_quarter_of_the_pieces_stays_as_published() -> None:
    assert styled(["« Oui », dit l'un."], "fr", bytes([63] * 32)) == "« Oui », dit l'un. \n"
    assert styled(["« Oui », dit l'un."], "fr", bytes([64] * 32)) != "« Oui », dit l'un. \n"


def test_english_quotes_are_all_curly_or_all_plain() -> None:
    said = ['"I don\'t know," he said. "Nor \'Tom\'."', "“I don’t,” said she."]
    plain = styled(said, "en", bytes([255, 255, 0, 0, 0, 0, 0, *[255] * 25]))
    curly = styled(said, "en", bytes([255, 255, 255, 0, 0, 0, 255, *[255] * 25]))
    assert plain == '"I don\'t know," he said. "Nor \'Tom\'."\n\n"I don\'t," said she.\n\n'
    assert curly == "“I don’t know,” he said. “Nor ‘Tom’.”\n\n“I don’t,” said she.\n\n"


def test_rare_characters_become_plain_or_go() -> None:
    assert without_rare("é" + "e" * 200 + "Ω", rare=100) == "e" + "e" * 200


def test_novels_are_downloaded_mixed_and_those_held_out_stand_at_the_end(tmp_path: Path) -> None:
    mirror = Mirror()
    files, paragraph = [], "Il était une fois une petite fille de village, la plus jolie du monde."
    for name in ("FRA1_A", "FRA2_B"):
        data = "\n".join(f"{name} {paragraph}" for _ in range(200)).encode()
        mirror.files[f"{name}.txt"] = data
        files.append(
            RawFile("s/t", "0" * 40, f"plain1/{name}.txt", hashlib.sha256(data).hexdigest())
        )
    kept = mixed([Novel("FRA1_A", "fr", (f"FRA1_A {paragraph}",) * 200)])
    held = one_by_one([Novel("FRA2_B", "fr", (f"FRA2_B {paragraph}",) * 200)])
    text = without_rare(kept + held)
    entry = CatalogueEntry(
        "made", "", "", "", "fr", tuple(files), hashlib.sha256(text.encode()).hexdigest(),
        len(text), held_out=("FRA2_B",),
    )  # fmt: skip
    try:
        assert get(entry, tmp_path, base_url=mirror.url).read_text(encoding="utf-8") == text
        mirror.files["FRA2_B.txt"] = b"\xff\xfe"
        broken = RawFile(
            "s/t", "0" * 40, "plain1/FRA2_B.txt", hashlib.sha256(b"\xff\xfe").hexdigest()
        )
        other = CatalogueEntry(
            "other", "", "", "", "fr", (files[0], broken), "0" * 64, 1, held_out=("FRA2_B",)
        )
        with pytest.raises(CorpusError, match=r"plain1/FRA2_B\.txt is not a novel"):
            get(other, tmp_path, base_url=mirror.url)
    finally:
        mirror.close()


@pytest.mark.parametrize("name", ["francais", "english"])
def test_the_bases_hold_whole_authors_out(name: str) -> None:
    entry = CATALOGUE[name]
    names = [file.path.rpartition("/")[2].partition(".")[0] for file in entry.files]
    assert len(set(names)) == len(names) > 90
    authors = {one.partition("_")[2] for one in entry.held_out}
    assert {one for one in names if one.partition("_")[2] in authors} == set(entry.held_out)
    assert not any("Nesbit" in one or "FRA022" in one for one in names)
    assert entry.base
