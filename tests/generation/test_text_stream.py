"""One text as it grows: what is drawn, when it stops, what may be shown already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simpleml.errors import InvalidValueError
from simpleml.generation.sampling import with_temperature
from simpleml.generation.text_stream import GenerationOptions, TextStream
from simpleml.models.vocabulary import Vocabulary

ABC = Vocabulary("abc\n")


def stream(
    vocabulary: Vocabulary = ABC, seed: Sequence[int] = (), blank: bool = True, **options: Any
) -> TextStream:
    return TextStream(
        vocabulary,
        GenerationOptions(**options),
        seed,
        np.random.RandomState(0),
        starts_blank=blank,
    )


def certain(vocabulary: Vocabulary, symbol: str) -> np.ndarray:
    """(V,) log p that leaves no choice."""
    log_p = np.full(len(vocabulary), -np.inf)
    log_p[vocabulary.index[symbol]] = 0.0
    return log_p


def feed(text: TextStream, symbols: Sequence[str]) -> list[str]:
    """Let it draw these symbols while it goes on; what could be shown after each."""
    shown = []
    for symbol in symbols:
        if text.finish_reason:
            break
        text.accept(certain(text.vocabulary, symbol))
        shown.append(text.take())
    return shown


# --- logits processors ----------------------------------------------------------------------------


class Without:
    """A processor that leaves some symbols out, and writes down what it was told."""

    def __init__(self, *symbols: int) -> None:
        self.left_out = list(symbols)
        self.seen: list[NDArray[np.float64]] = []
        self.accepted: list[int] = []

    def process(self, log_p: NDArray[np.float64]) -> NDArray[np.float64]:
        self.seen.append(log_p)
        if not self.left_out:
            return log_p
        changed = log_p.copy()
        changed[self.left_out] = -np.inf
        return changed

    def accept(self, index: int) -> None:
        self.accepted.append(index)


def processed(*processors: Without, vocabulary: Vocabulary = ABC, **options: Any) -> TextStream:
    """A text of 200 symbols, drawn with the distribution that a batch hands in."""
    text = TextStream(
        vocabulary,
        GenerationOptions(size=200, **options),
        [],
        np.random.RandomState(0),
        processors=processors,
    )
    while not text.finish_reason:
        text.accept(LOG_P, with_temperature(LOG_P, text.options.temperature or 1.0))
    return text


@pytest.mark.parametrize("options", [{}, {"temperature": 0}, {"top_k": 2}, {"presence_penalty": 1}])
def test_what_a_processor_leaves_out_is_never_drawn(options: dict[str, Any]) -> None:
    assert "a" not in processed(Without(0), **options).take()
    assert set(processed(Without(0), Without(1, 3), **options).take()) == {"c"}


def test_processors_are_asked_in_their_order_and_told_of_every_draw() -> None:
    first, second = Without(0), Without()
    text = processed(first, second, logprobs=0)
    assert first.seen[0] is LOG_P
    assert second.seen[0][0] == -np.inf
    drawn = [ABC.symbols[index] for index in first.accepted]
    assert "".join(drawn) == text.take()
    assert second.accepted == first.accepted
    assert [one.symbol for one in text.logprobs] == drawn
    assert {one.logprob for one in text.logprobs} <= set(LOG_P)  # the network's, not theirs


@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0])
def test_one_that_changes_nothing_changes_no_draw(temperature: float) -> None:
    idle = processed(Without(), temperature=temperature).take()
    assert idle == processed(temperature=temperature).take()


def test_the_symbol_for_unknown_words_stays_banned_beside_a_processor() -> None:
    vocabulary = Vocabulary("abc\n", unknown_symbol="b")
    assert set(processed(Without(0), vocabulary=vocabulary).take()) <= {"c", "\n"}


def test_max_copy_without_its_processor_is_no_text_that_copies() -> None:
    with pytest.raises(ValueError, match="max_copy needs its logits processor"):
        stream(max_copy=30)


# --- stop strings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "symbols", "shown", "reason"),
    [
        ((), "abc", ["a", "b", "c"], None),
        (("c",), "abcab", ["a", "b", ""], "stop"),
        (("bc",), "abcab", ["a", "", ""], "stop"),
        (("bc",), "abab", ["a", "", "ba", ""], None),
        (("bb",), "abab", ["a", "", "ba", ""], None),
        (("abc",), "ababc", ["", "", "ab", "", ""], "stop"),
        (("aab",), "aaab", ["", "", "a", ""], "stop"),
        (("abab", "ba"), "abab", ["", "", "a"], "stop"),
        (("abc", "b"), "abc", ["", "a"], "stop"),
        (("cab", "ab"), "cab", ["", "", ""], "stop"),
        (("\n\n",), "a\n\n", ["a", "", ""], "stop"),
        (("z",), "abc", ["a", "b", "c"], None),
        (("aaaa",), "aaa", ["", "", ""], None),
    ],
)
def test_what_could_still_become_a_stop_string_is_held_back(
    stop: tuple[str, ...], symbols: str, shown: list[str], reason: str | None
) -> None:
    text = stream(stop=stop, size=100)
    assert feed(text, symbols) == shown
    assert text.finish_reason == reason
    assert text.generated == len(shown)


def test_what_was_held_back_comes_at_the_end_by_length() -> None:
    text = stream(stop=("abc",), size=4)
    assert feed(text, "cabx"[:3] + "a") == ["c", "", "", "aba"]
    assert text.finish_reason == "length"


def test_what_was_held_back_comes_when_the_time_is_over() -> None:
    text = stream(stop=("abc",), size=100)
    assert feed(text, "ab") == ["", ""]
    text.finish("length")
    assert text.take() == "ab"
    assert text.finish_reason == "length"


def test_an_end_is_an_end() -> None:
    text = stream(stop=("b",), size=100)
    feed(text, "ab")
    text.finish("length")
    assert (text.finish_reason, text.take()) == ("stop", "")


def test_a_stop_string_in_the_seed_does_not_count() -> None:
    text = stream(stop=("ab",), size=3, seed=[0])
    assert "".join(feed(text, "bca")) == "bca"


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet="ab", min_size=1, max_size=30),
    st.lists(st.text(alphabet="ab", min_size=1, max_size=5), min_size=1, max_size=4),
)
def test_pieces_are_the_text_before_the_first_stop_string(text: str, stops: list[str]) -> None:
    """Against the plain rule: cut where the first stop string is complete."""
    found = stream(stop=tuple(stops), size=len(text))
    pieces = feed(found, text)
    expected, reason = text, "length"
    for end in range(1, len(text) + 1):
        starts = [at for stop in stops if (at := text[:end].find(stop)) >= 0]
        if starts:
            expected, reason = text[: min(starts)], "stop"
            break
    assert "".join(pieces) == expected
    assert found.finish_reason == reason


def test_stop_strings_may_end_within_a_long_symbol() -> None:
    words = Vocabulary([" the", " sultan", "."], level="word", lossless_words=True)
    text = stream(words, stop=("the s",), size=10)
    assert feed(text, [" the", " sultan", "."]) == [" ", ""]
    assert text.finish_reason == "stop"


# --- words ----------------------------------------------------------------------------------------


def test_foreign_words_are_joined_by_one_space() -> None:
    words = Vocabulary(["le", "sultan", "dit"])
    text = stream(words, size=3, blank=False)
    assert feed(text, ["le", "sultan", "dit"]) == [" le", " sultan", " dit"]


def test_foreign_words_after_nothing_or_a_space_begin_without_one() -> None:
    words = Vocabulary(["le", "sultan", "dit"])
    text = stream(words, size=3, blank=True)
    assert feed(text, ["le", "sultan", "dit"]) == ["le", " sultan", " dit"]


def test_the_unknown_symbol_is_never_drawn() -> None:
    """Though the network is sure of it."""
    words = Vocabulary(["<unk>", " a", " b"], level="word", lossless_words=True,
                       unknown_symbol="<unk>")  # fmt: skip
    log_p = np.log([0.998, 0.0015, 0.0005])
    for options in ({"temperature": 0.0}, {"temperature": 1.0}, {"temperature": 1.0, "top_k": 1}):
        text = stream(words, size=200, **options)
        while not text.finish_reason:
            text.accept(log_p)
        assert "<unk>" not in text.take()
        assert text.generated == 200


# --- choices --------------------------------------------------------------------------------------

LOG_P = np.log([0.4, 0.3, 0.2, 0.1])


def chosen(count: int = 400, **options: Any) -> str:
    text = stream(size=count, **options)
    while not text.finish_reason:
        text.accept(LOG_P)
    return text.take()


def test_draws_follow_the_distribution() -> None:
    drawn = chosen(20_000, temperature=1.0)
    shares = [drawn.count(symbol) / 20_000 for symbol in ABC.symbols]
    np.testing.assert_allclose(shares, np.exp(LOG_P), atol=0.01)


def test_greedy_takes_the_likeliest_and_draws_nothing() -> None:
    rng = np.random.RandomState(3)
    before = rng.get_state()[2]
    text = TextStream(ABC, GenerationOptions(size=50, temperature=0), [], rng)
    while not text.finish_reason:
        text.accept(LOG_P)
    assert text.take() == "a" * 50
    assert rng.get_state()[2] == before


def test_greedy_obeys_bias_and_penalties() -> None:
    assert chosen(5, temperature=0, logit_bias=((2, 5.0),)) == "ccccc"
    assert chosen(4, temperature=0, frequency_penalty=2.0)[:3] == "abc"


def test_greedy_among_equals_takes_the_first() -> None:
    text = stream(size=1, temperature=0)
    text.accept(np.log([0.1, 0.4, 0.4, 0.1]))
    assert text.take() == "b"


@pytest.mark.parametrize(
    ("options", "letters"),
    [
        ({"top_k": 2}, {"a", "b"}),
        ({"top_p": 0.75}, {"a", "b", "c"}),
        ({"min_p": 0.6}, {"a", "b"}),
        ({"logit_bias": ((0, -100.0), (1, -100.0))}, {"c", "\n"}),
        ({}, {"a", "b", "c", "\n"}),
    ],
)
def test_options_decide_what_can_be_drawn(options: dict[str, Any], letters: set[str]) -> None:
    assert set(chosen(temperature=1.0, **options)) == letters


def test_temperature_comes_before_top_p() -> None:
    """At 0.1 the first symbol has more than 0.9 of the probability."""
    assert set(chosen(temperature=0.1, top_p=0.9)) == {"a"}
    assert set(chosen(temperature=10.0, top_p=0.9)) == {"a", "b", "c", "\n"}


def test_repetition_penalty_counts_the_seed() -> None:
    assert chosen(1, temperature=0, repetition_penalty=3.0) == "a"
    assert chosen(1, temperature=0, repetition_penalty=3.0, seed=[0]) == "b"
    assert chosen(1, temperature=0, repetition_penalty=3.0, seed=[0] + [2] * 64) == "a"


def test_presence_and_frequency_do_not_count_the_seed() -> None:
    assert chosen(1, temperature=0, presence_penalty=2.0, seed=[0]) == "a"


def test_logprobs_are_the_networks_own() -> None:
    text = stream(size=2, temperature=0.1, logprobs=2, logit_bias=((2, 100.0),))
    text.accept(LOG_P)
    (one,) = text.logprobs
    assert one.symbol == "c"
    assert one.logprob == pytest.approx(np.log(0.2))
    assert [symbol for symbol, _ in one.top] == ["a", "b"]
    assert [p for _, p in one.top] == pytest.approx([np.log(0.4), np.log(0.3)])


@pytest.mark.parametrize(
    ("options", "chances"),
    [
        ({"temperature": 1.0}, [0.4, 0.3, 0.2, 0.1]),
        ({"temperature": 0.5}, [0.16 / 0.3, 0.09 / 0.3, 0.04 / 0.3, 0.01 / 0.3]),
        ({"temperature": 1.0, "top_k": 2}, [4 / 7, 3 / 7, 0.0, 0.0]),
        ({"temperature": 0.0}, [1.0, 0.0, 0.0, 0.0]),
    ],
)  # fmt: skip
def test_with_each_logprob_stands_the_chance_that_it_was_drawn_with(
    options: dict[str, Any], chances: list[float]
) -> None:
    text = stream(size=1, logprobs=4, **options)
    text.accept(LOG_P, with_temperature(LOG_P, text.options.temperature or 1.0))
    (one,) = text.logprobs
    assert one.chances == pytest.approx(chances)
    assert one.chance == one.chances[ABC.index[one.symbol]]


def test_logprobs_of_zero_report_the_symbol_alone() -> None:
    text = stream(size=1, logprobs=0)
    text.accept(LOG_P)
    assert text.logprobs[0].top == ()


def test_a_size_of_zero_is_over_at_once() -> None:
    assert stream(size=0).finish_reason == "length"


def test_a_scored_seed_is_read_before_anything_is_drawn() -> None:
    text = stream(seed=[0, 2, 1], size=1, temperature=0.0, prompt_logprobs=1)
    assert (list(text.opening), text.unread) == ([0], 2)
    text.accept(LOG_P)
    assert (text.last_symbol, text.generated, text.take()) == (2, 0, "")
    text.accept(LOG_P)
    assert (text.last_symbol, text.unread, text.finish_reason) == (1, 0, None)
    assert [one.symbol for one in text.prompt_logprobs] == ["c", "b"]
    assert [one.logprob for one in text.prompt_logprobs] == [LOG_P[2], LOG_P[1]]
    assert [one.top for one in text.prompt_logprobs] == [(("a", LOG_P[0]),)] * 2
    text.accept(LOG_P)
    assert (text.take(), text.finish_reason) == ("a", "length")


def test_a_scored_seed_of_one_symbol_has_nothing_to_read() -> None:
    text = stream(seed=[1], size=0, prompt_logprobs=0)
    assert (list(text.opening), text.finish_reason) == ([1], "length")


# --- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("size", -1), ("size", 1.5), ("size", "10"), ("size", None), ("size", True),
        ("size", 10**30), ("temperature", -0.1), ("temperature", float("nan")),
        ("temperature", float("inf")), ("temperature", "hot"), ("temperature", None),
        ("temperature", False), ("temperature", 1e7), ("top_k", -1), ("top_k", 1.5),
        ("top_p", 0.0), ("top_p", 1.1), ("top_p", float("nan")), ("min_p", -0.1), ("min_p", 1.1),
        ("repetition_penalty", 0.0), ("repetition_penalty", -1.0), ("repetition_penalty", 101),
        ("presence_penalty", 2.1), ("frequency_penalty", -2.1), ("random_state", -1),
        ("random_state", 2**32), ("random_state", 1.5), ("random_state", "x"), ("logprobs", -1),
        ("logprobs", 21), ("prompt_logprobs", 21), ("prompt_logprobs", "a"),
        ("stop", ("a",) * 5), ("stop", ("",)), ("stop", (1,)),
        ("stop", ("a", "")),
    ],
    ids=repr,
)  # fmt: skip
def test_options_out_of_bounds_are_told_by_name(option: str, value: object) -> None:
    with pytest.raises(InvalidValueError) as caught:
        GenerationOptions(**{option: value})  # type: ignore[arg-type]
    assert caught.value.param == option
    assert caught.value.message.startswith(option)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("size", 0), ("size", np.int64(5)), ("temperature", 0), ("temperature", np.float32(0.5)),
        ("temperature", 1e-12), ("temperature", 1e6), ("top_k", 2**31), ("top_p", 1), ("min_p", 1),
        ("random_state", 2**32 - 1), ("random_state", 0), ("logprobs", 20), ("stop", ("a",) * 4),
    ],
    ids=repr,
)  # fmt: skip
def test_options_at_their_bounds_are_taken(option: str, value: object) -> None:
    options = GenerationOptions(**{option: value})  # type: ignore[arg-type]
    assert getattr(options, option) == value
