"""Networks that real TFLearn trained years ago: its probabilities, its texts, all characters."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simpleml import ModelLoader, SequenceGenerator

MODELS = ("contes_small", "sherlock")
TEXTS = 9


@pytest.fixture(scope="module")
def legacy(shared: Path) -> Path:
    folder = shared / "legacy"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder} with TFLearn's old models")
    return folder


@pytest.fixture(scope="module")
def loader(legacy: Path) -> ModelLoader:
    return ModelLoader(legacy)


@cache
def golden(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize("name", MODELS)
def test_sizes_are_read_from_the_files_alone(loader: ModelLoader, legacy: Path, name: str) -> None:
    said = golden(legacy / name)
    card = loader.load(name).card
    assert (card.layers, card.units) == (said["layers"], said["units"])
    assert (card.seq_maxlen, card.vocabulary_size) == (said["seq_maxlen"], said["vocabulary_size"])
    assert card.stateful is False


@pytest.mark.parametrize("name", MODELS)
def test_probabilities_are_tflearns_for_every_stored_window(
    loader: ModelLoader, legacy: Path, name: str
) -> None:
    windows = golden(legacy / name)["windows"]
    stored = np.load(legacy / name / "probabilities.npz")["probabilities"]  # (64, V)
    generator = loader.load(name)
    ours = np.stack([generator.next_probabilities(window) for window in windows])
    assert len(windows) == 64
    np.testing.assert_allclose(ours, stored, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_int8_probabilities_are_close_to_tflearns(legacy: Path, name: str) -> None:
    windows = golden(legacy / name)["windows"]
    stored = np.load(legacy / name / "probabilities.npz")["probabilities"]  # (64, V)
    generator = ModelLoader(legacy, "int8").load(name)
    ours = np.stack([generator.next_probabilities(window) for window in windows])
    np.testing.assert_allclose(ours, stored, rtol=0, atol=0.02)
    assert np.abs(ours - stored).max() > 1e-5  # it is another arithmetic


@pytest.mark.parametrize("number", range(TEXTS))
@pytest.mark.parametrize("name", MODELS)
def test_text_is_tflearns_for_every_stored_seed(
    loader: ModelLoader, legacy: Path, name: str, number: int
) -> None:
    case = golden(legacy / name)["texts"][number]
    ours = loader.load(name).generate(
        case["size"], case["temperature"], case["seed"], random_state=case["numpy_seed"]
    )
    assert ours == case["text"]


def test_every_stored_text_is_compared(legacy: Path) -> None:
    assert [len(golden(legacy / name)["texts"]) for name in MODELS] == [TEXTS, TEXTS]


def test_numpys_global_generator_gives_tflearns_text_too(loader: ModelLoader, legacy: Path) -> None:
    """As TFLearn's users write it: numpy.random.seed, then generate."""
    case = golden(legacy / "contes_small")["texts"][1]
    generator: SequenceGenerator = loader.load("contes_small")
    np.random.seed(case["numpy_seed"])
    assert generator.generate(case["size"], case["temperature"], case["seed"]) == case["text"]
