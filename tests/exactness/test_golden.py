"""Networks that the real TFLearn trained: its probabilities, its texts, all characters.

`nights` lies beside the tests (make_golden.py made it); the two others, trained years ago, lie
where the old models do, if they are at hand.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simpleml import ModelLoader
from simpleml.generation.network import weight_limit

HERE = Path(__file__).resolve().parent / "golden"
TEXTS = {"nights": 12, "contes_small": 9, "sherlock": 9}


@pytest.fixture(scope="module", params=sorted(TEXTS))
def golden(request: pytest.FixtureRequest) -> Path:
    """The folder of one model with what TFLearn said."""
    name: str = request.param
    if name == "nights":
        return HERE / name
    folder: Path = request.getfixturevalue("shared") / "legacy" / name
    if not folder.is_dir():
        pytest.skip(f"no folder {folder.parent} with TFLearn's old models")
    return folder


@cache
def load(folder: Path, precision: Any = "float32") -> Any:
    return ModelLoader(folder.parent, precision).load(folder.name)


@cache
def said(folder: Path) -> dict[str, Any]:
    """The sizes, the windows whose probabilities are stored, and the texts."""
    read: dict[str, Any] = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
    return read


def both(folder: Path, precision: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(windows, V) probabilities: ours, TFLearn's."""
    stored = np.load(folder / "probabilities.npz")["probabilities"]
    windows = said(folder)["windows"]
    assert stored.shape == (64, said(folder)["vocabulary_size"]) and len(windows) == 64
    generator = load(folder, precision)
    return np.stack([generator.next_probabilities(window) for window in windows]), stored


def test_sizes_are_read_from_the_files_alone(golden: Path) -> None:
    card = load(golden).card
    found = (card.layers, card.units, card.seq_maxlen, card.vocabulary_size)
    assert found == tuple(
        said(golden)[key] for key in ("layers", "units", "seq_maxlen", "vocabulary_size")
    )
    assert card.stateful is False


def test_probabilities_are_tflearns_for_every_stored_window(golden: Path) -> None:
    ours, stored = both(golden, "float32")
    assert stored.std(axis=0).max() > 0.1  # the network looks at its window
    np.testing.assert_allclose(ours, stored, rtol=0, atol=1e-5)


def test_int8_probabilities_are_close_to_tflearns(golden: Path) -> None:
    ours, stored = both(golden, "int8")
    # processors that sum weights of seven bits only are coarser
    atol = 0.02 if weight_limit() == 127 else 0.05
    np.testing.assert_allclose(ours, stored, rtol=0, atol=atol)
    assert np.abs(ours - stored).max() > 1e-5  # it is another arithmetic


@pytest.mark.parametrize(
    ("golden", "number"),
    [(name, number) for name, texts in TEXTS.items() for number in range(texts)],
    indirect=["golden"],
)
def test_text_is_tflearns_for_every_stored_seed(golden: Path, number: int) -> None:
    case = said(golden)["texts"][number]
    ours = load(golden).generate(
        case["size"], case["temperature"], case["seed"], random_state=case["numpy_seed"]
    )
    assert ours == case["text"]


def test_every_stored_text_is_compared(golden: Path) -> None:
    assert len(said(golden)["texts"]) == TEXTS[golden.name]


def test_numpys_global_generator_gives_tflearns_text_too(golden: Path) -> None:
    """As TFLearn's users write it: numpy.random.seed, then generate."""
    case = said(golden)["texts"][1]
    np.random.seed(case["numpy_seed"])
    assert load(golden).generate(case["size"], case["temperature"], case["seed"]) == case["text"]
