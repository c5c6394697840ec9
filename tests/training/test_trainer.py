"""A training from a text to a model: what it leaves, what it refuses, how it is paced."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simpleml.errors import TrainingError
from simpleml.models.artifact import find_artifact, read_artifact
from simpleml.training import backends, evaluation, recurrent, schedule
from simpleml.training.judging import ALWAYS, SHARE, JudgingPlan
from simpleml.training.learner import LearnerOptions, LearnerState
from simpleml.training.options import TrainingOptions
from simpleml.training.progress.events import EVENTS_FILE, read_events
from simpleml.training.progress.judgements import recorded
from simpleml.training.recurrent import NetworkShape
from simpleml.training.run_state import RunState
from simpleml.training.streams import StreamChunks, WindowChunks
from simpleml.training.trainer import Trainer

ROOT = Path(__file__).resolve().parents[2]
SENTENCE = "the quick brown fox jumps over the lazy dog, and the dog sleeps on. "
SMALL = TrainingOptions(
    layers=1,
    units=24,
    steps=16,
    epochs=3,
    batch_size=8,
    learning_rate=2e-2,
    dropout=0.05,
    weight_drop=0.05,
    sample_every=0,
    judge_every=17_000,  # an epoch
    precision="float32",
)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "fox.txt"
    path.write_text(SENTENCE * 300)
    return path


@pytest.fixture(scope="module")
def trained(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(models folder, result) of one small training that the tests look at."""
    models = tmp_path_factory.mktemp("ML")
    result = Trainer(text, "fox", models_dir=models, options=SMALL, source="a pangram").run()
    return models, result


def test_it_learns_what_can_be_learned(trained: Any) -> None:
    _, result = trained
    assert result.stateful.nats < 0.7  # the alphabet's own entropy is 2.9
    assert result.best_epoch == 3


def test_the_folder_holds_a_model_that_reads_back_with_its_card(trained: Any) -> None:
    models, result = trained
    paths = find_artifact(models, "fox")
    assert paths is not None
    artifact = read_artifact(paths)
    card = artifact.card
    assert (card.layers, card.units, card.vocabulary_size) == (1, 24, len(set(SENTENCE)))
    assert card.stateful is True
    assert card.corpus["source"] == "a pangram"
    assert card.metrics["stateful"]["nats"] == pytest.approx(result.stateful.nats, abs=1e-4)
    assert card.metrics["window"]["nats"] == pytest.approx(result.window.nats, abs=1e-4)
    assert card.metrics["bits_per_character"] == pytest.approx(result.bits_per_character, abs=1e-3)
    assert str(models) not in json.dumps(card.to_json())  # a card tells nobody's folders
    for name in ("training.csv", "training.png", "fox.tfl.meta"):
        assert (models / "fox" / name).stat().st_size > 0


def test_every_judgement_is_a_line_of_the_csv(trained: Any) -> None:
    models, result = trained
    with (models / "fox" / "training.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    scores = [float(row["selection_nats"]) for row in rows]
    assert min(scores) == pytest.approx(result.selection_nats, abs=1e-4)
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates[-1] < 0.02 * SMALL.learning_rate  # decayed at the end


def test_a_long_epoch_is_judged_and_exported_within(text: Path, tmp_path: Path) -> None:
    options = TrainingOptions(**{**SMALL.as_dict(), "epochs": 1, "judge_every": 5_000})
    Trainer(text, "fox", models_dir=tmp_path, options=options).run()
    history = recorded(tmp_path / "fox")
    assert [round(one.epoch, 1) for one in history] == [0.3, 0.7, 1.0]
    lines = (tmp_path / "fox" / "training.csv").read_text().splitlines()[1:]
    assert [int(line.split(",")[1]) for line in lines] == [one.step for one in history]
    events = list(read_events(tmp_path / "fox" / EVENTS_FILE))
    events = [event for event in events if event["type"] not in ("note", "progress")]
    assert [event["type"] for event in events] == [
        "start", "judgement", "judgement", "judgement", "end",
    ]  # fmt: skip
    assert events[0]["steps"] == events[-1]["step"] == history[-1].step
    end = events[-1]
    assert (end["state"], end["epochs"], end["best_epoch"]) == ("done", 1, 1)
    assert 0 < end["stateful_nats"] < 3 and 0 < end["bits_per_character"] < 5


def test_an_existing_model_is_not_overwritten_by_accident(trained: Any, text: Path) -> None:
    models, _ = trained
    before = (models / "fox" / "fox.json").read_bytes()
    with pytest.raises(TrainingError, match="--overwrite"):
        Trainer(text, "fox", models_dir=models, options=SMALL)
    assert (models / "fox" / "fox.json").read_bytes() == before


def test_resuming_with_another_text_is_refused(trained: Any, tmp_path: Path) -> None:
    models, _ = trained
    other = tmp_path / "other.txt"
    other.write_text(SENTENCE * 200)
    with pytest.raises(TrainingError, match="another text"):
        Trainer(other, "fox", models_dir=models, resume=True)


def test_resuming_with_another_size_is_refused_by_name(trained: Any, text: Path) -> None:
    models, _ = trained
    with pytest.raises(TrainingError, match=r"--units 48 \(it was 24\)"):
        Trainer(text, "fox", models_dir=models, resume=True, given={"units": 48})


def test_resuming_nothing_is_refused(text: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="nothing to resume"):
        Trainer(text, "fox", models_dir=tmp_path, resume=True)


def test_export_only_writes_the_model_again(trained: Any, text: Path) -> None:
    models, result = trained
    (models / "fox" / "fox.tfl.index").rename(models / "aside")
    try:
        Trainer(text, "fox", models_dir=models, resume=True).export_only()
        paths = find_artifact(models, "fox")
        assert paths is not None
        assert read_artifact(paths).card.metrics["selection_nats"] == pytest.approx(
            result.selection_nats, abs=1e-4
        )
    finally:
        (models / "aside").unlink()


def test_a_model_of_words_has_an_unknown_symbol_and_bits_per_character(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text(SENTENCE * 150 + " ".join(f"rare{chr(97 + n)}x" for n in range(20)))
    options = TrainingOptions(
        **{**SMALL.as_dict(), "level": "word", "max_words": 12, "epochs": 2, "steps": 8}
    )
    result = Trainer(path, "words", models_dir=tmp_path / "ML", options=options).run()
    paths = find_artifact(tmp_path / "ML", "words")
    assert paths is not None
    artifact = read_artifact(paths)
    assert artifact.card.level == "word"
    assert artifact.card.unknown_symbol in artifact.vocabulary.index
    assert len(artifact.vocabulary) == 12
    assert result.bits_per_character < result.stateful.nats / np.log(2)  # a word is longer


def test_tflearns_recipe_trains_on_windows(text: Path, tmp_path: Path) -> None:
    options = TrainingOptions(
        **{
            **SMALL.as_dict(),
            "recipe": "windows",
            "seq_maxlen": 10,
            "redun_step": 7,
            "batch_size": 32,
            "weight_drop": 0.0,
            "dropout": 0.0,
        }
    )
    result = Trainer(text, "windows", models_dir=tmp_path, options=options).run()
    assert result.window.nats < 1.5
    paths = find_artifact(tmp_path, "windows")
    assert paths is not None
    assert read_artifact(paths).card.seq_maxlen == 10


# --- the command line ---


def train_py(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "train.py"), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (None, [], "no file"),
        (b"", [], "empty"),
        (b"0123456789", [], "10 characters"),
        (b"a" * 5000, [], "one distinct character"),
        (b"caf\xe9 " * 500, ["--encoding", "utf-8"], "byte 0xe9"),
        (SENTENCE.encode() * 30, ["--name", "../x"], "--name"),
        (SENTENCE.encode() * 30, ["--name", "v1"], "reserved"),
        (SENTENCE.encode() * 30, ["--epochs", "0"], "--epochs 0"),
        (SENTENCE.encode() * 30, ["--dropout", "1"], "--dropout 1"),
        ("".join(map(chr, range(0x4E00, 0x4E00 + 20_000))).encode(), [], "20,000 distinct"),
    ],
)
def test_what_cannot_be_trained_is_said_at_once(
    content: bytes | None,
    arguments: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    from simpleml.commands import train

    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    assert train.main([str(path), *arguments]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "ML").exists()


def test_help_explains_every_option(tmp_path: Path) -> None:
    done = train_py("--help", cwd=tmp_path)
    assert done.returncode == 0
    for option in TrainingOptions().as_dict():
        assert f"--{option.replace('_', '-')}" in done.stdout
    for option in ("--resume", "--overwrite", "--check", "--export-only", "--tensorboard"):
        assert option in done.stdout


# --- the parts it is made of ---


def judged(plan: JudgingPlan, epochs: int, second: float, cost: float) -> list[float]:
    """Where a run is judged whose updates take so many seconds, and its judgements ``cost``."""
    found, since, last = [], 0.0, 0.0
    for epoch in range(epochs):
        for chunk in range(1, plan.chunks + 1):
            since += second
            done = epoch + chunk / plan.chunks
            if plan.due(epoch, chunk) and plan.affordable(done, since, last):
                found.append(done)
                since, last = 0.0, cost
    return found


def test_a_long_epoch_is_judged_within_and_a_short_one_not_at_each_end() -> None:
    million = JudgingPlan(chunks=244, characters=1_000_000)
    assert judged(million, 25, second=0.4, cost=3.0) == list(range(1, 26))

    long = JudgingPlan(chunks=11_475, characters=47_000_000)
    places = judged(long, 2, second=0.3, cost=15.0)
    assert len(places) == 20 and places[9] == 1.0
    assert max(b - a for a, b in pairwise(places)) * 47_000_000 < 5_000_000

    short = JudgingPlan(chunks=17, characters=17_000)
    places = judged(short, 100, second=0.1, cost=2.5)
    assert places[: len(ALWAYS)] == list(ALWAYS)
    rest = places[len(ALWAYS) :]
    assert rest and 2.5 * len(rest) <= SHARE * 100 * 17 * 0.1


def test_judgements_asked_for_come_as_often_as_asked() -> None:
    assert judged(JudgingPlan(50, 10_000, every=10_000), 3, 0.0, 9.0) == [1, 2, 3]
    assert judged(JudgingPlan(50, 10_000, every=5_200), 2, 0.0, 9.0) == [0.5, 1, 1.5, 2]
    assert judged(JudgingPlan(50, 10_000, every=29_000), 9, 0.0, 9.0) == [3, 6, 9]
    assert len(judged(JudgingPlan(50, 10_000, every=1), 1, 0.0, 9.0)) == 50


def test_patience_counts_epochs_and_needs_several_judgements() -> None:
    run = RunState()
    run.note_judgement(2.0, 1.0, counts=True)
    for epoch in (9.0, 17.0):
        assert not run.note_judgement(2.1, epoch, counts=True)
        assert not run.impatient(8)
    run.note_judgement(2.1, 25.0, counts=True)
    assert run.impatient(8)
    parts = RunState()
    for part in range(31):  # ten to an epoch: the best at first, then three epochs of worse ones
        parts.note_judgement(1.0 + part, 0.1 * (part + 1), counts=True)
        assert parts.impatient(3) == (part == 30)


def test_a_point_of_an_earlier_version_goes_on() -> None:
    saved = {"epoch": 3, "chunk": 4, "best": 1.5, "best_epoch": 2, "worse": 1, "loss_sum": 9.0}
    run = RunState.of({**saved, "epoch_seconds": 12.0, "progress": 0.3, "seconds": 99.0})
    assert (run.epoch, run.chunk, run.judged, run.loss_sum) == (3, 4, 3.0, 0.0)


def test_a_run_bound_to_minutes_ends_in_time_with_its_schedule_done() -> None:
    """On a simulated clock that slows down halfway."""
    pace = schedule.Pace(updates=100_000, seconds=600.0)
    elapsed, progress, done = 20.0, 0.0, 0  # 20 s of compilation
    advance = pace.advance(progress, done)
    while progress < 1.0:
        elapsed += 0.1 if elapsed < 300 else 0.25
        done += 1
        progress += advance
        pace.update_ended(elapsed)
        if done % 50 == 0 or done == 10:
            advance = pace.advance(progress, done)
    assert 500.0 < elapsed < 600.0
    assert done < 100_000


def test_without_a_time_limit_the_schedule_ends_with_the_last_update() -> None:
    pace = schedule.Pace(updates=300)
    progress = 0.0
    for done in range(300):
        assert progress < 1.0 - 1e-9
        progress += pace.advance(progress, done)
        pace.update_ended(float(done))
    assert progress == pytest.approx(1.0)


def test_every_symbol_is_a_target_once_in_an_epoch_and_streams_run_on() -> None:
    text = np.arange(960, dtype=np.int32)
    chunks = StreamChunks(text, rows=4, steps=12)
    chunks.begin(np.random.default_rng(0))
    blocks = [chunks.chunk(number) for number in range(chunks.count)]
    targets = np.concatenate([targets.ravel() for _, targets in blocks])
    assert sorted(targets) == list(range(960))
    for (_, before), (after, _) in pairwise(blocks):
        np.testing.assert_array_equal(before[-1], after[0])


def test_windows_are_tflearns() -> None:
    text = np.arange(100, dtype=np.int32)
    chunks = WindowChunks(text, rows=5, steps=25, stride=3)
    chunks.begin(np.random.default_rng(0))
    tokens, targets = chunks.chunk(0)
    assert tokens.shape == (25, 5) and targets.shape == (1, 5)
    np.testing.assert_array_equal(tokens[-1] + 1, targets[0])
    assert set(tokens[0] % 3) == {0}


@pytest.mark.parametrize("size", [20, 150, 3000])
def test_any_text_gives_chunks_that_fit(size: int) -> None:
    chunks = StreamChunks(np.zeros(size, np.int32), rows=64, steps=64)
    tokens, targets = chunks.chunk(chunks.count - 1)
    assert tokens.shape == targets.shape == (chunks.steps, chunks.rows)


@pytest.fixture(scope="module")
def learner() -> Any:
    backend = backends.current()
    backend.prepare()
    shape = NetworkShape(vocabulary=6, units=8, layers=2)
    parameters = recurrent.initial_parameters(shape, np.random.default_rng(1))
    parameters[-2] *= 8.0  # so that what came before matters
    state = LearnerState.fresh(parameters, recurrent.zero_state(shape, 4))
    return backend.Learner(shape, LearnerOptions(), state)


def test_a_sweep_in_parallel_parts_is_the_sweep_of_one_row(learner: Any) -> None:
    piece = np.random.default_rng(2).integers(0, 6, 32 * 50 + 1).astype(np.int32)
    whole = evaluation.stateful_losses(learner, [piece], rows=1, steps=32)[0]
    parts = evaluation.stateful_losses(learner, [piece], rows=4, steps=32)[0]
    direct, carried = [], recurrent.zero_state(learner.shape, 1)
    for first in range(0, 32 * 50, 32):
        block = piece[first : first + 33, None]
        values, carried = learner.losses(block[:-1], block[1:], carried)
        direct.append(values[:, 0])
    np.testing.assert_allclose(whole, np.concatenate(direct), atol=1e-4)
    np.testing.assert_allclose(parts, whole, atol=1e-4)


def test_pieces_are_swept_each_by_itself(learner: Any) -> None:
    random = np.random.default_rng(4)
    pieces = [random.integers(0, 6, size).astype(np.int32) for size in (1300, 90, 2, 700)]
    together = evaluation.stateful_losses(learner, pieces, rows=4, steps=32)
    for piece, losses in zip(pieces, together, strict=True):
        alone = evaluation.stateful_losses(learner, [piece], rows=1, steps=32)[0]
        assert len(losses) == len(piece) - 1
        np.testing.assert_allclose(losses, alone, atol=1e-4)


def test_a_window_is_judged_from_the_zero_state(learner: Any) -> None:
    piece = np.random.default_rng(3).integers(0, 6, 200).astype(np.int32)
    positions = np.array([25, 60, 199])
    losses = evaluation.window_losses(learner, piece, 25, positions, rows=4)
    for loss, position in zip(losses, positions, strict=True):
        window = piece[position - 25 : position + 1, None]
        alone = evaluation.stateful_losses(learner, [window[:, 0]], rows=1, steps=25)[0]
        assert loss == pytest.approx(float(alone[-1]), abs=1e-4)


@pytest.mark.parametrize(("asked", "status"), [([], 1), (["--check", "--json"], 70)])
def test_an_impossible_backend_is_named_and_is_not_the_texts_fault(
    text: Path, tmp_path: Path, asked: list[str], status: int
) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "train.py", text, "--models-dir", tmp_path, *asked],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "KERAS_BACKEND": "theano"},
    )
    assert done.returncode == status
    assert "KERAS_BACKEND=theano" in done.stderr and "Traceback" not in done.stderr
