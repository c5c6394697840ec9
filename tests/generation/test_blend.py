"""Several models write one text: their distributions are mixed for every symbol."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from asking import Asked
from models import ALPHABET, WORDS, pair_weights, plain_probabilities, random_weights, write_model

from simpleml import ModelLoader
from simpleml.errors import (
    CorpusUnavailableError,
    InvalidValueError,
    ModelBrokenError,
    ModelNotFoundError,
    UnknownCharactersError,
)
from simpleml.generation.engine import Engine
from simpleml.generation.mix import checked_mix, mix_name, parse_mix
from simpleml.models.vocabulary import Vocabulary

PLAIN = " abcdefghijklmnopqrstuvwxyz.,"
RICH = " .,ABCDEFGHIJabcdefghijklmnopqrstuvwxyzéœ…"
SHAPES = {"tales": (ALPHABET, 12, 0), "plain": (PLAIN, 7, 1), "rich": (RICH, 25, 2)}
MIXES = [
    {"plain": 0.5, "rich": 0.5},
    {"plain": 0.3, "tales": 0.7},
    {"plain": 0.2, "rich": 0.3, "tales": 0.5},
]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Other alphabets, other windows, and one whose state is carried on."""
    folder = tmp_path_factory.mktemp("ML")
    for name, (alphabet, window, seed) in SHAPES.items():
        write_model(
            folder, name, alphabet=alphabet, seq_maxlen=window, seed=seed, stateful=name == "rich"
        )
    write_model(folder, "words", level="word", alphabet=WORDS, unknown_symbol="<unk>", units=16)
    other = [" the", " sea", "<rare>", "."]
    write_model(folder, "shells", level="word", alphabet=other, unknown_symbol="<rare>", units=16)
    return folder


@pytest.fixture(scope="module")
def loader(models: Path) -> ModelLoader:
    return ModelLoader(models, threads=1)


def read(name: str, text: str) -> list[int | None]:
    """What a member reads of a text."""
    return [*Vocabulary.of(SHAPES[name][0]).encode(text, "nearest").indices]


def mixed(
    mix: dict[str, float], seed: str, written: str, stateful: bool | None
) -> dict[str, float]:
    """The distribution after a text by plain NumPy, each member reading it from its beginning."""
    found: dict[str, float] = {}
    for name, weight in mix.items():
        alphabet, window, number = SHAPES[name]
        known = sorted(alphabet)
        if name == "rich" if stateful is None else stateful:
            context = (read(name, seed) or [None]) + read(name, written)
        else:
            context = ([None] * window + read(name, seed + written))[-window:]
        weights = random_weights(len(known), seed=number)
        for symbol, p in zip(known, plain_probabilities(weights, context), strict=True):
            found[symbol] = found.get(symbol, 0.0) + weight * float(p)
    return found


@pytest.mark.parametrize("mix", MIXES, ids=mix_name)
@pytest.mark.parametrize("stateful", [None, False, True])
@pytest.mark.parametrize("seed", ["", "Le cœur de 7 Hommes… ", "a"])
def test_text_is_that_of_plain_numpy(
    loader: ModelLoader, mix: dict[str, float], stateful: bool | None, seed: str
) -> None:
    blend = loader.load(mix)
    text = blend.generate(40, 0.9, seed, random_state=3, stateful=stateful, on_unknown="nearest")
    rng = np.random.RandomState(3)
    written = ""
    for _ in range(40):
        p = mixed(mix, seed, written, stateful)
        a = np.log(np.array([p[symbol] for symbol in blend.vocabulary.symbols])) / 0.9
        a = np.exp(a - a.max())
        written += blend.vocabulary.symbols[int(rng.multinomial(1, a / a.sum()).argmax())]
    assert text == seed + written


def test_probabilities_are_the_weighted_sums_over_all_symbols(loader: ModelLoader) -> None:
    blend = loader.load({"plain": 1, "tales": 3})
    assert set(blend.vocabulary.symbols) == set(PLAIN) | set(ALPHABET)
    found = blend.next_probabilities("le sultan")
    expected = mixed({"plain": 0.25, "tales": 0.75}, "le sultan", "", None)
    assert found == pytest.approx([expected[one] for one in blend.vocabulary.symbols], abs=1e-5)
    assert found.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "mix", [{"tales": 1}, {"tales": 2, "rich": 0}, "tales:1+plain:0", "tales:5"]
)
def test_one_models_weight_is_that_model(loader: ModelLoader, mix: dict[str, float] | str) -> None:
    assert loader.load(mix) is loader.load("tales")


def test_order_and_scale_of_the_weights_do_not_matter(loader: ModelLoader) -> None:
    texts = {
        loader.load(mix).generate(80, 1.0, "le sultan", random_state=5)
        for mix in (
            {"rich": 0.3, "tales": 0.7}, {"tales": 7, "rich": 3}, "tales:0.7+rich:0.3",
            "rich:30,tales:70",
        )
    }  # fmt: skip
    assert len(texts) == 1
    assert loader.load({"tales": 7, "rich": 3}).name == "rich:0.3+tales:0.7"


def test_other_weights_are_another_text(loader: ModelLoader) -> None:
    texts = [
        loader.load({"rich": part, "tales": 1 - part}).generate(80, 1.0, "le", random_state=5)
        for part in (0, 0.2, 0.5, 0.8, 1)
    ]
    assert len(set(texts)) == 5


def test_texts_of_other_weights_share_a_batch_and_stay_themselves(loader: ModelLoader) -> None:
    engine = Engine(max_rows=32)
    blends = [loader.load({"plain": one, "rich": 10 - one, "tales": 2}) for one in range(1, 10)]
    assert len({one.model for one in blends}) == 1
    seeds = ["", "œ", "He cœur…", "a" * 40, "le sultan "]
    jobs = [(one, seed) for one in blends for seed in seeds]
    asked = [
        Asked(engine, one, seed, size=30, random_state=9, temperature=1.0) for one, seed in jobs
    ]
    for (one, seed), each in zip(jobs, asked, strict=True):
        assert seed + each.text() == one.generate(30, 1.0, seed, random_state=9)


def test_a_symbol_that_is_several_or_none_for_a_member_is_read_so(loader: ModelLoader) -> None:
    """The window of `plain` moves by two for œ, and not at all for a digit."""
    blend = loader.load({"plain": 0.5, "rich": 0.25, "tales": 0.25})
    forced = blend.vocabulary.index
    batch = blend.new_batch(blend.windows())
    slot = blend.join(batch, blend.vocabulary.encode("le c").indices)
    text = ""
    while slot.reading:
        batch.step([0])
    for symbol in "œur 7 œœ0…1":
        probabilities = batch.step([forced[symbol]])
        while not slot.ready:
            probabilities = batch.step([forced["a"]])  # not looked at
        text += symbol
        expected = mixed({"plain": 0.5, "rich": 0.25, "tales": 0.25}, "le c", text, None)
        assert probabilities[0] == pytest.approx(
            [expected[one] for one in blend.vocabulary.symbols], abs=1e-5
        ), text


@pytest.mark.parametrize("stateful", [None, False, True])
def test_score_is_what_the_mixed_distributions_give(
    loader: ModelLoader, stateful: bool | None
) -> None:
    """Each symbol's nats, those of symbols that a member reads as two, or not at all, too."""
    blend = loader.load(MIXES[-1])
    text = "le cœur 7 fois… é"
    found = blend.score(text, stateful=stateful)
    assert found.surprise[0] == ("l", None)
    for at, (symbol, nats) in enumerate(found.surprise[1:], 1):
        p = blend.next_probabilities(text[:at], stateful)[blend.vocabulary.index[symbol]]
        assert nats == pytest.approx(-np.log(p), abs=1e-3)


def test_seed_that_no_member_knows_is_refused_or_read_as_asked(loader: ModelLoader) -> None:
    blend = loader.load({"plain": 0.5, "rich": 0.5})
    with pytest.raises(UnknownCharactersError, match="The model does not know '☃'"):
        blend.generate(5, seq_seed="☃")
    assert blend.generate(5, 1.0, "☃", random_state=1, on_unknown="skip").startswith("☃")
    assert blend.generate(5, 1.0, "Éé", random_state=1, on_unknown="nearest").startswith("Éé")


def test_words_blend_and_their_unknown_symbols_are_never_written(loader: ModelLoader) -> None:
    blend = loader.load({"words": 0.5, "shells": 0.5})
    assert {" sultan", " sea"} <= set(blend.vocabulary.symbols)
    text = blend.generate(200, 1.5, " the sultan", random_state=1)
    assert "<" not in text
    assert " sea" in text
    assert " said" in text


WRONG = {
    "characters and words": ({"tales": 0.5, "words": 0.5}, "tales writes characters and words"),
    "no weight": ({"tales": float("nan"), "rich": 1}, "weight of 'tales' is nan"),
    "infinite": ({"tales": float("inf"), "rich": 1}, "weight of 'tales' is inf"),
    "negative": ({"tales": -0.5, "rich": 1.5}, "weight of 'tales' is -0.5; it must be a number"),
    "sum 0": ({"tales": 0, "rich": 0.0}, "weights sum to 0"),
    "nobody": ({}, "names 0 models; 1 to 4"),
    "too many": (dict.fromkeys("abcde", 1.0), "names 5 models; 1 to 4"),
    "twice": ("tales:1+tales:2", "'tales' is named twice"),
    "no number": ("tales:much+rich:1", "weight of 'tales' is 'much'"),
    "no name": ("tales:1+", "a model's name is missing"),
    "true": ({"tales": True, "rich": 1}, "weight of 'tales' is True"),
}


@pytest.mark.parametrize(("mix", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_mix_that_is_none_is_refused(
    loader: ModelLoader, mix: dict[str, float] | str, message: str
) -> None:
    with pytest.raises(InvalidValueError, match=message):
        loader.load(mix)


def test_a_mix_is_read_again_from_its_name() -> None:
    for mix in ({"a": 0.1, "b": 0.2, "c": 0.7}, {"b": 1, "a": 2}, {"x": 1e-7, "y": 1e6}):
        checked = checked_mix(mix.items())
        assert parse_mix(mix_name(checked)) == checked


def test_a_missing_or_broken_member_fails_and_the_others_do_not(tmp_path: Path) -> None:
    for seed, name in enumerate(("a", "b", "broken")):
        write_model(tmp_path, name, seed=seed)
    (tmp_path / "broken" / "broken.tfl.index").write_bytes(b"no")
    loader = ModelLoader(tmp_path)
    with pytest.raises(ModelNotFoundError, match=r"no model 'nobody'\. Available: a, b, broken"):
        loader.load({"a": 1, "nobody": 1})
    with pytest.raises(ModelNotFoundError, match=r"no model 'a\+b'"):
        loader.load({"a": 1, "a+b": 1})
    with pytest.raises(ModelBrokenError, match="broken"):
        loader.load({"a": 1, "broken": 0})
    assert len(loader.load({"a": 1, "b": 1}).generate(9, random_state=1)) == 9


def test_a_replaced_member_is_the_new_one_in_the_next_blend(tmp_path: Path) -> None:
    for seed, name in enumerate("ab"):
        write_model(tmp_path, name, seed=seed)
    loader = ModelLoader(tmp_path)
    mix = {"a": 1, "b": 1}
    old = loader.load(mix)
    assert loader.load({"a": 2, "b": 1}).model is old.model
    assert loader.kept("a:1+b:1") is not None
    before = old.generate(60, 1.0, random_state=1)
    write_model(tmp_path, "a", seed=50)
    assert loader.kept("a:1+b:1") is None
    new = loader.load(mix)
    assert new.model is not old.model
    assert new.card.weights_sha256 != old.card.weights_sha256
    assert new.generate(60, 1.0, random_state=1) != before
    assert old.generate(60, 1.0, random_state=1) == before


def test_networks_are_the_members_own_and_few_ensembles_are_kept(tmp_path: Path) -> None:
    for seed, name in enumerate("abc"):
        write_model(tmp_path, name, seed=seed)
    loader = ModelLoader(tmp_path, most_loaded=2)
    blend = loader.load("a+b")
    assert [one.network for one in blend.members] == [loader.load(one).network for one in "ab"]
    assert loader.load("a+b").model is blend.model
    loader.load("c")
    assert loader.kept("b+c") is None  # its ensemble is not made yet
    assert loader.load("a+b").model is not blend.model  # went with the member that went


def pair_model(folder: Path, name: str, text: str) -> None:
    """A model that has learnt a text by heart, which lies beside it."""
    weights = pair_weights(text)
    write_model(folder, name, alphabet=sorted(set(text)), weights=weights, stateful=True)
    (folder / f"{name}.txt").write_text(text, encoding="utf-8")


def longest_run(text: str, corpora: tuple[str, ...]) -> int:
    return max(
        end - start
        for corpus in corpora
        for start in range(len(text))
        for end in range(start + 1, len(text) + 1)
        if text[start:end] in corpus
    )


def test_max_copy_holds_for_the_corpus_of_each_member(tmp_path: Path) -> None:
    corpora = ("abcdefghij" * 12, "jihgfedcba" * 12)
    for name, corpus in zip("ab", corpora, strict=True):
        pair_model(tmp_path, name, corpus)
    loader = ModelLoader(tmp_path)
    for weight in (0.6, 0.4):
        blend = loader.load({"a": weight, "b": 1 - weight})
        assert longest_run(blend.generate(150, 0.0, "a"), corpora) > 20
        guarded = blend.generate(150, 0.0, "a", max_copy=20)
        assert longest_run(guarded, corpora) <= 20
    (tmp_path / "b.txt").unlink()
    with pytest.raises(CorpusUnavailableError, match="b"):
        loader.load({"a": 0.5, "b": 0.5}).generate(9, max_copy=20)


def test_copied_passages_name_the_member_whose_corpus_they_are_from(tmp_path: Path) -> None:
    whole = "".join(random.Random(1).choices("abcdefghij ", k=4000))
    first, second = whole[:2000], whole[1980:]
    pair_model(tmp_path, "a", first)
    pair_model(tmp_path, "b", second)
    loader = ModelLoader(tmp_path)
    index = loader.corpus_index(loader.load("a+b"))
    text = first[100:160] + "#" + second[500:530] + "#" + whole[1950:2050]
    found = index.examine(text)
    assert [(one.model, one.start, one.length) for one in found.passages] == [
        ("a", 0, 60), ("b", 61, 30), ("a", 92, 50), ("b", 122, 70),
    ]  # fmt: skip
    assert found.copied == 190
    assert found.longest is not None
    assert found.longest.model == "b"
