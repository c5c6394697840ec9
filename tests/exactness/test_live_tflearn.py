"""Networks that the real TFLearn builds, trains and saves here, and ours beside it, live."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from draws import judge
from models import random_weights, write_model
from tflearn_oracle import TFLearnOracle

from simpleml import ModelLoader
from simpleml.models.card import Card
from simpleml.models.vocabulary import Vocabulary
from simpleml.training.export import export

TEXT = """Les chroniques des Sassanides, anciens rois de Perse, qui avaient étendu leur empire dans
les Indes, dans les grandes et petites îles qui en dépendent, et bien loin au delà du Gange, jusqu'à
la Chine, rapportent qu'il y avait autrefois un roi de cette puissante maison, qui était le plus
excellent prince de son temps.
"""
SIZE = 150


@dataclass(frozen=True)
class Case:
    """A network to build: its shape and how it is fed."""

    name: str
    layers: int
    units: int
    window: int
    symbols: tuple[str, ...]
    """The text to train on, symbol by symbol."""

    @property
    def index(self) -> dict[str, int]:
        return {symbol: number for number, symbol in enumerate(sorted(set(self.symbols)))}


CASES = [
    Case("small", 2, 32, 12, tuple(TEXT)),
    Case("deep", 3, 48, 25, tuple(TEXT)),
    Case("single", 1, 33, 5, tuple(TEXT.lower())),
    Case("words", 2, 20, 4, tuple(TEXT.replace(",", " ,").split())),
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: case.name)
def case(
    request: pytest.FixtureRequest, oracle: TFLearnOracle, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Case, ModelLoader]:
    """TFLearn holds the network of the case; the loader's folder holds what it saved."""
    built: Case = request.param
    models = tmp_path_factory.mktemp("ML")
    folder = models / built.name
    folder.mkdir()
    # TFLearn's own initial weights look at nothing for their first hundreds of steps; a network
    # with large ones makes every symbol of the window count.
    start = tmp_path_factory.mktemp("start")
    write_model(
        start, "x", layers=built.layers, units=built.units, seq_maxlen=built.window,
        alphabet=sorted(built.index),
    )  # fmt: skip
    oracle.build(
        built.index, layers=built.layers, units=built.units, seq_maxlen=built.window,
        learning_rate=0.01, random_state=5,
    )  # fmt: skip
    oracle.load(start / "x" / "x.tfl", trainable_variable_only=True)
    oracle.fit(built.symbols, batches=10)
    oracle.save(folder / f"{built.name}.tfl")
    with (folder / f"char_idx_{built.name}.pickle").open("wb") as file:
        pickle.dump(built.index, file)
    return built, ModelLoader(models)


def starts(case: Case) -> list[list[str]]:
    """Three windows of the case's text."""
    most = len(case.symbols) - case.window
    return [list(case.symbols[at % most :][: case.window]) for at in (0, 40, 17)]


def test_old_files_without_a_card_tell_the_sizes(case: tuple[Case, ModelLoader]) -> None:
    built, loader = case
    card = loader.load(built.name).card
    found = (card.layers, card.units, card.seq_maxlen, card.vocabulary_size)
    assert found == (built.layers, built.units, built.window, len(built.index))


def test_probabilities_are_tflearns(case: tuple[Case, ModelLoader], oracle: TFLearnOracle) -> None:
    built, loader = case
    windows = [
        list(built.symbols[at : at + built.window])
        for at in range(0, len(built.symbols) - built.window, 3)
    ]
    theirs = oracle.probabilities(windows)
    ours = np.stack([loader.load(built.name).next_probabilities(one) for one in windows])
    assert theirs.std(axis=0).max() > 0.01  # the network looks at its window
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("temperature", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("number", range(3))
def test_text_is_tflearns(
    case: tuple[Case, ModelLoader], oracle: TFLearnOracle, number: int, temperature: float
) -> None:
    built, loader = case
    seed = starts(built)[number]
    numpy_seed = 100 * number + 7
    theirs = list(oracle.generate(SIZE, temperature, seed, numpy_seed))
    ours = loader.load(built.name).generate(SIZE, temperature, seed, random_state=numpy_seed)
    assert len(theirs) == built.window + SIZE
    prefixes = [theirs[at : at + built.window] for at in range(SIZE)]
    probabilities = oracle.probabilities(prefixes)
    assert (
        judge(theirs, ours, built.index, built.window, probabilities, temperature, numpy_seed)
        is None
    )


def test_a_string_gives_the_same_text_as_its_list(
    case: tuple[Case, ModelLoader],
) -> None:
    built, loader = case
    generator = loader.load(built.name)
    seed = starts(built)[0]
    separator = " " if built.name == "words" else ""
    listed = generator.generate(30, 0.7, seed, random_state=1)
    joined = generator.generate(30, 0.7, separator.join(seed), random_state=1)
    assert joined == separator.join(listed)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with a network that our exporter wrote as `ours`, windows of 12."""
    folder = tmp_path_factory.mktemp("exported")
    vocabulary = Vocabulary.of(TEXT)
    weights = random_weights(len(vocabulary), layers=2, units=24, seed=3)
    card = Card(2, 24, len(vocabulary), seq_maxlen=12, weights_sha256=weights.sha256())
    export(folder, "ours", weights, vocabulary, card)
    return folder


def test_tflearn_writes_our_text_from_what_we_exported(
    oracle: TFLearnOracle, exported: Path
) -> None:
    """The other direction: plain `load`, which wants every variable, then the same text."""
    generator = ModelLoader(exported).load("ours")
    index = generator.vocabulary.index
    oracle.build(index, layers=2, units=24, seq_maxlen=12)
    oracle.load(exported / "ours" / "ours.tfl")
    seed = TEXT[:12]
    for temperature in (0.2, 0.5, 1.0):
        theirs = oracle.generate(SIZE, temperature, seed, 11)
        ours = generator.generate(SIZE, temperature, seed, random_state=11)
        probabilities = oracle.probabilities([theirs[at : at + 12] for at in range(SIZE)])
        assert judge(theirs, ours, index, 12, probabilities, temperature, 11) is None
