"""The exported page's engine in Node: the bits of the reference, the texts of the server's int8."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import ALPHABET, WORDS, random_weights
from page_reference import F32, Reference
from readme import ROOT, read

from simpleml import ModelLoader
from simpleml.exporting.page import described, page
from simpleml.exporting.page_weights import memory_image
from simpleml.generation.network import weight_limit
from simpleml.models.artifact import Artifact, find_artifact, read_artifact
from simpleml.models.card import Card
from simpleml.models.vocabulary import Vocabulary

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
SCRIPT = Path(__file__).with_name("page_in_node.mjs")
HARD_SEEDS = (
    "", "the sultan said to his vizier.", "«ÇA» été — l’œuvre… ÉTÉ",
    "e\u0301te\u0300 x\u0345\u0301",
    "a\r\nb\rc", "\u00a0\u202f\t½ﬁ①Ⅷ", "ß ŒUVRE Łódź", "北京 😀\U0001f1eb the", "<unk> THE sultan",
    "don't l’heure 12 -- ... ___ !!a\u0941\u0928", "\u1e9b\u0323 \u212b ŉ ﷺ", "\x1c\x85\ufeff x",
    "İı ΑΣ Σ", " \u0301a",
)  # fmt: skip


def node(what: str, asked: dict[str, Any]) -> Any:
    done = subprocess.run(
        ["node", SCRIPT, what], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def artifact_of(models_dir: Path, name: str) -> Artifact:
    paths = find_artifact(models_dir, name)
    assert paths
    return read_artifact(paths)


@pytest.fixture(scope="module")
def pages(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pages of tales, flow, words and old."""
    folder = tmp_path_factory.mktemp("pages")
    for name in ("tales", "flow", "words", "old"):
        whole = page(artifact_of(models_dir, name))
        (folder / f"{name}.html").write_text(whole, encoding="utf-8")
    return folder


@pytest.mark.parametrize("units", [(8,), (5, 12, 31), (64, 33)])
def test_both_kernels_have_the_bits_of_the_reference(units: Sequence[int]) -> None:
    weights = random_weights(19, len(units), units, seed=5)
    for layer in weights.layers:
        layer.matrix[:] *= 3  # far into where the gates are flat
    image = memory_image(weights)
    vocabulary = Vocabulary.of(ALPHABET[:19])
    model = Artifact("x", Card(len(units), units[-1], 19), vocabulary, weights)
    symbols = [19, *np.random.default_rng(1).integers(0, 20, 60).tolist()]
    found = node(
        "numbers",
        {
            **described(model, image.plan),
            "image": b64encode(image.data).decode(),
            "symbols": symbols,
            "seeds": [],
            "exponents": [],
        },
    )
    assert found["fast"] == found["plain"]
    reference = Reference(weights)
    for symbol, step in zip(symbols, found["fast"], strict=True):
        reference.feed(symbol)
        assert step["logits"] == [float(one) for one in reference.logits()]
        for cells, expected in zip(step["cells"], reference.cells, strict=True):
            assert cells[: len(expected)] == [float(one) for one in expected]
            assert not any(cells[len(expected) :])


def test_the_dice_are_numpys_and_powers_of_e_are_right_to_the_last_bits() -> None:
    weights = random_weights(3, 1, 8)
    image = memory_image(weights)
    model = Artifact("x", Card(1, 8, 3), Vocabulary.of("abc"), weights)
    seeds = [0, 1, 7, 2**31, 2**32 - 1]
    exponents = np.concatenate([-np.logspace(-9, 2.87, 2000), [0.0, -745.0, -746.0, -1e300]])
    found = node(
        "numbers",
        {
            **described(model, image.plan),
            "image": b64encode(image.data).decode(),
            "symbols": [],
            "seeds": seeds,
            "exponents": exponents.tolist(),
        },
    )
    for seed, doubles in zip(seeds, found["doubles"], strict=True):
        assert doubles == np.random.RandomState(seed).random_sample(1500).tolist()
    np.testing.assert_allclose(found["powers"], np.exp(exponents), rtol=1e-15, atol=5e-324)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tales", "flow", "words", "old"])
@pytest.mark.parametrize("plain", [False, True], ids=["wasm", "javascript"])
def test_the_engine_writes_the_text_of_the_reference(
    name: str, plain: bool, models_dir: Path, pages: Path
) -> None:
    model = artifact_of(models_dir, name)
    requests = [
        {"seed": seed, "size": 40, "temperature": temperature, "random_state": 11}
        for seed, temperature in (("", 0.5), ("the sultan said", 1.0), ("to his", 0.0), ("a", 3.0))
    ]
    window = None if model.card.stateful else model.card.seq_maxlen
    reference = Reference(model.weights)
    expected = []
    for one in requests:
        seed = model.vocabulary.encode(str(one["seed"]), "nearest").indices
        indices = reference.text(
            model.vocabulary, window, seed, 40, float(one["temperature"]), 11
        )  # fmt: skip
        expected.append("".join(model.vocabulary.symbols[index] for index in indices))
    asked = {"page": str(pages / f"{name}.html"), "plain": plain, "requests": requests}
    assert node("texts", asked) == expected


@pytest.mark.parametrize("name", ["tales", "flow", "words", "old"])
def test_the_engine_writes_the_servers_int8_text(name: str, models_dir: Path, pages: Path) -> None:
    if weight_limit() != 127:
        pytest.skip("this processor sums int8 weights of seven bits only")
    server = ModelLoader(models_dir, precision="int8").load(name)
    requests = [
        {"seed": "the sultan", "size": 150, "temperature": temperature, "random_state": state}
        for temperature, state in ((0.5, 1), (0.9, 2), (0.0, 3), (2.0, 4))
    ]
    expected = [
        server.generate(
            150, one["temperature"], "the sultan", random_state=one["random_state"],
            on_unknown="nearest",
        ).removeprefix("the sultan")
        for one in requests
    ]  # fmt: skip
    asked = {"page": str(pages / f"{name}.html"), "plain": False, "requests": requests}
    assert node("texts", asked) == expected


@pytest.mark.parametrize(
    "vocabulary",
    [
        Vocabulary.of(ALPHABET),
        Vocabulary.of(ALPHABET + "œ«»’—ﬁ\u0301"),
        Vocabulary.of(ALPHABET, lower=True),
        Vocabulary.of(WORDS, level="word", lossless_words=True, unknown_symbol="<unk>"),
        Vocabulary.of(["the", "Sultan", "x"], level="word"),
    ],
    ids=["plain", "rich", "lower", "words", "old words"],
)
def test_a_seed_is_read_as_the_server_reads_it(vocabulary: Vocabulary) -> None:
    weights = random_weights(len(vocabulary), 1, 8)
    card = Card(1, 8, len(vocabulary), level=vocabulary.level)
    model = Artifact("x", card, vocabulary, weights)
    asked = {**described(model, {}), "seeds": HARD_SEEDS}
    for seed, found in zip(HARD_SEEDS, node("seeds", asked), strict=True):
        expected = vocabulary.encode(seed, "nearest")
        assert found["indices"] == expected.indices, seed
        assert found["changes"] == [change.to_json() for change in expected.changes], seed


def test_nothing_is_lost_to_float32() -> None:
    """The page's gates are those of plain NumPy to a few bits."""
    from page_reference import sigmoid, tanh

    x = np.linspace(-20, 20, 20001).astype(F32)
    np.testing.assert_allclose(tanh(x), np.tanh(x.astype(float)), atol=4e-7)
    np.testing.assert_allclose(sigmoid(x), 1 / (1 + np.exp(-x.astype(float))), atol=4e-7)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_readmes_show_what_the_page_writes(language: str, tmp_path: Path) -> None:
    call = "> await simpleml.generate"
    (block,) = (one.body for one in read(language).blocks if one.body.startswith(call))
    call, shown = block.split("\n", 1)
    seed, size, temperature, state = re.findall(r': ("[^"]*"|[\d.]+)', call)
    (tmp_path / "contes.html").write_text(page(artifact_of(ROOT / "ML", "contes")), "utf-8")
    request = {
        "seed": json.loads(seed), "size": int(size), "temperature": float(temperature),
        "random_state": int(state),
    }  # fmt: skip
    asked = {"page": str(tmp_path / "contes.html"), "plain": False, "requests": [request]}
    (text,) = node("texts", asked)
    assert json.loads(seed) + text.rstrip() == shown.rstrip("\n")
