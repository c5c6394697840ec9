"""What is copied is found, all of it and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import write_model

from simpleml.errors import CorpusError
from simpleml.originality import PASSAGE, OriginalityIndex, main

CORPUS = (
    "Il y avait une fois un roi et une reine qui n'avaient point d'enfants. Le roi partit pour la "
    "guerre; la reine resta seule dans son château, où elle filait du lin d'or.\n"
)


def test_a_copied_passage_is_found_with_its_place() -> None:
    copied = CORPUS[30:75]
    found = OriginalityIndex.build(CORPUS).examine("Zzzz#" + copied + "#zzzz")
    assert found.longest is not None
    assert (found.longest.start, found.longest.length) == (5, 45)
    assert found.longest.corpus_start == 30
    assert found.copied == 45


def test_a_passage_of_nineteen_characters_does_not_count() -> None:
    found = OriginalityIndex.build(CORPUS).examine("#" + CORPUS[10 : 10 + PASSAGE - 1] + "#")
    assert (found.copied, found.longest) == (0, None)


def test_of_several_places_the_one_with_the_longest_passage_counts() -> None:
    shared = "x" * 5 + "the very same words here"
    corpus = shared + "A and no more." + shared + "B and then a long end."
    found = OriginalityIndex.build(corpus).examine(shared + "B and then a long")
    assert found.longest is not None
    assert found.longest.corpus_start == corpus.rindex(shared)
    assert found.copied_share == 1.0


def naive(corpus: str, text: str) -> set[int]:
    return {
        place
        for start in range(len(text) - PASSAGE + 1)
        if text[start : start + PASSAGE] in corpus
        for place in range(start, start + PASSAGE)
    }


@settings(max_examples=60, deadline=None)
@given(st.text("ab", min_size=PASSAGE, max_size=400), st.data())
def test_it_agrees_with_looking_for_every_stretch(corpus: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(corpus)))
    text = data.draw(st.text("ab", max_size=40)) + corpus[cut : cut + 50] + "b"
    found = OriginalityIndex.build(corpus).examine(text)
    assert found.copied == len(naive(corpus, text))
    for passage in found.passages:
        stretch = text[passage.start : passage.start + passage.length]
        assert corpus[passage.corpus_start :].startswith(stretch)


def test_the_index_is_made_once_and_again_when_the_text_was_edited(tmp_path: Path) -> None:
    path = tmp_path / "tales.txt"
    path.write_text(CORPUS, encoding="utf-8")
    OriginalityIndex.load(path)
    kept = tmp_path / "tales.txt.index.npz"
    made = kept.stat().st_mtime_ns
    OriginalityIndex.load(path)
    assert kept.stat().st_mtime_ns == made
    path.write_text(CORPUS.replace("reine", "fille"), encoding="utf-8")
    found = OriginalityIndex.load(path).examine("la fille resta seule dans son château")
    assert found.copied == 37


def test_a_damaged_index_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "tales.txt"
    path.write_text(CORPUS, encoding="utf-8")
    (tmp_path / "tales.txt.index.npz").write_bytes(b"PK\x03\x04 cut short")
    assert OriginalityIndex.load(path).examine(CORPUS).copied_share == 1.0


def test_another_text_than_the_cards_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tales.txt"
    path.write_text(CORPUS, encoding="utf-8")
    with pytest.raises(CorpusError, match=r"tales\.txt is not the text the model was trained on"):
        OriginalityIndex.load(path, sha256="0" * 64)


def test_a_corpus_shorter_than_a_passage_is_refused() -> None:
    with pytest.raises(CorpusError, match="has 5 characters"):
        OriginalityIndex.build("short")


def test_without_the_corpus_the_command_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_model(tmp_path, "tales")
    assert main(["tales", "--models-dir", str(tmp_path)]) == 1
    assert "without it nothing can be said of copying" in capsys.readouterr().err


def test_the_command_reports_three_temperatures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_model(tmp_path, "tales")
    (tmp_path / "tales.txt").write_text(CORPUS, encoding="utf-8")
    assert main(["tales", "--models-dir", str(tmp_path), "--size", "300"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "temperature 0.2",
        "temperature 0.5",
        "temperature 0.8",
    ]
    assert all("of 300 characters copied" in line for line in lines)
