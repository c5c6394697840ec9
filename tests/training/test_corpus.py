"""Corpora: what is accepted, what is refused and how, how a text is cut and counted."""

from __future__ import annotations

import hashlib
import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpleml.errors import CorpusError
from simpleml.training.corpus import (
    MAX_DISTINCT,
    encode_characters,
    line_and_column,
    read_file,
    read_text,
    split_text,
)
from simpleml.training.material import read_material
from simpleml.training.options import TrainingOptions

TEXT = "It was a dark and stormy night.\nThe café was closed; nobody minded.\n" * 20


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_clean_file_comes_back_as_it_is(tmp_path: Path) -> None:
    file = read_file(write(tmp_path / "a.txt", TEXT.encode()))
    assert file.text == TEXT
    assert file.notes == ()
    assert file.size == len(TEXT.encode())


def test_byte_order_mark_and_windows_line_ends_are_removed_and_reported(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    notes: list[str] = []
    assert read_text(path, report=notes.append) == TEXT
    assert "byte order mark" in notes[0]
    assert "40 Windows line ends" in notes[1]


def test_old_mac_line_ends_become_line_feeds(tmp_path: Path) -> None:
    file = read_file(write(tmp_path / "a.txt", TEXT.replace("\n", "\r").encode()))
    assert file.text == TEXT
    assert (file.crlf, file.cr) == (0, 40)


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252", "utf-8-sig"])
def test_other_encodings_are_read_when_named(tmp_path: Path, encoding: str) -> None:
    assert read_text(write(tmp_path / "a.txt", TEXT.encode(encoding)), encoding) == TEXT


def test_a_byte_that_does_not_fit_the_encoding_that_was_given_is_named_with_its_place(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "a.txt", TEXT.encode("cp1252"))
    with pytest.raises(CorpusError) as error:
        read_text(path, "utf-8")
    message = str(error.value)
    assert "a.txt is not utf-8: byte 0xe9 at position 39 (line 2)" in message
    assert "name no encoding" in message


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_a_text_in_an_older_encoding_is_read_and_reported(tmp_path: Path, encoding: str) -> None:
    file = read_file(write(tmp_path / "a.txt", TEXT.encode(encoding)))
    assert file.text == TEXT
    assert file.encoding == encoding
    assert f"read as {encoding}, since it is not UTF-8" in file.notes
    assert file.shown[0].endswith("it begins:") and "dark and stormy" in file.shown[1]


def test_a_document_is_the_text_that_is_taken_out_of_it(tmp_path: Path) -> None:
    page = f"<!DOCTYPE html><html><body><p>{TEXT[:-1]}</p></body></html>"
    file = read_file(write(tmp_path / "a.html", page.encode()))
    assert file.text == TEXT.replace("\n", " ").rstrip() + "\n"
    assert file.sha256 == hashlib.sha256(file.text.encode()).hexdigest()
    assert (file.facts["format"], file.facts["characters"]) == ("html", len(file.text))
    assert file.facts["beginning"].startswith("It was a dark")
    assert file.shown[0].startswith("a.html: web page (HTML), utf-8, 1,360 characters")


def test_a_model_s_card_names_the_text_and_where_it_was_taken_from(tmp_path: Path) -> None:
    page = f"<!DOCTYPE html><html><body><p>{TEXT[:-1]}</p></body></html>"
    made = read_material(write(tmp_path / "a.html", page.encode()), TrainingOptions())
    assert made.corpus["file"] == "a.txt" and made.corpus["taken_from"] == "a.html"
    again = read_material(
        write(tmp_path / "a.txt", TEXT.replace("\n", " ").rstrip().encode() + b"\n"),
        TrainingOptions(),
    )
    assert made.corpus["sha256"] == again.corpus["sha256"]


REFUSED = {
    "empty": (b"", "is empty"),
    "white": (b" \n" * 500, "white space only"),
    "ten": (b"abcdefghij", "10 characters"),
    "one": (b"a" * 5000, "one distinct character, 'a'"),
    "many": ("".join(map(chr, range(0x10000, 0x10000 + 20_000))).encode(), "20,000 distinct"),
    "binary": (bytes(range(256)) * 40, "zero bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_text_that_cannot_be_learned_is_refused_with_its_reason(
    tmp_path: Path, name: str
) -> None:
    content, reason = REFUSED[name]
    with pytest.raises(CorpusError) as error:
        read_text(write(tmp_path / f"{name}.txt", content))
    assert reason in str(error.value)
    assert f"{name}.txt" in str(error.value)


def test_a_missing_file_lists_the_texts_beside_it(tmp_path: Path) -> None:
    write(tmp_path / "tales.txt", b"x")
    with pytest.raises(CorpusError, match=r"no file .*tale\.txt; texts next to it: tales\.txt"):
        read_text(tmp_path / "tale.txt")


def test_a_folder_and_a_pipe_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="is a folder"):
        read_text(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CorpusError, match="not a regular file"):
        read_text(tmp_path / "pipe")


@pytest.mark.parametrize("encoding", ["klingon", "rot13", "base64"])
def test_an_encoding_that_is_none_is_refused(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(CorpusError, match="no such text encoding"):
        read_text(write(tmp_path / "a.txt", TEXT.encode()), encoding)


def test_a_name_with_a_nul_is_refused_and_not_a_crash() -> None:
    with pytest.raises(CorpusError):
        read_text("a\0b")


def test_rich_scripts_stay_under_the_limit() -> None:
    assert MAX_DISTINCT > 6_000


def test_tail_split_of_tinyshakespeare_is_the_published_one(shared: Path) -> None:
    text = read_text(shared / "data" / "tinyshakespeare.txt")
    split = split_text(text, "tail", 0.1)
    spans = sorted(split.training + split.selection)
    assert "".join(text[first:last] for first, last in spans) == text[:1_003_854]
    assert split.text("validation") == text[-111_540:]


def test_the_selection_slice_comes_from_everywhere_in_the_training_part() -> None:
    text = "".join(chr(0x4E00 + i // 1000) for i in range(1_000_000))
    split = split_text(text, "tail", 0.1)
    assert len(split.selection) == 20
    assert len(split.text("selection")) == 45_000
    starts = [first for first, _ in split.selection]
    gaps = [after - before for before, after in itertools.pairwise(starts)]
    assert max(gaps) - min(gaps) <= 2
    assert split.selection[-1][1] == 900_000


@given(
    size=st.integers(200, 60_000),
    how=st.sampled_from(["tail", "spread"]),
    fraction=st.floats(0.01, 0.5),
    chosen=st.floats(0.0, 0.5),
)
def test_every_character_lies_in_exactly_one_part(
    size: int, how: str, fraction: float, chosen: float
) -> None:
    split = split_text("x" * size, how, fraction, selection_fraction=chosen)
    spans = sorted(split.training + split.selection + split.validation)
    assert spans[0][0] == 0
    assert spans[-1][1] == size
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))
    assert all(first <= last for first, last in spans)
    held_out = len(split.text("validation"))
    assert abs(held_out - size * fraction) <= 1 + len(split.validation)


def test_spread_split_takes_blocks_from_everywhere() -> None:
    text = "".join(chr(0x4E00 + i // 1000) for i in range(100_000))
    split = split_text(text, "spread", 0.2)
    assert len(split.validation) == 20
    assert len(set(split.text("validation"))) >= 20
    gaps = [b[0] - a[0] for a, b in zip(split.validation, split.validation[1:], strict=False)]
    assert max(gaps) - min(gaps) <= 2
    assert split.describe == "20 evenly spread blocks, 20% of the text"


@pytest.mark.parametrize(
    ("how", "fraction"), [("head", 0.1), ("tail", 0.0), ("tail", 0.9), ("spread", float("nan"))]
)
def test_a_split_that_makes_no_sense_is_refused(how: str, fraction: float) -> None:
    with pytest.raises(CorpusError, match="--validation"):
        split_text(TEXT, how, fraction)


@given(st.text(min_size=1))
def test_encoding_by_table_gives_each_character_its_index(text: str) -> None:
    indices = {character: i for i, character in enumerate(sorted(set(text)))}
    symbols = encode_characters(text, indices)
    assert symbols.dtype == np.int32
    assert symbols.tolist() == [indices[character] for character in text]


def test_a_character_outside_the_alphabet_is_named_with_its_place() -> None:
    with pytest.raises(CorpusError, match=r"'é' at line 2, column 8"):
        encode_characters(TEXT, {c: i for i, c in enumerate(sorted(set(TEXT) - {"é"}))})


def test_lines_and_columns_count_from_one() -> None:
    assert line_and_column("ab\ncd", 0) == (1, 1)
    assert line_and_column("ab\ncd", 4) == (2, 2)
