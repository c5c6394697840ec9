"""What a training begins from: the base that predicts the text better than counting, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import pair_weights, write_model

from simpleml.errors import TrainingError
from simpleml.training import base
from simpleml.training.fine_tuning import Beginning, beginning, mixed, tuning
from simpleml.training.material import read_material
from simpleml.training.options import TrainingOptions

TALE = "The old king had three sons. The first son went to the sea, and the sea was deep. "
OTHER = "UDLR RRLDU LLURD DDRUL URDLD LURRD "


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A base that has read tales, one that has read keys, and texts of both kinds."""
    write_model(
        tmp_path, "tales", weights=pair_weights(TALE * 9), alphabet=sorted(set(TALE)), base=True
    )
    write_model(
        tmp_path, "keys", weights=pair_weights(OTHER * 9), alphabet=sorted(set(OTHER)), base=True
    )
    random = np.random.default_rng(0)
    words = TALE.split()
    tale = " ".join(random.choice(words) for _ in range(60))
    (tmp_path / "tale.txt").write_text(tale)
    (tmp_path / "noise.txt").write_text("".join(random.choice(list("xyzw"), 2000)))
    return tmp_path


def begun(folder: Path, text: str, **given: Any) -> Beginning:
    options = TrainingOptions(**given)
    material = read_material(folder / text, options)
    return beginning(material, options, given, folder, "mine")


def test_auto_takes_the_base_that_predicts_the_text_best_and_says_why(folder: Path) -> None:
    found = begun(folder, "tale.txt")
    assert found.base is not None
    assert found.base.name == "tales"
    assert found.counting is not None
    assert found.base.nats < found.counting
    assert "tales predicts the text with" in found.why


def test_auto_begins_from_nothing_where_counting_is_better(folder: Path) -> None:
    found = begun(folder, "noise.txt")
    assert found.base is None
    assert "counting" in found.why or "no base" in found.why


@pytest.mark.parametrize("asked", [{"layers": 3}, {"units": 64}])
def test_auto_respects_another_size(folder: Path, asked: dict[str, int]) -> None:
    found = begun(folder, "tale.txt", **asked)
    assert found.base is None
    assert "tales is " in found.why


def test_what_cannot_be_begun_from_is_not_measured(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    measured = base.measured
    monkeypatch.setattr(
        base, "measured", lambda one, *text: (seen.append(one.name), measured(one, *text))[1]
    )
    assert begun(folder, "tale.txt", units=64).reason == "size"
    assert begun(folder, "noise.txt").reason == "symbols"
    assert begun(folder, "tale.txt", level="word").reason == "kind"
    assert seen == []
    assert begun(folder, "tale.txt").reason == "best"
    assert seen == ["tales"], "keys knows hardly a symbol of the tale"


def test_a_base_whose_weights_are_damaged_is_passed_over(folder: Path) -> None:
    data = folder / "tales" / "tales.tfl.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:-1])
    found = begun(folder, "tale.txt")
    assert (found.base, found.why) == (None, "from nothing: no base here can be read")


def test_tflearn_s_recipe_has_no_base(folder: Path) -> None:
    with pytest.raises(TrainingError, match="TFLearn's recipe begins from nothing"):
        begun(folder, "tale.txt", recipe="windows", begin_from="tales")


def test_the_card_says_why(folder: Path) -> None:
    said = begun(folder, "tale.txt").described()
    assert (said["name"], said["reason"]) == ("tales", "best")
    assert said["nats_before"] < said["counting_nats"]
    assert begun(folder, "tale.txt", begin_from="nothing").described() == {
        "name": None, "why": "from nothing, as asked", "reason": "asked",
    }  # fmt: skip


@pytest.mark.parametrize("asked", [{"level": "word"}, {"recipe": "windows"}])
def test_words_and_tflearn_s_recipe_begin_from_nothing(folder: Path, asked: dict[str, str]) -> None:
    assert begun(folder, "tale.txt", **asked).base is None


def test_nothing_is_nothing_and_a_named_model_is_taken(folder: Path) -> None:
    assert begun(folder, "tale.txt", begin_from="nothing").base is None
    found = begun(folder, "tale.txt", begin_from="keys")
    assert found.base is not None
    assert found.base.name == "keys"
    found = begun(folder, "tale.txt", begin_from=str(folder / "tales"))
    assert found.base is not None


def test_a_named_base_that_is_not_there_stops_the_start(folder: Path) -> None:
    with pytest.raises(TrainingError, match=r"--from nobody: there is no such model"):
        begun(folder, "tale.txt", begin_from="nobody")


def test_the_mean_of_two_networks() -> None:
    start, tuned = [np.zeros(3, np.float32)], [np.ones(3, np.float32)]
    np.testing.assert_allclose(mixed(start, tuned, 0.0)[0], 1.0)
    np.testing.assert_allclose(mixed(start, tuned, 1.0)[0], 0.0)
    np.testing.assert_allclose(mixed(start, tuned, 0.25)[0], 0.75)


def test_the_longer_the_text_the_less_of_the_base_is_kept() -> None:
    shares = [tuning(size)["base_share"] for size in (5_000, 50_000, 500_000, 5_000_000)]
    assert shares == sorted(shares, reverse=True)
    assert all(TrainingOptions(**tuning(size)).checked() for size in (300, 20_000, 10_000_000))
