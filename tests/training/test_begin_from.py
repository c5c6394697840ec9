"""train.py --from: a small text begins from a base, ends no worse, and says so on its card."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import pair_weights, write_model

from simpleml.models.artifact import find_artifact, read_artifact

ROOT = Path(__file__).resolve().parents[2]
TALE = "The old king had three sons. The first son went to the sea, and the sea was deep. "
WORDS = TALE.split()


def train_py(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "train.py"), str(folder / "tale.txt"), "--models-dir",
         str(folder), "--sample-every", "0", "--precision", "float32", *more],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip


def card(folder: Path, name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / name / f"{name}.json").read_text())
    return loaded


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base that has read tales, an old model, and a short tale with a sign that none knows."""
    made = tmp_path_factory.mktemp("ML")
    symbols = sorted(set(TALE))
    write_model(
        made, "tales", weights=pair_weights(TALE * 9), alphabet=symbols, base=True, language="en"
    )
    write_model(made, "old", weights=pair_weights(TALE * 9), alphabet=symbols, card=False)
    write_model(made, "words", level="word", alphabet=["<unk>", " the", "."])
    write_model(made, "keys", alphabet="UDLRЖЩ"[4:])
    data = write_model(made, "torn", alphabet=symbols) / "torn.tfl.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-1])
    random = np.random.default_rng(0)
    (made / "tale.txt").write_text(" ".join(random.choice(WORDS) for _ in range(70)) + " 1!")
    return made


@pytest.fixture(scope="module")
def trained(folder: Path) -> tuple[str, dict[str, Any]]:
    """What train.py said with nothing but a name, and the card."""
    done = train_py(folder, "--name", "mine", "--epochs", "2")
    assert done.returncode == 0, done.stderr
    return done.stderr, card(folder, "mine")


def test_it_begins_from_the_base_and_says_why(trained: tuple[str, dict[str, Any]]) -> None:
    said, made = trained
    assert "begins from tales: tales predicts the text with" in said
    begun = made["training"]["begun_from"]
    assert begun["name"] == "tales"
    assert len(begun["weights_sha256"]) == 64
    assert made["training"]["options"]["begin_from"] == "tales"
    assert made["language"] == "en"
    assert not made["base"]


def test_it_is_never_worse_than_the_base(trained: tuple[str, dict[str, Any]]) -> None:
    _, made = trained
    assert made["metrics"]["selection_nats"] <= made["training"]["begun_from"]["selection_nats"]


def test_the_model_has_the_text_s_own_vocabulary(
    folder: Path, trained: tuple[str, dict[str, Any]]
) -> None:
    paths = find_artifact(folder, "mine")
    assert paths is not None
    text = (folder / "tale.txt").read_text()
    assert list(read_artifact(paths).vocabulary.symbols) == sorted(set(text))


def test_resuming_with_another_base_is_refused(
    folder: Path, trained: tuple[str, dict[str, Any]]
) -> None:
    before = card(folder, "mine")
    done = train_py(folder, "--name", "mine", "--resume", "--from", "old")
    assert done.returncode == 1
    assert "cannot resume with --from old (it was tales)" in done.stderr
    assert card(folder, "mine") == before


def test_a_run_that_learns_nothing_leaves_the_base_in_the_text_s_vocabulary(folder: Path) -> None:
    done = train_py(
        folder, "--name", "spoiled", "--from", "old", "--epochs", "1", "--learning-rate", "1.0",
        "--base-share", "0",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = card(folder, "spoiled")
    assert made["training"]["best_epoch"] == 0
    assert made["metrics"]["selection_nats"] == made["training"]["begun_from"]["selection_nats"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--name", "a", "--from", "nobody"], "--from nobody: there is no such model"),
        (["--name", "tales", "--from", "tales", "--overwrite"], "that is the model being written"),
        (["--name", "a", "--from", "tales", "--level", "word"], "a network of words begins from"),
        (["--name", "a", "--from", "words"], "--from words: it is a network of words"),
        (["--name", "a", "--from", "keys"], "--from keys: it knows none of the text's symbols"),
        (["--name", "a", "--from", "torn"], "--from torn: torn.tfl.data-00000-of-00001"),
        (["--name", "a", "--from", "tales", "--recipe", "windows"], "TFLearn's recipe begins from"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(
    folder: Path, asked: list[str], said: str
) -> None:
    before = sorted(folder.rglob("*"))
    done = train_py(folder, *asked)
    assert done.returncode == 1
    assert said in done.stderr
    assert sorted(folder.rglob("*")) == before
