"""A run that was killed, stopped or starved of disk goes on as if nothing had happened."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from simpleml.errors import TrainingError
from simpleml.models.artifact import find_artifact, read_artifact
from simpleml.training import state
from simpleml.training.learner import LearnerState
from simpleml.training.progress.events import EVENTS_FILE, read_events
from simpleml.training.progress.judgements import recorded

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = [
    *("--layers", "1", "--units", "16", "--steps", "16", "--batch-size", "4"),
    *("--epochs", "24", "--patience", "24", "--dropout", "0.2", "--weight-drop", "0.2"),
    *("--sample-every", "0", "--precision", "float32", "--judge-every", "6000"),
]
PATIENCE = 300.0  # seconds to wait for a condition before the test fails


def start(text: Path, models: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "train.py"), str(text), "--name", "fox"]
    return subprocess.Popen(
        [*command, "--models-dir", str(models), *more],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def end(process: subprocess.Popen[str]) -> str:
    _, error = process.communicate(timeout=PATIENCE)
    return error


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if process.poll() is not None:
            pytest.fail(f"it ended by itself: {end(process)[-2000:]}")
        assert time.monotonic() < deadline
        time.sleep(0.002)  # between two looks; nothing depends on its length


def epochs_saved(models: Path) -> int:
    """Epochs in the saved point, 0 if there is none yet."""
    try:
        return int(state.load_point(models / "fox" / state_file()).facts["run"]["epoch"])
    except TrainingError:
        return 0


def state_file() -> Path:
    from simpleml.training.trainer import STATE_FILE

    return STATE_FILE


def held_out(log: str) -> float:
    found = re.search(r"([\d.]+) nats per symbol stateful", log)
    assert found, log[-2000:]
    return float(found[1])


def test_killed_stopped_and_resumed_it_ends_where_an_unbroken_run_ends(tmp_path: Path) -> None:
    text = tmp_path / "fox.txt"
    text.write_text("the quick brown fox jumps over the lazy dog and sleeps on. " * 120)
    unbroken = start(text, tmp_path / "one", *OPTIONS)
    models = tmp_path / "two"
    killed = start(text, models, *OPTIONS)
    try:
        wait_for(lambda: epochs_saved(models) >= 3, killed)
        killed.kill()  # SIGKILL: no handler runs
        end(killed)
        paths = find_artifact(models, "fox")
        assert paths is not None
        read_artifact(paths)  # whole

        stopped = start(text, models, "--resume")
        here = epochs_saved(models)
        wait_for(lambda: epochs_saved(models) >= here + 3, stopped)
        stopped.send_signal(signal.SIGTERM)
        log = end(stopped)
        assert stopped.returncode == 128 + signal.SIGTERM
        assert "--resume" in log

        last = start(text, models, "--resume")
        log = end(last)
        assert last.returncode == 0, log[-2000:]
        expected = end(unbroken)
    finally:
        for process in (unbroken, killed):
            process.kill()
    assert held_out(log) == pytest.approx(held_out(expected), abs=1e-4)
    cards = [json.loads((tmp_path / d / "fox" / "fox.json").read_text()) for d in ("one", "two")]
    assert cards[0]["training"]["best_epoch"] == cards[1]["training"]["best_epoch"]
    rows = [
        (tmp_path / d / "fox" / "training.csv").read_text().splitlines() for d in ("one", "two")
    ]
    assert len(rows[0]) == len(rows[1]) == 25
    one, two = (recorded(tmp_path / d / "fox") for d in ("one", "two"))
    assert [a.step for a in one] == [b.step for b in two] and len(one) == 24
    kinds = [event["type"] for event in read_events(models / "fox" / EVENTS_FILE)]
    assert kinds.count("start") == 3 and kinds.count("end") == 2  # SIGKILL writes none


def point() -> state.SavedPoint:
    arrays = [np.arange(6, dtype=np.float32).reshape(2, 3)]
    generator = np.random.default_rng(7).bit_generator.state
    learner = LearnerState.fresh(arrays, [np.ones((1, 2), np.float32)])
    learner.updates = 9
    return state.SavedPoint(learner, {"random": generator, "run": {"epoch": 2, "best": 1.25}})


def test_a_saved_point_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "training" / "state.npz"
    state.save_point(path, point())
    again = state.load_point(path)
    assert again.learner.updates == 9
    np.testing.assert_array_equal(
        again.learner.groups.parameters[0], point().learner.groups.parameters[0]
    )
    np.testing.assert_array_equal(again.learner.carried[0], 1.0)
    generator = np.random.default_rng(0)
    generator.bit_generator.state = again.facts["random"]
    assert generator.random() == np.random.default_rng(7).random()


def test_a_full_disk_is_said_and_the_last_point_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.npz"
    state.save_point(path, point())
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TrainingError, match=r"no space is left.*--resume"):
        state.save_point(path, point())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"something else", b"PK\x03\x04 cut short"])
def test_what_is_no_saved_point_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match="not a saved point"):
        state.load_point(path)


def test_a_pickle_in_the_place_of_the_state_runs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "state.npz"
    np.savez(path.with_suffix(""), facts=np.array([{"format": 1}], dtype=object))
    with pytest.raises(TrainingError, match="not a saved point"):
        state.load_point(path)
