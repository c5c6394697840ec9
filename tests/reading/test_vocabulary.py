"""char_idx*.pickle: every protocol reads, nothing in it runs, and what is no vocabulary is told."""

from __future__ import annotations

import collections
import os
import pickle
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpleml.errors import VocabularyError
from simpleml.models.vocabulary import OnUnknown, Vocabulary

ROOT = Path(__file__).resolve().parents[2]
CHARACTERS = {"\n": 0, " ": 1, "a": 2, "é": 3, "œ": 4, "’": 5, "漢": 6, "🙂": 7}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "char_idx_x.pickle"


@pytest.fixture
def refused(path: Path) -> Callable[[bytes], str]:
    """Write a file, read it, and return what the error says after the file's name."""

    def read(content: bytes) -> str:
        path.write_bytes(content)
        with pytest.raises(VocabularyError) as caught:
            Vocabulary.read(path)
        assert caught.value.message.startswith("char_idx_x.pickle: ")
        assert "\n" not in caught.value.message
        return caught.value.message.removeprefix("char_idx_x.pickle: ")

    return read


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol_reads(path: Path, protocol: int) -> None:
    path.write_bytes(pickle.dumps(CHARACTERS, protocol))
    vocabulary = Vocabulary.read(path)
    assert vocabulary.index == CHARACTERS
    assert vocabulary.symbols == tuple(CHARACTERS)
    assert (vocabulary.level, vocabulary.separator) == ("char", "")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@given(st.sets(st.text(min_size=1, max_size=3), min_size=1, max_size=50))
@settings(max_examples=20, deadline=None)
def test_every_dictionary_of_texts_reads(protocol: int, symbols: set[str]) -> None:
    index = {symbol: number for number, symbol in enumerate(symbols)}
    path = Path(f"/proc/self/fd/{os.memfd_create('char_idx')}")
    try:
        path.write_bytes(pickle.dumps(index, protocol))
        assert Vocabulary.read(path).index == index
    finally:
        os.close(int(path.name))


def test_what_we_write_any_python_reads(path: Path) -> None:
    Vocabulary.of("hello").write(path)
    assert pickle.loads(path.read_bytes()) == {"e": 0, "h": 1, "l": 2, "o": 3}
    assert Vocabulary.read(path).symbols == ("e", "h", "l", "o")


# As Python 2.7 wrote {'a': 0, '\xc3\xa9': 1} (UTF-8) and {'a': 0, '\xe9': 1} (Latin-1).
PYTHON_2 = [
    (b"(dp0\nS'a'\np1\nI0\nsS'\\xc3\\xa9'\np2\nI1\ns.", "é"),
    (b"\x80\x02}q\x00(U\x01aq\x01K\x00U\x02\xc3\xa9q\x02K\x01u.", "é"),
    (b"(dp0\nS'a'\np1\nI0\nsS'\\xe9'\np2\nI1\ns.", "é"),
    (b"\x80\x02}q\x00(U\x01aq\x01K\x00U\x01\xe9q\x02K\x01u.", "é"),
    (b"(dp0\nVa\np1\nI0\nsV\xe9\np2\nL1L\ns.", "é"),  # unicode keys, a long
]


@pytest.mark.parametrize(("content", "second"), PYTHON_2)
def test_python_2s_byte_strings_are_utf8_or_else_latin1(
    path: Path, content: bytes, second: str
) -> None:
    path.write_bytes(content)
    assert Vocabulary.read(path).symbols == ("a", second)


class RunsCode:
    """Pickles as a call of os.system."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("place", ["whole", "key", "value", "beside"])
def test_a_pickle_that_calls_os_system_is_refused_and_nothing_runs(
    tmp_path: Path, refused: Callable[[bytes], str], protocol: int, place: str
) -> None:
    trace = tmp_path / "it ran"
    call = RunsCode(f"touch '{trace}'")
    content: dict[str, Any] = {
        "whole": call,
        "key": {"a": 0, call: 1},
        "value": {"a": 0, "b": call},
        "beside": [{"a": 0}, call],
    }
    message = refused(pickle.dumps(content[place], protocol))
    assert message == "it asks for posix.system; only a plain dictionary is read"
    assert not trace.exists()


def test_that_pickle_does_run_where_it_is_trusted(tmp_path: Path) -> None:
    """So the test above would see it."""
    trace = tmp_path / "it ran"
    pickle.loads(pickle.dumps(RunsCode(f"touch '{trace}'")))
    assert trace.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (["a", "b"], "it holds a list, not a dictionary"),
        (("a",), "it holds a tuple, not a dictionary"),
        ("abc", "it holds a str, not a dictionary"),
        (None, "it holds a NoneType, not a dictionary"),
        ({}, "the vocabulary is empty"),
        ({"a": 0, "b": 2}, "the index of 'b' is 2; 2 symbols need 0 to 1"),
        ({"a": 1, "b": 2}, "the index of 'b' is 2; 2 symbols need 0 to 1"),
        ({"a": 0, "b": 0}, "'a' and 'b' share the index 0"),
        ({"a": -1, "b": 0}, "the index of 'a' is -1; 2 symbols need 0 to 1"),
        ({"a": 0.0}, "the index of 'a' is a float, not an integer"),
        ({"a": True}, "the index of 'a' is a bool, not an integer"),
        ({"a": "0"}, "the index of 'a' is a str, not an integer"),
        ({0: "a"}, "a key is a int, not a string"),
        ({None: 0}, "a key is a NoneType, not a string"),
        ({"": 0, "a": 1}, "a vocabulary needs different, non-empty symbols"),
        ({b"a": 0, "a": 1}, "a vocabulary needs different, non-empty symbols"),
        ({"a": 10**30}, f"the index of 'a' is {10**30}; 1 symbols need 0 to 0"),
        (collections.OrderedDict(a=0), "it asks for collections.OrderedDict"),
        (collections.Counter("a"), "it asks for collections.Counter"),
    ],
    ids=repr,
)
def test_what_is_no_vocabulary_is_told(
    refused: Callable[[bytes], str], content: object, reason: str
) -> None:
    assert refused(pickle.dumps(content)).startswith(reason)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"hello",
        b"\x80\x63}.",
        b"<html></html>",
        b"\x1f\x8b\x08\x00",
        b"version https://git-lfs.github.com/spec/v1\n",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"\x80\x05\x96\x00\x00\x00\x00\x00\x01\x00\x00.",
        b"\x80\x05\x97.",
        b"}" + b"0" * 10 + b".",
        b"I" + b"9" * 10000 + b"\n.",
        b"(" * 100_000,
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffa.",
    ],
    ids=lambda content: repr(content[:20]),
)
def test_files_that_are_no_pickle_are_told(refused: Callable[[bytes], str], content: bytes) -> None:
    assert refused(content) == "it is not a pickle that can be read"


def test_a_pickle_cut_short_anywhere_is_told(refused: Callable[[bytes], str]) -> None:
    whole = pickle.dumps(CHARACTERS, 2)
    for length in range(len(whole)):
        refused(whole[:length])


def test_objects_outside_the_file_are_refused(refused: Callable[[bytes], str]) -> None:
    assert refused(b"Psomewhere\n.") == "it refers to objects outside the file"


def test_a_file_too_large_for_a_vocabulary_is_not_read(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 << 20)
    with pytest.raises(VocabularyError, match="104857600 bytes are too many for a vocabulary"):
        Vocabulary.read(path)


@pytest.mark.parametrize(
    "bomb",
    [b"\x80\x02}r\xff\xff\xff\x0f.", b"\x80\x05\x96" + (1 << 31).to_bytes(8, "little") + b"."],
    ids=["memo", "bytearray"],
)
def test_a_few_bytes_cannot_ask_for_much_memory(path: Path, bomb: bytes) -> None:
    path.write_bytes(bomb)
    code = (
        "import resource, sys\n"
        "from simpleml.errors import VocabularyError\n"
        "from simpleml.models.vocabulary import Vocabulary\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: Vocabulary.read(sys.argv[1])\n"
        "except VocabularyError: pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    limit = 8 << 30
    said = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert int(said.stdout) < 20_000  # kB


@pytest.mark.parametrize("name", ["missing", "folder"])
def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(VocabularyError, match=rf"^{name} cannot be read: "):
        Vocabulary.read(tmp_path / name)


def test_words_are_told_by_the_length_of_the_keys(path: Path) -> None:
    path.write_bytes(pickle.dumps({"le": 0, "sultan": 1, "a": 2}))
    vocabulary = Vocabulary.read(path)
    assert (vocabulary.level, vocabulary.separator) == ("word", " ")


@pytest.mark.parametrize("on_unknown", ["nearest", "skip"])
@pytest.mark.parametrize(
    "vocabulary",
    [
        Vocabulary(CHARACTERS),
        Vocabulary("abcé \n'-", lower=True),
        Vocabulary(["<unk>", " the", "the", " ", "."], unknown_symbol="<unk>", lossless_words=True),
        Vocabulary(["le", "sultan", "a"]),
    ],
    ids=["characters", "lower", "words", "old words"],
)
@given(text=st.text(st.sampled_from("aAéÉœ’'—☃\u0301\r\n \tthe.🙂İ")))
def test_pieces_are_the_text_and_account_for_every_index(
    vocabulary: Vocabulary, on_unknown: OnUnknown, text: str
) -> None:
    read = vocabulary.encode(text, on_unknown)
    pieces = vocabulary.pieces(text, read.changes)
    assert "".join(piece for piece, _ in pieces) == text
    assert sum(became for _, became in pieces) == len(read.indices)


def test_a_piece_is_what_its_indices_were_read_for() -> None:
    vocabulary = Vocabulary("aeo")
    read = vocabulary.encode("aœ☃é", "nearest")
    assert vocabulary.pieces("aœ☃é", read.changes) == [("a", 1), ("œ", 2), ("☃", 0), ("é", 1)]
