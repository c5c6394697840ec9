"""The exported page as a file: what is in it, and when there is none."""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from models import ALPHABET, random_weights, write_model

from simpleml.commands.export import main
from simpleml.exporting.page import page
from simpleml.models.artifact import Artifact
from simpleml.models.card import Card
from simpleml.models.vocabulary import Vocabulary

HOSTILE = "</script><script>alert(1)</script><!-- \u2028 @weights@"


def model(**described: object) -> Artifact:
    vocabulary = Vocabulary.of(ALPHABET)
    card = Card(1, 8, len(vocabulary), **described)  # type: ignore[arg-type]
    return Artifact("tales", card, vocabulary, random_weights(len(vocabulary), 1, 8))


def part(whole: str, name: str) -> str:
    (found,) = re.findall(rf'<script[^>]* id="{name}">([^<]*)</script>', whole)
    return str(found)


def test_whatever_a_card_says_stays_data() -> None:
    whole = page(model(corpus={"source": HOSTILE, "licence": HOSTILE}))
    assert json.loads(part(whole, "model"))["card"]["corpus"]["source"] == HOSTILE
    assert whole.count("<script") == 5 == whole.count("</script>")


def test_the_same_model_gives_the_same_bytes() -> None:
    assert page(model()) == page(model())


def test_both_languages_say_the_same_things() -> None:
    words = json.loads(part(page(model()), "words"))
    assert set(words["en"]) == set(words["fr"])
    html = page(model())
    shown = set(re.findall(r'data-t(?:-[\w-]+)?="([\w.]+)"', html))
    assert shown <= set(words["en"])


def test_3x512_with_100_symbols_stays_under_8_mb() -> None:
    vocabulary = Vocabulary.of(map(chr, range(100)))
    weights = random_weights(100, 3, 512)
    whole = page(Artifact("large", Card(3, 512, 100), vocabulary, weights))
    assert len(whole.encode()) < 8_000_000


def test_a_vocabulary_of_2000_symbols_can_be_taken_away(tmp_path: Path) -> None:
    symbols = ["<unk>", *(f" word{number}" for number in range(1999))]
    write_model(
        tmp_path, "many", alphabet=symbols, level="word", unknown_symbol="<unk>", stateful=True
    )
    file = tmp_path / "many.html"
    assert main(["many", "--html", str(file), "--models-dir", str(tmp_path)]) == 0
    described = json.loads(part(file.read_text("utf-8"), "model"))
    assert " word1998" in described["vocabulary"]["symbols"]


def test_a_broken_model_leaves_no_file(
    models_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "damaged.html"
    assert main(["damaged", "--html", str(file), "--models-dir", str(models_dir)]) == 1
    assert "damaged.tfl.data" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--html", "--zip", "--onnx"])
def test_where_there_is_no_room_nothing_is_half_written(
    option: str, models_dir: Path, tmp_path: Path
) -> None:
    file = tmp_path / "out"
    file.write_text("what was there")
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000));"
        "from simpleml.commands.export import main; sys.exit(main(sys.argv[1:]))"
    )
    arguments = ["flow", option, str(file), "--models-dir", str(models_dir)]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert done.stderr.splitlines()[-1] == f"simpleml export: {file} cannot be written: " + (
        os.strerror(errno.EFBIG)
    )
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert file.read_text() == "what was there"
