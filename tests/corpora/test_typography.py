"""Prose loses its hard line ends and verse keeps its own."""

from __future__ import annotations

import pytest

from simpleml.corpora.typography import unwrapped

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
