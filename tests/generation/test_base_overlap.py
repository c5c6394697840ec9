"""What a model copied from its base's text is counted apart from what it copied from its own."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from models import pair_weights, write_model

from simpleml import ModelLoader
from simpleml.commands.copying import main

ROOT = Path(__file__).resolve().parents[2]
OWN = "abcdefghijklmnopqrstuvwxyz"
OF_BASE = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def corpus(name: str, text: str) -> dict[str, Any]:
    return {"file": f"{name}.txt", "sha256": hashlib.sha256(text.encode()).hexdigest()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """tuned, which writes its own text and its base's in turn, and the texts of both."""
    begun = {"name": "base", "corpus": corpus("novels", OF_BASE)}
    write_model(
        tmp_path, "tuned", alphabet=sorted(set(OWN + OF_BASE)), corpus=corpus("tuned", OWN),
        weights=pair_weights((OWN + OF_BASE) * 9), training={"begun_from": begun}, stateful=True,
    )  # fmt: skip
    write_model(tmp_path, "fresh", corpus=corpus("tuned", OWN))
    (tmp_path / "tuned.txt").write_text(OWN)
    (tmp_path / "novels.txt").write_text(OF_BASE)
    return tmp_path


def examined(folder: Path, text: str, name: str = "tuned") -> Any:
    loader = ModelLoader(folder)
    generator = loader.load(name)
    return loader.examine(generator, loader.corpus_index(generator), text)


def test_each_text_has_its_own_count(folder: Path) -> None:
    found = examined(folder, OWN[:22] + OF_BASE[:30])
    assert (found.own.copied, found.own.longest.length) == (22, 22)
    assert (found.base, found.of_base.copied, found.of_base.longest.start) == ("base", 30, 22)


def test_a_model_that_began_from_nothing_has_no_base(folder: Path) -> None:
    found = examined(folder, OF_BASE, "fresh")
    assert (found.own.copied, found.base, found.of_base) == (0, None, None)


@pytest.mark.parametrize("text", [None, OF_BASE + "!"])
def test_without_the_bases_text_nothing_is_said_of_it(folder: Path, text: str | None) -> None:
    (folder / "novels.txt").unlink()
    if text is not None:
        (folder / "novels.txt").write_text(text)
    found = examined(folder, OWN)
    assert (found.own.copied, found.base, found.of_base) == (26, "base", None)


def test_the_base_and_what_began_from_it_share_an_index(folder: Path) -> None:
    write_model(folder, "base", corpus=corpus("novels", OF_BASE), base=True)
    loader = ModelLoader(folder)
    assert loader.base_index(loader.load("tuned")) is loader.corpus_index(loader.load("base"))
    assert loader.base_index(loader.load("base")) is None


def test_a_blend_has_the_bases_of_its_members(folder: Path) -> None:
    write_model(folder, "base", corpus=corpus("novels", OF_BASE), base=True)
    begun = {"name": "base", "corpus": corpus("novels", OF_BASE)}
    write_model(folder, "other", corpus=corpus("tuned", OWN), training={"begun_from": begun})
    for blend, name in (("tuned+fresh", "base"), ("tuned+other", "base"), ("fresh+base", None)):
        found = examined(folder, OF_BASE, blend)
        assert (found.base, found.of_base and found.of_base.copied) == (name, name and 36)


def test_a_base_that_read_lower_case_is_compared_so(folder: Path) -> None:
    begun = {"name": "base", "corpus": corpus("novels", OF_BASE), "lower": True}
    write_model(folder, "tuned", corpus=corpus("tuned", OWN), training={"begun_from": begun})
    assert examined(folder, OF_BASE.lower()).of_base.copied_share == 1.0


@pytest.mark.parametrize(
    "begun",
    [
        {"name": "../secret", "corpus": {}},
        {"name": "..", "corpus": {"file": "../secret.txt"}},
        {"name": 7},
        {"corpus": corpus("novels", OF_BASE)},
        "base",
    ],
)
def test_a_card_leads_to_no_file_outside_the_folder(folder: Path, begun: Any) -> None:
    (folder.parent / "secret.txt").write_text(OF_BASE)
    write_model(folder, "tuned", corpus=corpus("tuned", OWN), training={"begun_from": begun})
    assert examined(folder, OF_BASE).of_base is None


def test_the_command_prints_both(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tuned", "--models-dir", str(folder), "--size", "200"]) == 0
    own, of_base, *rest = capsys.readouterr().out.splitlines()
    assert own.startswith("temperature 0.2: ") and "'abcdefghijklmnopqrstuvwxyz'" in own
    assert of_base.startswith("  from what base has read: ") and repr(OF_BASE) in of_base
    assert len(rest) == 4
    (folder / "some.txt").write_text(OF_BASE)
    assert main(["tuned", "--models-dir", str(folder), "--text", str(folder / "some.txt")]) == 0
    own, of_base = capsys.readouterr().out.splitlines()
    assert own.startswith("0.0 % of 36 characters")
    assert of_base.startswith("  from what base has read: 100.0 % of 36 characters copied")


def test_the_command_says_where_the_bases_text_is_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = (folder / "novels.txt").rename(folder.parent / "elsewhere.txt")
    command = ["tuned", "--models-dir", str(folder), "--size", "100"]
    assert main(command) == 0
    said, *lines = capsys.readouterr().out.splitlines()
    assert said.startswith("of what its base base has read nothing can be said: ")
    assert "novels.txt" in said or "base.txt" in said
    assert len(lines) == 3
    assert main([*command, "--base-corpus", str(elsewhere)]) == 0
    assert "from what base has read" in capsys.readouterr().out
    assert main([*command, "--base-corpus", str(folder / "tuned.txt")]) == 1
    assert "tuned.txt is not the text" in capsys.readouterr().err
    command[0] = "fresh"
    assert main([*command, "--base-corpus", str(elsewhere)]) == 1
    assert "--base-corpus: fresh did not begin from one model" in capsys.readouterr().err


def test_the_bench_counts_what_stands_in_either(folder: Path) -> None:
    (folder / "some.txt").write_text(OWN + "!?" + OF_BASE)
    said = subprocess.run(
        [sys.executable, "bench/copying.py", "--models-dir", folder, "--size", "200",
         "--written", folder / "some.txt"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "| tuned | some.txt | 40.6%; 26 | base: 56.2%; 36 | 96.9% |" in said
    assert "fresh" not in said
