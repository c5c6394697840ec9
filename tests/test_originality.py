"""What is copied is found, all of it and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import write_model

from simpleml.errors import CorpusError, CorpusUnavailableError
from simpleml.originality import PASSAGE, OriginalityIndex, Passage, main

ROOT = Path(__file__).resolve().parent.parent

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


def longest_at(corpus: str, text: str, start: int) -> int:
    length = 0
    while start + length < len(text) and text[start : start + length + 1] in corpus:
        length += 1
    return length


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
    reached, expected = 0, []
    for start in range(len(text)):
        length = longest_at(corpus, text, start)
        if length >= PASSAGE and start + length > reached:
            reached = start + length
            expected.append((start, length, corpus.index(text[start:reached])))
    assert [(one.start, one.length, one.corpus_start) for one in found.passages] == expected


def test_positions_are_characters_also_beyond_the_basic_plane() -> None:
    corpus = "漢字😀" * 10 + "é" * 10
    found = OriginalityIndex.build(corpus).examine("😀é😀" + corpus[3:28] + "x")
    assert found.passages[0] == Passage(2, 26, 2)


def test_a_text_that_stands_everywhere_is_examined_all_the_same() -> None:
    index = OriginalityIndex.build("-" * 200_000 + CORPUS)
    found = index.examine("-" * 3000 + CORPUS[:50] + "-" * 30)
    assert found.copied == 3080
    assert found.longest is not None
    assert found.longest.length >= 3000, "not all 200,000 places are followed to their end"


def test_a_text_that_goes_round_in_circles_is_examined_all_the_same() -> None:
    circle = "la reine resta seule dans son château, ou "
    found = OriginalityIndex.build(CORPUS).examine(circle * 100)
    # at first without the space before it
    assert [one.length for one in found.passages] == [40] + 99 * [41]
    assert found.copied == 40 + 99 * 41


def test_the_index_is_made_once_and_again_when_the_text_was_edited(tmp_path: Path) -> None:
    path = tmp_path / "tales.txt"
    path.write_text(CORPUS, encoding="utf-8")
    OriginalityIndex.load(path)
    kept = tmp_path / "tales.txt.index"
    made = kept.stat().st_mtime_ns
    OriginalityIndex.load(path)
    assert kept.stat().st_mtime_ns == made
    path.write_text(CORPUS.replace("reine", "fille"), encoding="utf-8")
    found = OriginalityIndex.load(path).examine("la fille resta seule dans son château")
    assert found.copied == 37


def test_a_damaged_index_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "tales.txt"
    path.write_text(CORPUS, encoding="utf-8")
    (tmp_path / "tales.txt.index").write_bytes(b"SimpleML index 2 cut short")
    assert OriginalityIndex.load(path).examine(CORPUS).copied_share == 1.0


def test_processes_that_ask_at_once_make_it_once_and_share_it(tmp_path: Path) -> None:
    path = tmp_path / "tales.txt"
    path.write_text("".join(f"{number:09} " for number in range(200_000)), encoding="utf-8")
    code = (
        "import sys; from simpleml.copying import index as corpus_index\n"
        "built = corpus_index.OriginalityIndex.build\n"
        "def told(*given): print('built'); return built(*given)\n"
        "corpus_index.OriginalityIndex.build = told\n"
        "index = corpus_index.OriginalityIndex.load(sys.argv[1])\n"
        "print(index.examine('x 000012345 000012346 000012347').copied, flush=True)\n"
        "sys.stdin.read()"
    )
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    said = []
    for one in asking:
        assert one.stdout is not None
        line = one.stdout.readline()
        if line == "built\n":
            said.append(line)
            line = one.stdout.readline()
        assert line == "30\n"
        (kept,) = (
            found
            for found in psutil.Process(one.pid).memory_maps()
            if found.path == f"{path}.index"
        )
        assert kept.anonymous == 0, "the pages are the file's own"
    for one in asking:
        one.communicate("")
    assert said == ["built\n"]
    assert sorted(found.name for found in tmp_path.iterdir()) == ["tales.txt", "tales.txt.index"]


def test_where_nothing_can_be_written_it_is_made_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "tales.txt"
    path.write_text(CORPUS, encoding="utf-8")
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))\n"
        "from simpleml.originality import OriginalityIndex\n"
        "text = open(sys.argv[1], encoding='utf-8').read()\n"
        "print(OriginalityIndex.load(sys.argv[1]).examine(text).copied_share)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    assert said.stdout == "1.0\n"
    assert [found.name for found in tmp_path.iterdir()] == ["tales.txt"]


def test_the_text_is_indexed_as_the_training_read_it(tmp_path: Path) -> None:
    path = tmp_path / "tales.txt"
    path.write_bytes("\ufeff".encode("utf-16-le") + CORPUS.upper().encode("utf-16-le") * 2)
    found = OriginalityIndex.load(path, encoding="utf-16", lower=True).examine(CORPUS.lower())
    assert found.passages == (Passage(0, len(CORPUS), 0),)
    path.write_bytes(CORPUS.replace(" ", "\r\n").encode())
    assert OriginalityIndex.load(path).examine(CORPUS.replace(" ", "\n")).copied_share == 1.0
    path.write_bytes(b"\xff" * 100)
    with pytest.raises(CorpusUnavailableError, match=r"tales\.txt cannot be read as utf-8"):
        OriginalityIndex.load(path)


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
    assert "so copying cannot be measured" in capsys.readouterr().err


def test_the_command_reports_three_temperatures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_model(tmp_path, "tales")
    (tmp_path / "tales.txt").write_text(CORPUS, encoding="utf-8")
    assert main(["tales", "--models-dir", str(tmp_path), "--size", "300"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert main(["tales", "--models-dir", str(tmp_path), "--size", "30", "--max-copy", "5"]) == 1
    assert "max_copy is 5" in capsys.readouterr().err
    assert [line.split(":")[0] for line in lines] == [
        "temperature 0.2",
        "temperature 0.5",
        "temperature 0.8",
    ]
    assert all("of 300 characters copied" in line for line in lines)
