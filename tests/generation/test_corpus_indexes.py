"""A model's index follows its text and its card, and is read no more often than they change."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from models import write_model

from simpleml import ModelLoader
from simpleml.copying.index import OriginalityIndex
from simpleml.errors import CorpusUnavailableError
from simpleml.jobs.store import JobStore
from simpleml.models.text_file import text_file

TEXT = "il y avait une fois un roi et une reine qui n'avaient point d'enfants. "


def sum_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the texts that were read."""
    seen: list[str] = []
    load = OriginalityIndex.load.__func__  # type: ignore[attr-defined]

    def noted(cls: Any, path: Path, *given: Any, **named: Any) -> OriginalityIndex:
        seen.append(path.name)
        index: OriginalityIndex = load(cls, path, *given, **named)
        return index

    monkeypatch.setattr(OriginalityIndex, "load", classmethod(noted))
    return seen


def test_it_is_read_once_while_nothing_changes(tmp_path: Path, reads: list[str]) -> None:
    (tmp_path / "tales.txt").write_text(TEXT)
    write_model(tmp_path, "tales", corpus={"sha256": sum_of(TEXT)})
    loader = ModelLoader(tmp_path)
    tales = loader.load("tales")
    assert loader.indexes.kept("tales", tales.card) is None
    index = loader.corpus_index(tales)
    assert loader.corpus_index(tales) is index
    assert loader.indexes.kept("tales", tales.card) is index
    assert reads == ["tales.txt"]


def test_an_edited_text_is_refused_and_one_put_back_is_taken(
    tmp_path: Path, reads: list[str]
) -> None:
    path = tmp_path / "tales.txt"
    path.write_text(TEXT)
    write_model(tmp_path, "tales", corpus={"sha256": sum_of(TEXT)})
    loader = ModelLoader(tmp_path)
    tales = loader.load("tales")
    loader.corpus_index(tales)
    assert loader.has_corpus("tales")
    path.write_text(TEXT + "and more")
    for _ in range(3):
        with pytest.raises(CorpusUnavailableError, match=r"tales\.txt is not the text") as refused:
            loader.corpus_index(tales)
        assert refused.value.code == "corpus_unavailable"
    assert not loader.has_corpus("tales")
    path.write_text(TEXT)
    loader.corpus_index(tales)
    assert loader.has_corpus("tales")
    assert len(reads) == 3


def test_a_text_that_goes_is_missed_at_once(tmp_path: Path) -> None:
    path = tmp_path / "tales.txt"
    path.write_text(TEXT)
    write_model(tmp_path, "tales")
    loader = ModelLoader(tmp_path)
    tales = loader.load("tales")
    loader.corpus_index(tales)
    path.unlink()
    assert not loader.has_corpus("tales")
    with pytest.raises(CorpusUnavailableError, match="not in the models folder"):
        loader.corpus_index(tales)


def test_another_card_has_its_own_index(tmp_path: Path) -> None:
    (tmp_path / "tales.txt").write_text(TEXT)
    (tmp_path / "others.txt").write_text(TEXT.upper())
    write_model(tmp_path, "tales", corpus={"file": "tales.txt"})
    loader = ModelLoader(tmp_path)
    before = loader.corpus_index(loader.load("tales"))
    write_model(tmp_path, "tales", corpus={"file": "others.txt"})
    after = loader.corpus_index(loader.load("tales"))
    assert before.examine(TEXT).copied_share == after.examine(TEXT.upper()).copied_share == 1.0
    assert after.examine(TEXT).copied == 0


def test_a_card_names_no_file_outside_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "ML"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text(TEXT)
    write_model(folder, "tales", corpus={"file": "../secret.txt"})
    loader = ModelLoader(folder)
    assert not loader.has_corpus("tales")
    assert text_file(folder, "tales", {"file": "../secret.txt"}) == folder / "tales.txt"


def test_only_so_many_are_kept(tmp_path: Path, reads: list[str]) -> None:
    loader = ModelLoader(tmp_path, most_loaded=2)
    for name in ("one", "two", "three", "one", "one"):
        (tmp_path / f"{name}.txt").write_text(TEXT)
        write_model(tmp_path, name)
        os.utime(tmp_path / f"{name}.txt", ns=(0, 0))
        loader.corpus_index(loader.load(name))
    assert reads == ["one.txt", "two.txt", "three.txt", "one.txt"]


def test_broken_and_missing_models_have_no_corpus(tmp_path: Path) -> None:
    (write_model(tmp_path, "torn") / "torn.json").write_text("no card")
    (tmp_path / "torn.txt").write_text(TEXT)
    loader = ModelLoader(tmp_path)
    assert not loader.has_corpus("torn")
    assert not loader.has_corpus("gone")


def test_the_text_of_a_training_on_the_server_is_found_where_it_lies(
    tmp_path: Path, reads: list[str]
) -> None:
    JobStore(tmp_path, most=3).create("tales", TEXT, {})
    write_model(tmp_path, "tales", corpus={"file": "tales.txt", "sha256": sum_of(TEXT)})
    begun = {"name": "tales", "corpus": {"file": "tales.txt", "sha256": sum_of(TEXT)}}
    write_model(tmp_path, "tuned", training={"begun_from": begun})
    loader = ModelLoader(tmp_path)
    assert loader.has_corpus("tales") and not loader.has_corpus("tuned")
    tales = loader.load("tales")
    assert loader.corpus_index(tales).examine(TEXT[5:40]).copied == 35
    assert loader.base_index(loader.load("tuned")) is not None
    (tmp_path / "tales.txt").write_text(TEXT)
    assert loader.corpus_index(tales) is not None
    assert len(reads) == 2, "what lies beside the models goes first"
    (tmp_path / "tales.txt").unlink()
    JobStore(tmp_path, most=3).delete("tales")
    assert not loader.has_corpus("tales")
