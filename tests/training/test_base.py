"""Beginning from another model: symbols are matched by what they are, never by where they stand."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from models import WORDS, plain_probabilities, random_weights, write_model

from simpleml.errors import TrainingError
from simpleml.models.artifact import Artifact, find_artifact, read_artifact
from simpleml.models.vocabulary import Vocabulary
from simpleml.training import base
from simpleml.training.recurrent import NetworkShape, numpy_step, to_network_weights, zero_state


def artifact(folder: Path, name: str) -> Artifact:
    paths = find_artifact(folder, name)
    assert paths is not None
    return read_artifact(paths)


def probabilities(parameters: list[np.ndarray], symbols: list[int]) -> np.ndarray:
    shape = base.shape_of(parameters)
    weights = to_network_weights(parameters, shape)
    return np.asarray(plain_probabilities(weights, symbols))


def test_a_vocabulary_in_another_order_predicts_the_same(tmp_path: Path) -> None:
    write_model(tmp_path, "old", alphabet="abcdefg")
    old = artifact(tmp_path, "old")
    new = Vocabulary("gfedcba", level="char")
    before = plain_probabilities(old.weights, [old.vocabulary.index[one] for one in "bad"])
    after = probabilities(base.transferred(old, new), [new.index[one] for one in "bad"])
    for symbol in "abcdefg":
        assert after[new.index[symbol]] == pytest.approx(
            before[old.vocabulary.index[symbol]], abs=1e-6
        )


def test_symbols_that_the_text_lacks_are_left_out_and_the_rest_keep_their_odds(
    tmp_path: Path,
) -> None:
    write_model(tmp_path, "old", alphabet="abcdefg")
    old = artifact(tmp_path, "old")
    new = Vocabulary("abc", level="char")
    before = plain_probabilities(old.weights, [0, 1, 2])[:3]
    after = probabilities(base.transferred(old, new), [0, 1, 2])
    np.testing.assert_allclose(after, before / before.sum(), atol=1e-6)


def test_a_symbol_the_base_lacks_begins_as_its_nearest_or_as_the_mean(tmp_path: Path) -> None:
    write_model(tmp_path, "old", alphabet="abce'")
    old = artifact(tmp_path, "old")
    new = Vocabulary("e'é’€", level="char")
    kernel, *_, output, bias = base.transferred(old, new)
    for typed, near in (("é", "e"), ("’", "'")):
        one, other = new.index[typed], new.index[near]
        np.testing.assert_array_equal(kernel[one], kernel[other])
        np.testing.assert_array_equal(output[:, one], output[:, other])
        assert bias[one] == bias[other]
    euro = new.index["€"]
    inputs = old.weights.layers[0].matrix[:5]  # (V, 4H), gates i, j, f, o
    np.testing.assert_allclose(np.sort(kernel[euro]), np.sort(inputs.mean(axis=0)), atol=1e-6)
    np.testing.assert_allclose(output[:, euro], old.weights.output_matrix.mean(axis=1), atol=1e-6)
    assert bias[euro] == old.weights.output_bias.min()


def test_nats_are_those_of_the_plain_network(tmp_path: Path) -> None:
    write_model(tmp_path, "old", alphabet="abcdefg")
    old = artifact(tmp_path, "old")
    parameters = base.transferred(old, old.vocabulary)
    symbols = np.random.default_rng(0).integers(0, 7, 120).astype(np.int32)
    shape = NetworkShape(7, 32, 2)
    state = zero_state(shape, 1)
    losses = []
    for one, other in pairwise(symbols):
        scores = numpy_step(parameters, shape, np.array([one]), state)[0]
        losses.append(float(np.log(np.exp(scores).sum()) - scores[other]))
    assert base.nats_of(parameters, symbols) == pytest.approx(np.mean(losses[30:]), abs=1e-4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two bases, a model that is none, one of words, one whose card lies."""
    write_model(tmp_path, "one", alphabet="abcdefg", base=True, language="en", seed=1)
    write_model(tmp_path, "two", alphabet="abcdefg", base=True, seed=2)
    write_model(tmp_path, "plain", alphabet="abcdefg", seed=3)
    write_model(tmp_path, "words", level="word", alphabet=WORDS, base=True)
    write_model(tmp_path, "liar", alphabet="abcdefg", base=True)
    (tmp_path / "liar" / "liar.json").write_text(json.dumps({"layers": "three"}))
    return tmp_path


def test_only_whole_models_of_characters_that_say_so_are_bases(folder: Path) -> None:
    assert base.bases_in(folder, besides="mine") == ["one", "two"]
    assert base.bases_in(folder, besides="two") == ["one"]
    assert base.bases_in(folder / "nowhere", besides="mine") == []


def test_the_base_that_predicts_the_text_best_is_taken(folder: Path) -> None:
    vocabulary = Vocabulary("abcdefg", level="char")
    two = artifact(folder, "two")
    shape = NetworkShape(7, 32, 2)
    parameters, random = base.transferred(two, vocabulary), np.random.default_rng(0)
    state, text = zero_state(shape, 1), [0]
    for _ in range(2000):  # a text that `two` wrote
        scores = numpy_step(parameters, shape, np.array(text[-1:]), state)[0]
        p = np.exp(scores - scores.max())
        text.append(int(random.choice(7, p=p / p.sum())))
    found = base.best_base(folder, "mine", vocabulary, np.array(text, np.int32))
    assert found is not None
    assert found.name == "two"
    assert found.known_share == 1.0


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("nobody", "there is no such model in .*; bases there: one, two"),
        ("words", "it is a network of words"),
        ("liar", r"liar\.json: layers is 'three'"),
        ("mine", "that is the model being written"),
    ],
)
def test_what_cannot_be_begun_from_is_named(folder: Path, reference: str, said: str) -> None:
    with pytest.raises(TrainingError, match=rf"--from {reference}: {said}"):
        base.read_base(reference, folder, level="char", name="mine")


def test_a_damaged_base_names_its_file(folder: Path) -> None:
    data = folder / "one" / "one.tfl.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-1])
    with pytest.raises(TrainingError, match=r"--from one: .*one\.tfl\.data"):
        base.read_base("one", folder, level="char", name="mine")


def test_layers_of_different_sizes_are_refused(tmp_path: Path) -> None:
    write_model(tmp_path, "odd", weights=random_weights(7, 2, [16, 24]), alphabet="abcdefg")
    with pytest.raises(TrainingError, match="its layers differ in size"):
        base.read_base("odd", tmp_path, level="char", name="mine")


def test_the_model_being_written_is_found_out_behind_any_path(folder: Path) -> None:
    (folder / "alias").symlink_to(folder / "one")
    for reference in ("alias", f"{folder}/../{folder.name}/one", str(folder / "alias")):
        with pytest.raises(TrainingError, match="that is the model being written"):
            base.read_base(reference, folder, level="char", name="one")


def test_a_text_of_words_begins_from_nothing(folder: Path) -> None:
    with pytest.raises(TrainingError, match="a network of words begins from nothing"):
        base.read_base("one", folder, level="word", name="mine")


def test_a_base_that_knows_no_symbol_of_the_text_is_refused(folder: Path) -> None:
    vocabulary = Vocabulary("ЖЩЮ", level="char")
    with pytest.raises(TrainingError, match="knows none of the text's symbols"):
        base.measured(artifact(folder, "one"), vocabulary, np.array([0, 1, 2] * 100, np.int32))


def test_a_path_to_an_old_model_without_a_card_will_do(tmp_path: Path) -> None:
    write_model(tmp_path / "elsewhere", "old", alphabet="abc", card=False)
    found = base.read_base(str(tmp_path / "elsewhere" / "old"), tmp_path, level="char", name="mine")
    assert dataclasses.asdict(found.card)["vocabulary_size"] == 3
