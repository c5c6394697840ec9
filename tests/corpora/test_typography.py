"""Prose loses its hard line ends and verse keeps its own; French gets its signs."""

from __future__ import annotations

import pytest

from simpleml.corpora.typography import french, unwrapped

PROSE = """\
To Sherlock Holmes she is always the woman. I have seldom heard
him mention her under any other name. In his eyes she eclipses
and predominates the whole of her sex.

It was not that he felt any emotion akin to love for Irene
Adler.
"""


def test_a_paragraph_of_prose_is_one_line() -> None:
    lines = unwrapped(PROSE).split("\n")
    assert [line[-12:] for line in lines] == [" of her sex.", "", "Irene Adler.", ""]
    assert unwrapped(PROSE).split() == PROSE.split()


@pytest.mark.parametrize(
    "kept",
    [
        "Nuit et jour, à tout venant,\nJe chantais, ne vous déplaise.\n",
        "   I. A Scandal in Bohemia, with a very long title that goes on and\n  II. The League\n",
        "CHAPTER I\nThe Beginning\n\nIt began.\n",
        "",
        "\n\n",
    ],
)
def test_verse_lists_and_headings_stay(kept: str) -> None:
    assert unwrapped(kept) == kept


def test_a_word_cut_at_its_hyphen_is_joined() -> None:
    cut = (
        "la princesse descendit l'escalier du palais et alla tout droit au-\ndevant de son père.\n"
    )
    assert "au-devant de son père" in unwrapped(cut)


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("le coeur, l'oeil, l'oeuvre, des voeux", "le cœur, l'œil, l'œuvre, des vœux"),
        ("COEUR", "CŒUR"),
        ("moelleux, Asbjoernsen, poésie", "moelleux, Asbjoernsen, poésie"),
        ("Oui!--Non, dit-il", "Oui\u00a0! — Non, dit-il"),
        ("- Sire, répondit-elle", "— Sire, répondit-elle"),
        ("«Entrez donc»", "«\u00a0Entrez donc\u00a0»"),
        ("« Entrez »", "«\u00a0Entrez\u00a0»"),
        ("qui? moi ; lui: eux", "qui\u00a0? moi\u00a0; lui\u00a0: eux"),
        ("http://exemple", "http://exemple"),
        ("très-bien, au-devant", "très-bien, au-devant"),
    ],
)  # fmt: skip
def test_french_signs(typed: str, printed: str) -> None:
    assert french(typed) == printed
    assert french(printed) == printed
