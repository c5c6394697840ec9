"""--check: how long, how big, is it enough."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simpleml.errors import CorpusError
from simpleml.training.check.advice import SIZES, parameter_count, suggested_size
from simpleml.training.check.inspection import inspect_text
from simpleml.training.check.ngram import KneserNey, cross_entropy
from simpleml.training.check.repetition import find_repetition
from simpleml.training.check.report import check_facts, check_text
from simpleml.training.corpus import read_file
from simpleml.training.machine import Speed
from simpleml.training.options import TrainingOptions
from simpleml.training.recurrent import NetworkShape

ROOT = Path(__file__).resolve().parents[2]
SPEED = Speed(
    characters_per_second=5000.0,
    update_seconds=0.2,
    epoch_seconds=120.0,
    epochs=30,
    peak_memory=1_500_000_000,
    parameters=5_400_000,
    machine="a machine",
)
NOUNS = ["sultan", "vizier", "lamp", "palace", "merchant", "desert", "camel", "prince", "genie"]
VERBS = ["saw", "took", "found", "lost", "sold", "gave", "hid", "kept"]


def made_text(sentences: int, seed: int = 0) -> str:
    rng = np.random.default_rng(seed)
    return "".join(
        f"The {rng.choice(NOUNS)} {rng.choice(VERBS)} the {rng.choice(NOUNS)}"
        f"{rng.choice([', ', ' and '])}then {rng.choice(VERBS)} it {rng.integers(1000)} times.\n"
        for _ in range(sentences)
    )


def check(path: Path, text: str | bytes, **options: object) -> str:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return check_text(path, TrainingOptions(**options), measure=lambda: SPEED)  # type: ignore[arg-type]


def test_it_says_how_long_how_big_and_whether_the_text_is_enough(tmp_path: Path) -> None:
    said = check(tmp_path / "a.txt", made_text(3000))
    assert "Enough: " in said
    assert "5,000 characters/s measured here" in said
    assert "30 epochs of 2 min are 60 min at most" in said
    assert "memory: 1,500 MB" in said
    assert "bits per character" in said
    assert "6-grams" in said


def test_minutes_that_are_limited_limit_the_estimate(tmp_path: Path) -> None:
    assert "--max-minutes ends it after 10 min" in check(
        tmp_path / "a.txt", made_text(300), max_minutes=10.0
    )


def test_file_facts_are_told(tmp_path: Path) -> None:
    text = made_text(300).replace("\n", "\r\n").encode("utf-8-sig")
    said = check(tmp_path / "a.txt", text)
    assert "byte order mark" in said
    assert "300 Windows line ends" in said


def test_rare_characters_are_listed_with_their_places(tmp_path: Path) -> None:
    text = made_text(300)
    lines = text.splitlines(keepends=True)
    lines[41] = "A café\u00a0€ here.\n"
    said = check(tmp_path / "a.txt", "".join(lines))
    assert "'é' 1x, first at 42:6" in said
    assert "NO-BREAK SPACE 1x, first at 42:7" in said
    assert "'€' 1x, first at 42:8" in said


def test_a_short_text_is_told_to_be_short(tmp_path: Path) -> None:
    assert "Too short: " in check(tmp_path / "a.txt", made_text(20))
    said = check(tmp_path / "b.txt", made_text(700))
    assert "Short: " in said
    assert "--units" not in said  # measured: the largest network is the best for it too


def test_a_text_whose_end_differs_is_told_to_spread(tmp_path: Path) -> None:
    text = made_text(2000) + made_text(400).upper().replace("A", "Æ")
    assert "--validation spread" in check(tmp_path / "a.txt", text)
    assert "--validation spread" not in check(tmp_path / "b.txt", made_text(2000))


def test_repeated_chapters_are_found_with_both_places(tmp_path: Path) -> None:
    chapter = made_text(100, seed=1)
    text = made_text(300, seed=2) + chapter + made_text(300, seed=3) + chapter
    found = find_repetition(text)
    assert found.share == pytest.approx(len(chapter) / len(text), rel=0.05)
    assert found.longest >= len(chapter)
    assert (
        text[found.first : found.first + found.longest]
        == (text[found.again : found.again + found.longest])
    )
    said = check(tmp_path / "a.txt", text)
    assert "is repetition" in said
    assert "and again at 70" in said


@pytest.mark.parametrize(
    ("text", "share"), [("abc", 0.0), ("x" * 63, 0.0), ("ab" * 32 + "ab" * 32, 126 / 128)]
)
def test_repetition_of_tiny_texts(text: str, share: float) -> None:
    assert find_repetition(text).share == pytest.approx(share)


def test_programs_get_the_same_as_numbers_and_codes(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(made_text(700) + "é")
    options = TrainingOptions(max_minutes=2.0)
    facts = check_facts(path, options, measure=lambda: SPEED)
    assert json.loads(json.dumps(facts)) == facts
    assert facts["characters"] == len(path.read_text())
    assert (facts["epochs"], facts["seconds"]) == (30, 120.0)
    assert (facts["suggested_layers"], facts["suggested_units"]) == (2, 256)
    assert facts["rare"][0] == {
        "character": "é", "name": "'é'", "times": 1, "line": 701, "column": 1,
    }  # fmt: skip
    codes = [one["code"] for one in facts["advice"]]
    assert codes[:2] == ["short", "smaller_network"]
    said = check(path, path.read_text(), max_minutes=2.0)
    assert all(one["message"] in said for one in facts["advice"])


def test_words_are_counted_as_words(tmp_path: Path) -> None:
    said = check(tmp_path / "a.txt", made_text(2000), level="word", max_words=20)
    assert "20 are kept" in said
    assert "raise --max-words" in said
    assert "3-grams of words" in said


def test_what_cannot_be_read_is_refused_as_in_training(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no file"):
        check_text(tmp_path / "none.txt", TrainingOptions())


def test_the_network_is_counted_as_the_trainer_counts_it() -> None:
    for layers, units, alphabet in [(1, 8, 5), (3, 512, 81)]:
        shape = NetworkShape(alphabet, units, layers)
        assert parameter_count(layers, units, alphabet) == shape.parameter_count()


@pytest.mark.parametrize(
    ("minutes", "update_seconds", "size"),
    [
        (None, 0.4, (3, 512)),  # as measured: better than 2x256 on 30,000 characters
        (30.0, 0.1, (3, 512)),  # and where the limit is no limit
        (4.0, 0.1, (3, 512)),
        (3.0, 0.4, (2, 256)),
        (3.0, 1.0, (2, 128)),  # a busy machine
        (0.5, 5.0, (2, 128)),
    ],
)
def test_a_smaller_network_is_advised_where_the_time_is_too_short_for_a_large_one(
    minutes: float | None, update_seconds: float, size: tuple[int, int]
) -> None:
    speed = dataclasses.replace(
        SPEED, update_seconds=update_seconds, epoch_seconds=25 * update_seconds, epochs=100
    )
    assert suggested_size(TrainingOptions(max_minutes=minutes), speed) == size
    small = TrainingOptions(layers=1, units=16, max_minutes=minutes)
    assert suggested_size(small, speed) == (1, 16)  # who asks for less gets no more
    assert size in SIZES


def test_ngram_probabilities_add_up_to_one() -> None:
    rng = np.random.default_rng(0)
    text = rng.choice(5, 3000, p=[0.5, 0.2, 0.15, 0.1, 0.05]).astype(np.int32)
    model = KneserNey(text, vocabulary_size=7, order=4)  # two symbols never seen
    for past in ([], [0], [3, 3, 1], [6, 6, 6, 6], text[50:60].tolist()):
        total = sum(model.probabilities(np.array([*past, s], np.int32))[-1] for s in range(7))
        assert total == pytest.approx(1.0, abs=1e-9)


def test_ngram_model_finds_the_entropy_of_a_known_source() -> None:
    """A first-order chain: 0 goes to 0 or 1 evenly, 1 to 2, 2 to 0; 2/4 of the steps cost 1 bit."""
    rng = np.random.default_rng(1)
    chain, state = [], 0
    for bit in rng.integers(0, 2, 40_000).tolist():
        chain.append(state)
        state = {0: bit, 1: 2, 2: 0}[state]
    symbols = np.array(chain, np.int32)
    visits = np.mean(symbols == 0)
    nats = cross_entropy(symbols[:30_000], symbols[30_000:], 3, order=6)
    assert nats == pytest.approx(visits * np.log(2), abs=0.01)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_ngram_model_of_hardly_any_text_still_answers(order: int) -> None:
    model = KneserNey(np.array([1, 0], np.int32), 3, order)
    p = model.probabilities(np.array([2, 1, 0, 0], np.int32))
    assert np.all((p > 0) & (p < 1))


def test_ngram_bar_on_tinyshakespeare_is_what_the_method_is_known_for(shared: Path) -> None:
    """6-grams reach about 1.52 nats there; networks of five million parameters 1.47 to 1.55."""
    file = read_file(shared / "data" / "tinyshakespeare.txt")
    seen = inspect_text(file, TrainingOptions())
    assert seen.ngram_bits * np.log(2) == pytest.approx(1.5226, abs=0.002)
    assert [(c, times) for c, times, _ in seen.rare] == [("$", 1), ("&", 3)]


def test_the_real_command_measures_this_machine_and_writes_nothing(tmp_path: Path) -> None:
    text = tmp_path / "tales.txt"
    text.write_text(made_text(400))
    network = ["--layers", "1", "--units", "16", "--steps", "8"]
    said = subprocess.run(
        [sys.executable, ROOT / "train.py", text, "--check", *network],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "network: 1 x 16" in said.stdout
    assert "characters/s measured here" in said.stdout
    assert "oneDNN" not in said.stderr and "absl" not in said.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["tales.txt"]
