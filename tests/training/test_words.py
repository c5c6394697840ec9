"""Words: cut apart and joined again without loss."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simpleml.models.words import UNKNOWN, frequent_words, tokenize


@given(st.text())
def test_joined_tokens_are_the_text(text: str) -> None:
    assert "".join(tokenize(text)) == text


@given(st.text(alphabet=" \n\t.-'’_aé1中かा<>unk", max_size=60))
def test_joined_tokens_are_the_text_where_the_rules_meet(text: str) -> None:
    assert "".join(tokenize(text)) == text
    assert all(tokenize(text))


@given(st.text(alphabet="<>unk a", max_size=40))
def test_no_text_tokenises_to_the_unknown_symbol(text: str) -> None:
    assert UNKNOWN not in tokenize(text)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("It was the best.", ["It", " was", " the", " best", "."]),
        ("don't l’heure 'Yes'", ["don'", "t", " l’", "heure", " '", "Yes", "'"]),
        ("wait... --no", ["wait", "...", " --", "no"]),
        ("a\n\nb  c", ["a", "\n", "\n", "b", " ", " c"]),
        ("in 1895,", ["in", " 1", "8", "9", "5", ","]),
        ("世界。カタ", ["世", "界", "。", "カ", "タ"]),
        ("नमस्ते दुनिया", ["नमस्ते", " दुनिया"]),
        ("e\u0301tude", ["e\u0301tude"]),
        ("snake_case", ["snake", "_", "case"]),
        ("", []),
    ],
)
def test_a_token_is_a_word_with_its_space_or_a_mark(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


def test_rare_words_make_room_for_the_unknown_symbol() -> None:
    tokens = tokenize("the cat and the dog and the bird")
    assert frequent_words(tokens, 3) == sorted([" the", " and", UNKNOWN])


def test_the_unknown_symbol_is_there_even_if_no_word_is_rare() -> None:
    assert UNKNOWN in frequent_words(["a", "b"], 100)


def test_ties_are_broken_the_same_way_everywhere() -> None:
    assert frequent_words(["d", "c", "b", "a"], 3) == [UNKNOWN, "a", "b"]


def test_fewer_than_two_words_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        frequent_words(["a"], 1)
