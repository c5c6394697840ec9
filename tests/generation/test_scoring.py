"""How well a model predicts a text: against the network itself, written down once more."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from models import ALPHABET, WORDS, plain_probabilities, random_weights, write_model

from simpleml import ModelLoader
from simpleml.errors import InvalidValueError, UnknownCharactersError
from simpleml.generation import scoring
from simpleml.generation.network import Precision

TEXT = "il y avait autrefois un roi de perse, et ce roi\navait trois fils. "


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ML")
    write_model(folder, "tales", seq_maxlen=12, seed=1)
    write_model(folder, "wide", seq_maxlen=150, seed=1)
    write_model(folder, "flow", stateful=True, seed=1)
    write_model(
        folder, "words", alphabet=WORDS, level="word", unknown_symbol="<unk>", stateful=True
    )
    return folder


@pytest.mark.parametrize("name", ["tales", "flow"])
def test_each_symbol_is_scored_by_what_stands_before_it(models: Path, name: str) -> None:
    model = ModelLoader(models).load(name)
    index = model.vocabulary.index
    weights = random_weights(len(model.vocabulary), seed=1)
    found = model.score(TEXT)
    assert "".join(symbol for symbol, _ in found.surprise) == TEXT
    assert found.surprise[0] == (TEXT[0], None)
    for at in (1, 5, 12, 40):
        before: list[int | None] = [index[one] for one in TEXT[:at]]
        if name == "tales":  # nothing but the window of 12
            before = ([None] * 12 + before)[-12:]
        expected = -math.log(plain_probabilities(weights, before)[index[TEXT[at]]])
        assert found.surprise[at][1] == pytest.approx(expected, abs=1e-4)
    nats = [nats for _, nats in found.surprise if nats is not None]
    assert (found.characters, len(nats)) == (len(TEXT) - 1,) * 2
    assert found.nats == pytest.approx(np.mean(nats))
    assert found.bits == pytest.approx(found.nats / math.log(2))
    shorter, again = model.scores([TEXT[:20], TEXT])
    assert (again, shorter.surprise) == (found, found.surprise[:20])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "precision"),
    [("tales", "float32"), ("tales", "int8"), ("wide", "float32"), ("flow", "float32")],
)
def test_a_text_read_in_parts_scores_as_in_one(
    models: Path, name: str, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ModelLoader(models, precision).load(name)
    whole = model.score(TEXT * 12)
    monkeypatch.setattr(scoring, "_SHORTEST", 100)
    in_parts = model.score(TEXT * 12)
    assert [symbol for symbol, _ in in_parts.surprise] == [symbol for symbol, _ in whole.surprise]
    one, other = (
        np.array([nats for _, nats in each.surprise[1:]], float) for each in (whole, in_parts)
    )
    np.testing.assert_allclose(one, other, atol=1e-4)
    assert whole.characters == in_parts.characters


def test_what_a_model_does_not_know_is_counted_and_costs(models: Path) -> None:
    model = ModelLoader(models).load("flow")
    assert "e" in ALPHABET and "☃" not in ALPHABET
    plain, changed = model.score("le roi et le roi"), model.score("le roi É☃t le ☃roi")
    assert [(one.symbol, one.count, one.read_as) for one in changed.unknown] == [
        ("☃", 2, ""), ("É", 1, "é"),
    ]  # fmt: skip
    assert plain.unknown == ()
    snow = [nats for symbol, nats in changed.surprise if symbol == "☃"]
    assert snow == [pytest.approx(math.log(0x110000))] * 2
    assert changed.characters == 17
    with pytest.raises(UnknownCharactersError):
        model.score("le ☃roi", on_unknown="error")
    assert model.score("l\u2603e", on_unknown="skip").surprise[1][1] == snow[0]


def test_words_are_scored_per_character(models: Path) -> None:
    found = ModelLoader(models).load("words").score("the sultan said hello to the vizier.")
    symbols = [symbol for symbol, _ in found.surprise]
    assert symbols == ["the", " sultan", " said", " hello", " to", " the", " vizier", "."]
    assert [one.symbol for one in found.unknown] == [" hello"]
    total = sum(nats for _, nats in found.surprise[1:] if nats is not None)
    assert found.nats == pytest.approx(total / len(" sultan said hello to the vizier."))


@pytest.mark.parametrize("text", ["", "l", "☃☃☃", "☃l☃"])
def test_fewer_than_two_known_symbols_cannot_be_scored(models: Path, text: str) -> None:
    with pytest.raises(InvalidValueError, match=r"knows (none|only one) of the text's symbols"):
        ModelLoader(models).load("flow").score(text)
