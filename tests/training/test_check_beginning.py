"""--check says what a training would begin from and why, and its advice follows that."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import pair_weights, write_model

from simpleml.errors import TrainingError
from simpleml.training.check.report import check_facts, check_text
from simpleml.training.fine_tuning import tuning
from simpleml.training.machine import Speed
from simpleml.training.options import TrainingOptions

ROOT = Path(__file__).resolve().parents[2]
TALE = "The old king had three sons. The first son went to the sea, and the sea was deep. "
SPEED = Speed(
    characters_per_second=5000.0,
    update_seconds=0.2,
    epoch_seconds=9.0,
    epochs=5,
    peak_memory=1_500_000_000,
    parameters=5_400_000,
    machine="a machine",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A base that has read tales, a model of words, a tale, and noise."""
    write_model(
        tmp_path, "tales", weights=pair_weights(TALE * 9), alphabet=sorted(set(TALE)), base=True
    )
    write_model(tmp_path, "words", level="word", alphabet=["<unk>", " the", "."])
    random = np.random.default_rng(0)
    words = TALE.split()
    (tmp_path / "tale.txt").write_text(" ".join(random.choice(words) for _ in range(1800)))
    (tmp_path / "noise.txt").write_text("".join(random.choice(list("aeio"), 8000)))
    return tmp_path


def facts(folder: Path, text: str = "tale.txt", **given: Any) -> dict[str, Any]:
    return check_facts(
        folder / text, TrainingOptions(**given), measure=lambda: SPEED, models_dir=folder,
        name="mine", given=given,
    )  # fmt: skip


def test_it_names_the_base_with_its_bits_and_those_of_counting(folder: Path) -> None:
    # of so short a tale counting knows little
    words = (folder / "tale.txt").read_text().split()
    (folder / "tale.txt").write_text(" ".join(words[:60]))
    found = facts(folder)
    begun = found["begins_from"]
    assert (begun["name"], begun["reason"]) == ("tales", "best")
    assert 0 < begun["bits"] < begun["counting_bits"]
    assert begun["why"].startswith("from tales: tales predicts the text with")
    assert "begins from tales: as it is, it predicts this text with" in " ".join(found["words"])
    assert found["advice"][0]["code"] == "little_begun"


def test_a_text_too_short_for_a_fresh_network_is_enough_for_a_base(folder: Path) -> None:
    fresh = facts(folder, begin_from="nothing")
    assert fresh["advice"][0]["code"] == "too_short"
    assert fresh["begins_from"] == {
        "name": None, "why": "from nothing, as asked", "reason": "asked", "bits": None,
        "counting_bits": None,
    }  # fmt: skip
    begun = facts(folder, begin_from="tales")
    assert begun["begins_from"]["name"] == "tales"
    assert begun["begins_from"]["counting_bits"] > 0, "measured for whoever asked for a base too"
    (first, *_) = begun["advice"]
    assert first["code"] == "enough_begun"
    assert first["values"]["seconds"] == 45.0
    assert "tales knows the language already" in first["message"]
    assert (begun["layers"], begun["units"]) == (1, len(set(TALE)))
    assert (begun["suggested_layers"], begun["suggested_units"]) == (1, len(set(TALE)))
    said = check_text(
        folder / "tale.txt", TrainingOptions(begin_from="tales"), measure=lambda: SPEED,
        models_dir=folder,
    )  # fmt: skip
    assert "begins from tales" in said and "Too short" not in said


@pytest.mark.parametrize(
    ("text", "given", "reason"),
    [
        ("noise.txt", {}, "counting"),
        ("tale.txt", {"level": "word"}, "kind"),
        ("tale.txt", {"units": 64}, "size"),
    ],
)
def test_it_says_why_it_begins_from_nothing(
    folder: Path, text: str, given: dict[str, Any], reason: str
) -> None:
    found = facts(folder, text, **given)
    assert (found["begins_from"]["name"], found["begins_from"]["reason"]) == (None, reason)
    assert f"begins {found['begins_from']['why']}" in found["words"]
    assert found["advice"][0]["code"] == "too_short"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("nobody", "--from nobody: there is no such model"),
        ("words", "--from words: it is a network of words"),
        ("mine", "--from mine: that is the model being written"),
    ],
)
def test_what_cannot_be_begun_from_is_told(folder: Path, asked: str, said: str) -> None:
    with pytest.raises(TrainingError, match=said):
        facts(folder, begin_from=asked)


def test_the_real_command_measures_the_tuning_itself(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    done = subprocess.run(
        [sys.executable, ROOT / "train.py", folder / "tale.txt", "--check", "--json",
         "--from", "tales", "--models-dir", folder, "--precision", "float32"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["epochs"] == tuning(found["characters"])["epochs"] < 10
    assert found["begins_from"]["name"] == "tales"
    assert sorted(folder.rglob("*")) == before
