"""train.py --corpus: one command from a name to a model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from mirror import TEXT, Mirror, entry

from simpleml.corpora import CATALOGUE

SHORT = TEXT[:13_800]
SMALL = [
    "--layers", "1", "--units", "8", "--epochs", "1", "--batch-size", "64", "--steps", "32",
    "--sample-every", "0", "--precision", "float32",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the models is this test's."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    """A mirror that has the catalogue's only new text, of which a tail must not be held out."""
    monkeypatch.setitem(CATALOGUE, "made", entry(SHORT, validation="spread"))
    made = Mirror()
    made.files["made.txt"] = SHORT
    yield made
    made.close()


def train(*arguments: str) -> int:
    from simpleml.commands import train

    return train.main(list(arguments))


def card(name: str = "made") -> dict[str, dict[str, object]]:
    read: dict[str, dict[str, object]] = json.loads(Path("ML", name, f"{name}.json").read_text())
    return read


def test_one_command_fetches_the_text_and_trains_on_it(mirror: Mirror) -> None:
    pytest.importorskip("keras")
    assert train("--corpus", "made", "--base-url", mirror.url, *SMALL) == 0
    assert Path("ML/made.txt").read_bytes() == SHORT
    corpus, training = card()["corpus"], card()["training"]
    assert corpus["source"] == "A made text: nowhere"
    assert corpus["licence"] == "public domain"
    assert corpus["sha256"] == CATALOGUE["made"].sha256
    assert str(training["command"]).startswith("python train.py --corpus made --name made --layers")
    assert "base-url" not in str(training["command"])
    options = training["options"]
    assert isinstance(options, dict)
    assert options["validation"] == "spread"
    # once more, with the text that is there, on from the saved point
    asked = len(mirror.ranges)
    assert train("--corpus", "made", *SMALL, "--epochs", "2", "--resume") == 0
    assert len(mirror.ranges) == asked
    assert card()["training"]["epochs"] == 2


def test_what_is_asked_for_goes_before_the_catalogue(mirror: Mirror) -> None:
    pytest.importorskip("keras")
    own = ["--name", "mine", "--source", "a friend", "--validation", "tail"]
    assert train("--corpus", "made", "--base-url", mirror.url, *SMALL, *own) == 0
    read = card("mine")
    assert read["corpus"]["source"] == "a friend"
    assert read["training"]["options"]["validation"] == "tail"  # type: ignore[index]
    assert "--corpus made --name mine" in str(read["training"]["command"])


def test_check_looks_at_the_corpus(mirror: Mirror, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("keras")
    small = ["--layers", "1", "--units", "8", "--batch-size", "64", "--steps", "32"]
    assert train("--corpus", "made", "--base-url", mirror.url, "--check", *small) == 0
    assert "made.txt: 13,800 bytes" in capsys.readouterr().out
    assert sorted(path.name for path in Path("ML").iterdir()) == [".corpora", "made.txt"]


def test_an_unknown_name_lists_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert train("--corpus", "moby") == 1
    assert (
        "unknown corpus 'moby'; available: contes, english, francais, shakespeare, sherlock"
        in capsys.readouterr().err
    )
    assert not Path("ML").exists()


def test_an_edited_text_of_that_name_is_not_trained_on(
    mirror: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("ML").mkdir()
    Path("ML/made.txt").write_bytes(SHORT + b"!")
    assert train("--corpus", "made", "--base-url", mirror.url) == 1
    assert "is not the catalogue's text" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["tales.txt", "--corpus", "sherlock"], ["--check"]])
def test_a_text_or_a_corpus_and_not_both(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        train(*arguments)
    assert ended.value.code == 2
    assert "give a text to learn from, or --corpus NAME" in capsys.readouterr().err


def test_options_that_cannot_be_are_said_before_anything_is_fetched(
    mirror: Mirror, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train("--corpus", "made", "--base-url", mirror.url, "--epochs", "0") == 1
    assert "--epochs 0" in capsys.readouterr().err
    assert mirror.ranges == []
