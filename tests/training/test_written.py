"""What a network writes at the end: whole words, copies; beside what a person wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import pair_weights

from simpleml.training.material import read_material
from simpleml.training.options import TrainingOptions
from simpleml.training.recurrent import NetworkShape, from_network_weights
from simpleml.training.written import judge_written

WORDS = [
    "once",
    "there",
    "was",
    "an",
    "old",
    "king",
    "who",
    "had",
    "three",
    "sons",
    "and",
    "the",
    "youngest",
    "went",
    "to",
    "sea",
]


def tale(words: int) -> str:
    random = np.random.default_rng(1)
    return " ".join(random.choice(WORDS) for _ in range(words))


def judged(text: str, folder: Path, begun: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a network writes that knows which character follows which in a text, and no more."""
    path = folder / "mine.txt"
    path.write_text(text)
    material = read_material(path, TrainingOptions())
    parameters, _ = from_network_weights(pair_weights(text))
    shape = NetworkShape(len(material.vocabulary), len(set(text)), 1)
    return judge_written(parameters, shape, material, folder, begun or {})


def test_half_words_are_told_from_whole_ones(tmp_path: Path) -> None:
    found = judged(tale(2000), tmp_path)
    assert found["characters"] == 16 * 250 and found["temperature"] == 0.5
    assert found["known_words_held_out"] == 1.0
    assert found["known_words"] < 0.8, "it knows pairs of letters alone"
    assert found["copied"] < found["copied_held_out"]


def test_what_is_known_by_heart_is_copied(tmp_path: Path) -> None:
    assert judged("abcdefghijklm-nopqrstuvwxyz., " * 60, tmp_path)["copied"] > 0.99


def test_words_of_its_base_are_words_too(tmp_path: Path) -> None:
    before = judged(tale(300), tmp_path)
    corpus = {"file": "novels.txt"}
    letters = sorted(set("".join(WORDS)))
    pairs = " ".join(a + b for a in letters for b in letters)
    (tmp_path / "novels.txt").write_text(f"{pairs} {' '.join(letters)}")
    begun = {"name": "novels", "corpus": corpus}
    after = judged(tale(300), tmp_path, begun)
    assert after["known_words"] > before["known_words"]
    assert after["copied"] == before["copied"]


@pytest.mark.parametrize("begun", [{"name": None}, {"name": "gone", "corpus": {"file": "a.txt"}}])
def test_a_base_whose_text_is_not_here_changes_nothing(
    begun: dict[str, Any], tmp_path: Path
) -> None:
    assert judged(tale(300), tmp_path, begun) == judged(tale(300), tmp_path)
