"""The models in ML/: what their cards say is so, and they answer through HTTP.

The figures are recomputed from the committed weights by others than the trainer that wrote them:
the stateful one by the serving code, the one in windows by that and the real TFLearn.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from corpus_texts import corpus_text
from servers import GunicornServer
from tflearn_oracle import TFLearnOracle

from simpleml import ModelLoader
from simpleml.corpora import CATALOGUE
from simpleml.generation.batch import Batch
from simpleml.generation.network import CHUNK_ROWS, weight_limit
from simpleml.generation.sequence_generator import SequenceGenerator
from simpleml.generation.window_reader import WindowReader
from simpleml.training.material import Material, read_material
from simpleml.training.options import TrainingOptions

ROOT = Path(__file__).resolve().parent.parent
ML = ROOT / "ML"
BASES = ("english", "francais")
TRAINED = ("contes", "shakespeare", "sherlock", "tetris")
NAMES = (*BASES, *TRAINED)
PROSE = (*BASES, "contes", "shakespeare", "sherlock")
TEMPERATURES = ("0.2", "0.5", "0.8")
GOALS = {"english": 1.30, "francais": 1.10, "shakespeare": 1.47, "sherlock": 1.20, "contes": 1.20}
"""Nats per held-out character, stateful, that the project set itself."""
ROWS = 64
WARM_UP = 300  # symbols a part of the sweep reads before its own


@pytest.fixture(scope="module")
def server() -> Iterator[GunicornServer]:
    with GunicornServer(ML) as running:
        yield running


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a corpus that has to be made is written."""
    return tmp_path_factory.mktemp("corpora")


def card_of(name: str) -> dict[str, Any]:
    return ModelLoader(ML).load(name).card.to_json()


def corpus_of(name: str, made: Path) -> Path:
    """The text a shipped model was trained on; skips where it is not there."""
    wanted = card_of(name)["corpus"]["sha256"]
    if name == "tetris":  # its generator is in the repository
        path = made / "tetris.txt"
        if not path.exists():
            text = subprocess.run(
                [sys.executable, "examples/tetris.py", "--games", "3000"],
                cwd=ROOT,
                check=True,
                capture_output=True,
            ).stdout
            path.write_bytes(text)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == wanted
        return path
    path = corpus_text(name, wanted, ML, ROOT.parent / "shared", made)
    if path is None:
        pytest.skip(f"{name}'s corpus is not there (python -m simpleml.corpora get {name})")
    return path


def material_of(name: str, made: Path) -> Material:
    """The corpus cut as it was for the training."""
    options = card_of(name)["training"]["options"]
    known = {one: options[one] for one in ("validation", "validation_fraction", "lower", "level")}
    return read_material(corpus_of(name, made), TrainingOptions(**known))


@dataclass
class Part:
    """Targets first … last of a piece, from a state that began at `begin`."""

    piece: int
    begin: int
    first: int
    last: int


def swept_losses(generator: SequenceGenerator, pieces: list[np.ndarray]) -> list[np.ndarray]:
    """Nats of every symbol of each piece but its first, by the serving code's stateful steps."""
    total = sum(len(piece) - 1 for piece in pieces)
    length = math.ceil(total / ROWS)
    parts = [
        Part(number, max(0, first - WARM_UP), first, min(first + length, len(piece) - 1))
        for number, piece in enumerate(pieces)
        for first in range(0, len(piece) - 1, length)
    ]
    losses = [np.zeros(len(piece) - 1) for piece in pieces]
    for start in range(0, len(parts), ROWS):
        group = parts[start : start + ROWS]
        batch = Batch(generator.network, None)
        for part in group:
            batch.join([int(pieces[part.piece][part.begin])])
        for step in range(max(part.last - part.begin for part in group)):
            places = [min(part.begin + step, part.last) for part in group]
            fed = [
                int(pieces[part.piece][place]) for part, place in zip(group, places, strict=True)
            ]
            probabilities = batch.step(fed)
            for row, (part, place) in enumerate(zip(group, places, strict=True)):
                if part.first <= place < part.last:
                    target = pieces[part.piece][place + 1]
                    losses[part.piece][place] = -math.log(probabilities[row, target])
    return losses


def window_losses(
    generator: SequenceGenerator, piece: np.ndarray, places: np.ndarray, window: int
) -> np.ndarray:
    """Nats of the symbols at `places` from the window before each alone, by the serving code."""
    reader = WindowReader(generator.network, window)
    losses = np.zeros(len(places))
    for start in range(0, len(places), CHUNK_ROWS):
        group = places[start : start + CHUNK_ROWS]
        probabilities = reader.first([piece[at - window : at].tolist() for at in group])
        losses[start : start + len(group)] = -np.log(
            probabilities[np.arange(len(group)), piece[group]]
        )
    return losses


def text_of(answer: requests.Response) -> str:
    assert answer.status_code == 200, answer.text
    answer.encoding = "utf-8"
    return answer.text


@pytest.mark.parametrize("name", NAMES)
def test_its_card_says_where_it_comes_from_and_how_it_was_made(name: str) -> None:
    card = card_of(name)
    corpus, training, metrics = card["corpus"], card["training"], card["metrics"]
    assert corpus["licence"] and corpus["source"]
    assert len(corpus["sha256"]) == 64 and corpus["characters"] > 100_000
    for mode in ("stateful", "window"):
        figures = metrics[mode]
        assert figures["bits_per_character"] == pytest.approx(
            figures["nats"] / math.log(2), abs=2e-4
        )
    assert training["command"].startswith("python train.py ")
    assert not re.search(r"(^|\s)/", training["command"])  # no folder of the machine
    assert training["machine"] and training["seconds"] > 60
    notes = card["notes"]
    assert notes["examples"]
    sampled = {(sample["mode"], sample["temperature"]) for sample in notes["samples"]}
    assert sampled == set(itertools.product(("stateful", "window"), (0.2, 0.5, 0.8)))
    assert all(len(sample["text"]) >= 200 for sample in notes["samples"])
    assert set(notes["originality"]) == set(TEMPERATURES)
    for figures in notes["originality"].values():
        assert figures["characters"] == 20_000
        assert 0 <= figures["copied_share"] <= 1


@pytest.mark.parametrize("name", PROSE)
def test_it_reached_what_was_asked_of_it(name: str) -> None:
    assert card_of(name)["metrics"]["stateful"]["nats"] <= GOALS[name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("stateful", ["0", "1"], ids=["window", "stateful"])
def test_it_answers_in_its_own_symbols(server: GunicornServer, name: str, stateful: str) -> None:
    card = requests.get(f"{server.base_url}/{name}", timeout=60).json()
    seed = card["notes"]["examples"][0]
    answer = requests.post(
        f"{server.base_url}/{name}",
        json={"seed": seed, "size": 200, "random_state": 1, "stateful": stateful == "1"},
        timeout=120,
    )
    text = text_of(answer)
    assert text.startswith(seed)
    written = text[len(seed) :]
    assert len(written) == 200
    assert set(written) <= set(card["alphabet"])
    assert len(set(written)) >= 4


@pytest.mark.parametrize("name", PROSE)
def test_most_of_its_words_are_words_of_its_corpus(
    server: GunicornServer, name: str, corpora: Path
) -> None:
    known = set(re.findall(r"\w+", corpus_of(name, corpora).read_text(encoding="utf-8").lower()))
    seed = card_of(name)["notes"]["examples"][0]
    for stateful in (False, True):
        answer = requests.post(
            f"{server.base_url}/{name}",
            json={"seed": seed, "size": 600, "random_state": 2, "stateful": stateful},
            timeout=120,
        )
        written = text_of(answer)[len(seed) :].lower()
        words = re.findall(r"\w+", written)[1:-1]
        assert len(words) > 60
        assert sum(word in known for word in words) > 0.9 * len(words)


def test_the_sultan_goes_on(server: GunicornServer) -> None:
    text = text_of(requests.get(f"{server.base_url}/contes/g/le%20sultan/100", timeout=60))
    assert text.startswith("le sultan") and len(text) == len("le sultan") + 100


def test_tetris_is_played_by_the_rules(server: GunicornServer) -> None:
    """Keys of whole games go through the referee of examples/tetris.py."""
    keys = text_of(
        requests.get(f"{server.base_url}/tetris/g/%0A/6000/0.5?random_state=0", timeout=120)
    )
    said = subprocess.run(
        [sys.executable, "examples/tetris.py", "--check", "-"],
        cwd=ROOT,
        input=keys,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    share = re.search(r"this text: .* ([\d.]+)% legal", said)
    assert share is not None, said
    assert float(share[1]) > 99


@pytest.mark.parametrize("name", BASES)
def test_a_base_says_what_it_is_and_its_figure_on_a_novel_can_be_had_again(
    name: str, corpora: Path
) -> None:
    card = card_of(name)
    assert card["base"] is True
    assert card["language"] == CATALOGUE[name].language
    text = corpus_of(name, corpora).read_text(encoding="utf-8")
    (novel, nats), *_ = card["metrics"]["novels"].items()
    assert novel == CATALOGUE[name].held_out[0]
    held_out = text[int(len(text) * (1 - card["training"]["options"]["validation_fraction"])) :]
    part = held_out[: card["metrics"]["novel_symbols"]]
    generator = ModelLoader(ML, threads=1).load(name)
    piece = np.array([generator.vocabulary.index[one] for one in part], np.int32)
    found = float(np.concatenate(swept_losses(generator, [piece])).mean())
    assert found == pytest.approx(nats, abs=0.002)
    quick = ModelLoader(ML, precision="int8", threads=1).load(name)
    assert float(np.concatenate(swept_losses(quick, [piece])).mean()) <= found + 0.002


@pytest.mark.parametrize("name", ["sherlock"])
def test_no_base_has_read_what_a_tuned_model_is_judged_by(name: str, corpora: Path) -> None:
    """Of each held-out block hardly a passage of forty characters stands in the base's text."""
    begun = card_of(name)["training"]["begun_from"]["name"]
    read = corpus_of(begun, corpora).read_text(encoding="utf-8")
    # A base's text has many typographies: letters alone are compared.
    letters = re.compile(r"[^\W\d_]+")
    known = "".join(letters.findall(read))
    held_out = "".join(letters.findall(material_of(name, corpora).validation_text))
    pieces = [held_out[at : at + 40] for at in range(0, len(held_out) - 40, 400)]
    assert sum(piece in known for piece in pieces) <= 0.01 * len(pieces)


@pytest.mark.parametrize("name", TRAINED)
def test_its_held_out_figures_can_be_had_again(
    name: str, corpora: Path, oracle: TFLearnOracle
) -> None:
    card = card_of(name)
    pieces = [np.asarray(piece) for piece in material_of(name, corpora).validation]
    # One thread: two would wait for each other beside another process of tests.
    generator = ModelLoader(ML, threads=1).load(name)
    losses = swept_losses(generator, pieces)
    stateful = float(np.concatenate(losses).mean())
    assert stateful == pytest.approx(card["metrics"]["stateful"]["nats"], abs=0.002)
    assert sum(map(len, losses)) == card["metrics"]["stateful"]["symbols"]

    quick = ModelLoader(ML, precision="int8", threads=1).load(name)
    int8 = float(np.concatenate(swept_losses(quick, pieces)).mean())
    assert int8 <= stateful + 0.002

    # Windows, at the places that the trainer drew. TFLearn predicts every eighth of them (every
    # fourth where int8 weights are of seven bits, which scatter more); int8 windows predict all,
    # and what TFLearn has beyond them, which scatters by hundredths, is added.
    window = card["seq_maxlen"]
    oracle.build(
        generator.vocabulary.index,
        layers=card["layers"], units=card["units"], seq_maxlen=window, dropout=0.0,
    )  # fmt: skip
    oracle.load(ML / name / f"{name}.tfl")
    symbols = generator.vocabulary.symbols
    random = np.random.default_rng(0)
    total = sum(len(piece) for piece in pieces)
    every = 8 if weight_limit() == 127 else 4
    beyond_stateful, beyond_int8 = [], []
    for piece, swept in zip(pieces, losses, strict=True):
        places = np.arange(window, len(piece))
        wanted = math.ceil(20_000 * len(piece) / total)
        if len(places) > wanted:
            places = np.sort(random.choice(places, wanted, replace=False))
        alone = window_losses(quick, piece, places, window)
        beyond_stateful.append(alone - swept[places - 1])
        text = [symbols[index] for index in piece]
        asked = places[::every]
        probabilities = oracle.probabilities([text[at - window : at] for at in asked])
        beyond_int8.append(
            -np.log(probabilities[np.arange(len(asked)), piece[asked]]) - alone[::every]
        )
    carried = np.concatenate(beyond_int8)
    assert carried.std() / math.sqrt(len(carried)) < 0.0007  # what is left to chance
    windows = stateful + float(np.concatenate(beyond_stateful).mean()) + float(carried.mean())
    assert windows == pytest.approx(card["metrics"]["window"]["nats"], abs=0.002)
