"""SequenceGenerator: TFLearn's call, its options, and what it writes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import ALPHABET, plain_probabilities, random_weights, write_model

from simpleml import ModelLoader, SequenceGenerator
from simpleml.errors import InvalidValueError, UnknownCharactersError
from simpleml.models.vocabulary import Vocabulary
from simpleml.models.weights import NetworkWeights


@pytest.fixture(scope="module")
def loader(models_dir: Path) -> ModelLoader:
    return ModelLoader(models_dir, threads=1)


@pytest.fixture(scope="module")
def tales(loader: ModelLoader) -> SequenceGenerator:
    """Windows of 12."""
    return loader.load("tales")


@pytest.fixture(scope="module")
def flow(loader: ModelLoader) -> SequenceGenerator:
    """Stateful."""
    return loader.load("flow")


SEEDS = ["", "a", "le sultan", "le sultan dit à son vizir qu'il"]


def naive(
    weights: NetworkWeights, vocabulary: Vocabulary, seed: str, size: int, temperature: float,
    random_state: int, window: int | None,
) -> str:  # fmt: skip
    """The text by plain NumPy: every distribution computed anew from its whole context."""
    rng = np.random.RandomState(random_state)
    symbols = [vocabulary.index[symbol] for symbol in seed]
    for _ in range(size):
        context: list[int | None] = list(symbols) if seed else [None, *symbols]
        if window is not None:
            context = ([None] * window + list(symbols))[-window:]
        a = np.log(plain_probabilities(weights, context)) / temperature
        a = np.exp(a - a.max())
        symbols.append(int(rng.multinomial(1, a / a.sum()).argmax()))
    return "".join(vocabulary.symbols[index] for index in symbols)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("stateful", [False, True])
def test_text_is_that_of_plain_numpy(tales: SequenceGenerator, seed: str, stateful: bool) -> None:
    weights = random_weights(len(ALPHABET))
    window = None if stateful else 12
    expected = naive(weights, tales.vocabulary, seed, 40, 0.8, 7, window)
    assert tales.generate(40, 0.8, seed, random_state=7, stateful=stateful) == expected


def test_the_cards_mode_is_taken_unless_one_is_asked_for(
    tales: SequenceGenerator, flow: SequenceGenerator
) -> None:
    assert (tales.window(), tales.window(True), tales.window(False)) == (12, None, 12)
    assert (flow.window(), flow.window(True), flow.window(False)) == (None, None, 12)
    seed = "le sultan dit à son vizir"

    def text(generator: SequenceGenerator, stateful: bool | None) -> str:
        return generator.generate(60, 1.0, seed, random_state=1, stateful=stateful)

    assert text(tales, None) == text(tales, False) != text(tales, True)
    assert text(flow, None) == text(flow, True) != text(flow, False)


def test_only_the_last_window_counts(tales: SequenceGenerator) -> None:
    long = tales.generate(30, 0.5, "quelque chose avant le sultan di", random_state=1)
    short = tales.generate(30, 0.5, "le sultan di", random_state=1)
    assert long[-30:] == short[-30:]


def test_carried_state_remembers_more_than_a_window(flow: SequenceGenerator) -> None:
    one = flow.next_probabilities("a" + "le sultan dit")
    other = flow.next_probabilities("b" + "le sultan dit")
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(
        flow.next_probabilities("a" + "le sultan dit", stateful=False),
        flow.next_probabilities("b" + "le sultan dit", stateful=False),
    )


def test_next_probabilities_are_a_distribution_in_alphabet_order(
    tales: SequenceGenerator,
) -> None:
    found = tales.next_probabilities("le sultan di")
    assert found.shape == (len(ALPHABET),)
    assert found.dtype == np.float32
    expected = plain_probabilities(
        random_weights(len(ALPHABET)), [tales.vocabulary.index[one] for one in "le sultan di"]
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)
    before = found.copy()
    tales.generate(5, random_state=1)
    tales.next_probabilities("another seed")
    np.testing.assert_array_equal(found, before)


# --- the answer -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 7, 200])
def test_answer_is_the_seed_and_exactly_size_characters(
    tales: SequenceGenerator, size: int
) -> None:
    text = tales.generate(size, seq_seed="le sultan", random_state=1)
    assert text.startswith("le sultan")
    assert len(text) == len("le sultan") + size
    assert set(text) <= set(ALPHABET)


def test_the_call_is_tflearns(tales: SequenceGenerator, capsys: pytest.CaptureFixture[str]) -> None:
    """generate(seq_length, temperature, seq_seed, display), all by place."""
    np.random.seed(4)
    text = tales.generate(20, 0.5, "le sultan", True)
    np.random.seed(4)
    assert tales.generate(20, temperature=0.5, seq_seed="le sultan") == text
    assert capsys.readouterr().out == text + "\n"


def test_a_list_gives_a_list(tales: SequenceGenerator) -> None:
    listed = tales.generate(15, 0.5, list("le sultan"), random_state=1)
    assert listed == list(tales.generate(15, 0.5, "le sultan", random_state=1))


@pytest.mark.parametrize(
    "options",
    [{}, {"stop": ["e", "sultan"]}, {"temperature": 0}, {"top_k": 3}, {"stateful": True}],
    ids=repr,
)
def test_stream_gives_what_generate_gives(
    tales: SequenceGenerator, options: dict[str, Any]
) -> None:
    whole = tales.generate(80, seq_seed="le sul", random_state=2, **options)
    pieces = list(tales.stream(80, seq_seed="le sul", random_state=2, **options))
    assert "le sul" + "".join(pieces) == whole
    assert all(pieces)
    assert len(pieces) > 1 or "stop" in options


def test_stream_gives_each_character_when_it_is_drawn(tales: SequenceGenerator) -> None:
    endless = tales.stream(10**9, 1.0, random_state=1)
    first = "".join(itertools.islice(endless, 25))
    assert first == tales.generate(25, 1.0, random_state=1)


def test_stream_raises_before_its_first_piece(tales: SequenceGenerator) -> None:
    with pytest.raises(UnknownCharactersError):
        tales.stream(5, seq_seed="œ")
    with pytest.raises(InvalidValueError):
        tales.stream(-5)


def test_streams_of_one_model_do_not_disturb_each_other(tales: SequenceGenerator) -> None:
    one = tales.stream(30, random_state=1)
    other = tales.stream(30, random_state=2)
    mixed = [piece for pair in zip(one, other, strict=True) for piece in pair]
    assert "".join(mixed[::2]) == tales.generate(30, random_state=1)
    assert "".join(mixed[1::2]) == tales.generate(30, random_state=2)


# --- randomness -----------------------------------------------------------------------------------


def test_same_random_state_same_text(tales: SequenceGenerator) -> None:
    texts = [tales.generate(50, 1.0, random_state=state) for state in (5, 5, 6)]
    assert texts[0] == texts[1] != texts[2]


def test_a_random_state_object_is_drawn_from(tales: SequenceGenerator) -> None:
    rng = np.random.RandomState(5)
    first, second = (tales.generate(50, 1.0, random_state=rng) for _ in range(2))
    assert first == tales.generate(50, 1.0, random_state=5)
    assert second != first


def test_numpys_global_generator_is_drawn_from_where_none_is_given(
    tales: SequenceGenerator,
) -> None:
    np.random.seed(5)
    assert tales.generate(50, 1.0) == tales.generate(50, 1.0, random_state=5)


def test_a_given_state_leaves_the_global_one_alone(tales: SequenceGenerator) -> None:
    np.random.seed(5)
    tales.generate(50, 1.0, random_state=3)
    after = np.random.random_sample()
    np.random.seed(5)
    assert np.random.random_sample() == after


def test_numpy_integers_are_random_states(tales: SequenceGenerator) -> None:
    state: Any = np.int64(5)
    assert tales.generate(20, 1.0, random_state=state) == tales.generate(20, 1.0, random_state=5)


@pytest.mark.parametrize("state", [-1, 2**32, 1.5, "x", True])
def test_a_random_state_that_cannot_be_is_told(tales: SequenceGenerator, state: Any) -> None:
    with pytest.raises(InvalidValueError, match="random_state is"):
        tales.generate(5, random_state=state)


# --- options --------------------------------------------------------------------------------------


def test_temperature_zero_always_takes_the_likeliest(tales: SequenceGenerator) -> None:
    text = tales.generate(40, 0, "le sultan")
    assert text == tales.generate(40, 0.0, "le sultan", random_state=9)
    for at in range(len("le sultan"), len(text)):
        likeliest = tales.next_probabilities(text[:at]).argmax()
        assert tales.vocabulary.symbols[likeliest] == text[at]


@pytest.mark.parametrize("temperature", [1e-12, 1e-300])
def test_a_tiny_temperature_is_as_good_as_zero(
    tales: SequenceGenerator, temperature: float
) -> None:
    assert tales.generate(40, temperature, "le", random_state=1) == tales.generate(40, 0, "le")


def test_a_huge_temperature_uses_the_whole_alphabet(tales: SequenceGenerator) -> None:
    assert set(tales.generate(2000, 1e6, random_state=1)) == set(ALPHABET)


def test_top_k_of_one_is_greedy(tales: SequenceGenerator) -> None:
    assert tales.generate(40, 1.0, "le", random_state=1, top_k=1) == tales.generate(40, 0, "le")


@pytest.mark.parametrize("option", ["top_p", "min_p"])
def test_truncation_to_the_likeliest_is_greedy(tales: SequenceGenerator, option: str) -> None:
    value = {"top_p": 1e-9, "min_p": 1.0}[option]
    text = tales.generate(40, 1.0, "le", random_state=1, **{option: value})
    assert text == tales.generate(40, 0, "le")


def test_a_forced_character_comes_every_time(tales: SequenceGenerator) -> None:
    bias = ((tales.vocabulary.index["z"], 100.0),)
    assert tales.generate(10, 1.0, random_state=1, logit_bias=bias) == "z" * 10


def test_repetition_penalty_makes_fewer_repetitions(tales: SequenceGenerator) -> None:
    plain = tales.generate(200, 0.3, random_state=1)
    penalised = tales.generate(200, 0.3, random_state=1, repetition_penalty=3.0)
    assert len(set(penalised)) > len(set(plain))


def test_text_ends_before_a_stop_string(tales: SequenceGenerator) -> None:
    whole = tales.generate(100, 1.0, "le ", random_state=3)
    stop = whole[40:43]
    assert (
        tales.generate(100, 1.0, "le ", random_state=3, stop=stop)
        == (whole[: whole.index(stop, 3)])
    )
    stopped = tales.generate(100, 1.0, "le ", random_state=3, stop=["no such string", stop])
    assert stopped == whole[: whole.index(stop, 3)]


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"seq_length": -1}, "size"), ({"seq_length": 1.5}, "size"), ({"seq_length": "9"}, "size"),
        ({"temperature": -1}, "temperature"), ({"temperature": float("nan")}, "temperature"),
        ({"stop": ["a"] * 5}, "stop"), ({"top_p": 0}, "top_p"), ({"warmth": 1}, "warmth"),
    ],
    ids=repr,
)  # fmt: skip
def test_options_that_cannot_be_are_told(
    tales: SequenceGenerator, options: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidValueError) as caught:
        tales.generate(**{"seq_length": 5, **options})
    assert caught.value.param == param


def test_a_precision_that_cannot_be_is_told(models_dir: Path) -> None:
    with pytest.raises(InvalidValueError, match="it can be float32 or int8"):
        ModelLoader(models_dir, "float16").load("tales")  # type: ignore[arg-type]


# --- seeds ----------------------------------------------------------------------------------------


def test_an_unknown_character_is_told(tales: SequenceGenerator) -> None:
    with pytest.raises(UnknownCharactersError, match=r"'L' .* at position 0 \(nearest: 'l'\)"):
        tales.generate(5, seq_seed="Le sultan")


def test_answer_begins_with_the_seed_as_given_whatever_the_network_read(
    tales: SequenceGenerator,
) -> None:
    near = tales.generate(20, 0.5, "L’été…", random_state=1, on_unknown="nearest")
    plain = tales.generate(20, 0.5, "l'été...", random_state=1)
    assert near == "L’été…" + plain.removeprefix("l'été...")
    left_out = tales.generate(20, 0.5, "Œle", random_state=1, on_unknown="skip")
    assert left_out == "Œ" + tales.generate(20, 0.5, "le", random_state=1)


def test_a_seed_of_unknown_characters_is_as_an_empty_one(tales: SequenceGenerator) -> None:
    text = tales.generate(20, 0.5, "漢字", random_state=1, on_unknown="skip")
    assert text == "漢字" + tales.generate(20, 0.5, "", random_state=1)


# --- words ----------------------------------------------------------------------------------------


def test_words_of_ours_carry_their_own_spaces(loader: ModelLoader) -> None:
    text = loader.load("words").generate(30, 1.0, "the sultan", random_state=1)
    assert text.startswith("the sultan")
    vocabulary = loader.load("words").vocabulary
    words = vocabulary.split(text)
    assert vocabulary.join(words) == text
    assert "<unk>" not in text


def test_foreign_words_come_as_lists_and_as_text(tmp_path: Path) -> None:
    words = ["le", "sultan", "dit", "à", "son", "vizir"]
    write_model(tmp_path, "mots", alphabet=words, card=False, seq_maxlen=3)
    generator = ModelLoader(tmp_path).load("mots")
    assert generator.card.level == "word"
    listed = generator.generate(12, 1.0, ["le", "sultan"], random_state=1)
    assert len(listed) == 14
    assert set(listed) <= set(words)
    assert generator.generate(12, 1.0, "le sultan", random_state=1) == " ".join(listed)
    assert generator.generate(12, 1.0, "le  sultan\n", random_state=1) == (
        "le  sultan\n" + " ".join(listed[2:])
    )
    alone = generator.generate(3, 1.0, random_state=1)
    assert alone == " ".join(generator.generate(3, 1.0, [], random_state=1))


def test_a_generator_says_what_it_is(tales: SequenceGenerator) -> None:
    assert repr(tales) == "<SequenceGenerator tales: 2x32, float32>"
