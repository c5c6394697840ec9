"""TFLearn's own recipe, run by TFLearn, without the dense arrays that it usually costs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tflearn_oracle import TFLearnOracle

from simpleml.training.tflearn_compat import tflearn_missing

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from tflearn_recipe import OneHotWindows  # noqa: E402

TRAIN = """
import json, sys
sys.path.insert(0, "bench")
import numpy as np
from tflearn_recipe import train_recipe
text = "the sultan saw the vizier and the vizier saw the lamp. " * 120
alphabet = {c: i for i, c in enumerate(sorted(set(text)))}
symbols = np.array([alphabet[c] for c in text], np.int32)
points = train_recipe(
    symbols[:6000], symbols[6000:], alphabet, layers=1, units=32, seq_maxlen=10, dropout=0.2,
    learning_rate=0.005, batch_size=64, epochs=4, max_seconds=1e6, validate_every=1e6,
    save_to=sys.argv[1], report=lambda point: print(json.dumps(vars(point))),
)
assert len(points) == 1
"""


def test_windows_are_made_one_hot_only_where_they_are_looked_at() -> None:
    symbols = np.array([2, 0, 1, 2, 2, 0], np.int32)
    starts = np.array([0, 2], np.int32)
    x = OneHotWindows(symbols, starts, 3, 3)
    y = OneHotWindows(symbols, starts, 3, 3, target=True)
    assert len(x) == len(y) == 2
    np.testing.assert_array_equal(x[np.array([1, 0])], np.eye(3)[[[1, 2, 2], [2, 0, 1]]])
    np.testing.assert_array_equal(y[np.array([1, 0])], np.eye(3)[[0, 2]])
    assert x[np.array([0])].dtype == np.float32


@pytest.mark.skipif(bool(tflearn_missing()), reason="TFLearn is not installed")
def test_tflearns_recipe_learns_and_saves_what_tflearn_loads(
    tmp_path: Path, oracle: TFLearnOracle
) -> None:
    said = subprocess.run(
        [sys.executable, "-c", TRAIN, tmp_path / "x.tfl"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (point,) = (json.loads(line) for line in said.splitlines())
    windows_an_epoch = len(range(0, 6000 - 10, 3))
    assert point["windows"] == pytest.approx(4 * windows_an_epoch, rel=0.05)
    assert point["epochs"] == pytest.approx(4, rel=0.05)
    assert point["validation_nats"] < 2.0  # a guess costs log(16) = 2.8
    assert point["seconds"] > 0

    text = "the sultan saw the vizier and the vizier saw the lamp. "
    dictionary = {c: i for i, c in enumerate(sorted(set(text)))}
    oracle.build(dictionary, layers=1, units=32, seq_maxlen=10)
    oracle.load(tmp_path / "x.tfl")
    np.testing.assert_allclose(oracle.probabilities([text[:10]]).sum(), 1.0, atol=1e-5)
