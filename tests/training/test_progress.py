"""What a training shows and leaves behind."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import pty
import termios
import threading
from pathlib import Path

import pytest

from simpleml.errors import TrainingError
from simpleml.training.progress import Judgement, Progress, display, duration
from simpleml.training.progress.events import EVENTS_FILE, EventLog, read_events
from simpleml.training.progress.judgements import recorded, write_history


def record(epoch: int, **changes: object) -> Judgement:
    values: dict[str, object] = {
        "epoch": epoch,
        "step": epoch * 10,
        "seconds": epoch * 60.0,
        "characters_per_second": 5000.0,
        "learning_rate": 0.002,
        "loss": 2.0 / epoch,
        "selection_nats": 1.9 / epoch,
        "validation_nats": 1.8 / epoch,
        "validation_bits": 2.6 / epoch,
        "best": True,
    }
    return Judgement(**(values | changes))  # type: ignore[arg-type]


def rows(path: Path) -> list[dict[str, str]]:
    """Those of a training.csv."""
    with path.open() as file:
        return list(csv.DictReader(file))


def run(progress: Progress, epochs: range) -> None:
    progress.start(30, step=(epochs.start - 1) * 10)
    for epoch in epochs:
        for _ in range(10):
            progress.step(640, 2.0)
        progress.judged(record(epoch))
        progress.sample(0.5, 'He said\n"no"')
    progress.close()


def test_the_status_file_says_how_far_it_is(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    progress = Progress(status=path, stream=io.StringIO())
    progress.start(30)
    assert json.loads(path.read_text())["share"] == 0
    for _ in range(10):
        progress.step(640, 2.0, share=0.4)
    progress.judged(record(1))
    status = json.loads(path.read_text())
    assert (status["epoch"], status["step"], status["steps"]) == (2, 10, 30)
    assert (status["share"], status["loss"], status["validation_bits"]) == (0.4, 2.0, 2.6)
    assert status["characters_per_second"] > 0
    assert status["seconds_left"] >= 0
    progress.close()
    assert list(tmp_path.iterdir()) == [path]


def test_a_status_that_cannot_be_written_ends_no_training(tmp_path: Path) -> None:
    run(Progress(status=tmp_path / "nowhere" / "status.json", stream=io.StringIO()), range(1, 3))


def test_output_that_is_no_terminal_gets_one_parseable_line_per_epoch() -> None:
    stream = io.StringIO()
    run(Progress(stream=stream), range(1, 4))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 6
    pairs = dict(pair.split("=") for pair in lines[0].split())
    assert pairs["epoch"] == "1"
    assert float(pairs["validation_nats"]) == 1.8
    assert float(pairs["validation_bits"]) == 2.6
    assert float(pairs["characters_per_second"]) == 5000
    assert float(pairs["seconds"]) == 60
    assert lines[1] == r'sample temperature=0.5 text="He said\n\"no\""'


def test_a_log_gets_a_line_every_minute_however_long_an_epoch_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(display.time, "perf_counter", lambda: now)
    stream = io.StringIO()
    progress = Progress(stream=stream)
    progress.start(3000)
    for _ in range(600):  # half an hour
        now += 3.0
        progress.step(4096, 2.0)
    lines = stream.getvalue().splitlines()
    assert 28 <= len(lines) <= 30
    assert lines[-1].startswith("progress step=")
    pairs = dict(pair.split("=") for pair in lines[-1].split()[1:])
    assert float(pairs["loss"]) == 2.0
    assert float(pairs["characters_per_second"]) == pytest.approx(4096 / 3, rel=0.01)
    assert float(pairs["seconds_left"]) > 7000


def test_the_record_of_a_run_holds_everything_once(tmp_path: Path) -> None:
    path = tmp_path / EVENTS_FILE
    progress = Progress(events=path, stream=io.StringIO())
    progress.note("a note")
    run(progress, range(1, 3))
    # a slow machine notes its progress as well
    events = [event for event in read_events(path) if event["type"] != "progress"]
    assert [event["type"] for event in events] == [
        "note", "start", "judgement", "sample", "judgement", "sample",
    ]  # fmt: skip
    assert all({"time", "seconds", "step", "characters"} <= event.keys() for event in events)
    assert events[2]["characters"] == 6400 and events[2]["selection_nats"] == 1.9
    assert events[3]["text"] == 'He said\n"no"'
    assert recorded(tmp_path) == [record(1), record(2)]


def test_what_a_killed_session_did_beyond_its_saved_point_counts_no_more(tmp_path: Path) -> None:
    path = tmp_path / EVENTS_FILE
    run(Progress(events=path, stream=io.StringIO()), range(1, 4))
    progress = Progress(events=path, stream=io.StringIO())
    progress.start(30, step=10)
    for _ in range(10):
        progress.step(640, 2.0)
    progress.judged(record(2, loss=0.5))
    assert [(one.epoch, one.loss) for one in recorded(tmp_path)] == [(1, 2), (2, 0.5)]


def test_a_line_cut_short_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log.append({"type": "note", "text": "one"})
    with path.open("ab") as file:
        file.write(b'{"type": "judg')
    log.append({"type": "note", "text": "two", "loss": float("nan")})
    assert [event["text"] for event in read_events(path)] == ["one", "two"]
    assert b'"loss": null' in path.read_bytes()


def test_a_run_that_fails_says_so_in_its_record(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with (
        pytest.raises(TrainingError),
        Progress(events=path, stream=io.StringIO()) as progress,
    ):
        progress.start(30)
        raise TrainingError("the loss is no longer a number")
    end = list(read_events(path))[-1]
    assert (end["type"], end["state"]) == ("end", "failed")
    assert end["reason"] == "the loss is no longer a number"


def run_on_a_terminal(epochs: range) -> str:
    """What a terminal of 150 columns gets to see."""
    reader, writer = pty.openpty()
    termios.tcsetwinsize(writer, (24, 150))
    shown = bytearray()

    def watch() -> None:
        while True:
            try:
                piece = os.read(reader, 65536)
            except OSError:  # Linux's way to say that the other end is closed
                return
            if not piece:
                return
            shown.extend(piece)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with os.fdopen(writer, "w") as stream:
        run(Progress(stream=stream), epochs)
    watcher.join(timeout=30)
    os.close(reader)
    return shown.decode()


def test_a_terminal_gets_a_bar_and_lines_that_stay() -> None:
    shown = run_on_a_terminal(range(1, 3))
    assert "%|" in shown
    assert "characters/s" in shown
    assert "left" in shown
    assert "epoch   2, loss 1.000, validation 1.300 bits/character" in shown
    assert "at temperature 0.5:\r\n    He said" in shown


def test_csv_and_picture_appear_in_a_folder_that_exists(tmp_path: Path) -> None:
    run(Progress(folder=tmp_path, stream=io.StringIO()), range(1, 4))
    assert [row["epoch"] for row in rows(tmp_path / "training.csv")] == ["1", "2", "3"]
    assert (tmp_path / "training.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["training.csv", "training.png"]


def test_no_folder_is_made_before_a_model_lies_in_it(tmp_path: Path) -> None:
    run(Progress(folder=tmp_path / "x", stream=io.StringIO()), range(1, 2))
    assert not (tmp_path / "x").exists()


def test_a_resumed_training_goes_on_with_the_same_csv(tmp_path: Path) -> None:
    run(Progress(folder=tmp_path, stream=io.StringIO()), range(1, 3))
    progress = Progress(folder=tmp_path, stream=io.StringIO())
    progress.start(30, step=20, history=[record(1), record(2)])
    progress.judged(record(3, best=False))
    assert [row["epoch"] for row in rows(tmp_path / "training.csv")] == ["1", "2", "3"]


def test_an_epoch_that_is_done_again_replaces_its_line(tmp_path: Path) -> None:
    progress = Progress(folder=tmp_path, stream=io.StringIO())
    progress.start(30, history=[record(1), record(2), record(3)])
    progress.judged(record(2, loss=0.5))
    lines = [(row["epoch"], row["loss"]) for row in rows(tmp_path / "training.csv")]
    assert lines == [("1", "2"), ("2", "0.5")]


def test_what_was_not_measured_is_an_empty_cell(tmp_path: Path) -> None:
    path = tmp_path / "training.csv"
    write_history(path, [record(2, validation_nats=None, validation_bits=None, best=False)])
    assert list(rows(path)[0].values()) == [
        "2",
        "20",
        "120",
        "5000",
        "0.002",
        "1",
        "0.95",
        "",
        "",
        "no",
    ]


def test_a_full_disk_is_told_and_the_old_record_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "training.csv"
    write_history(path, [record(1)])

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TrainingError, match=r"training\.csv: No space left"):
        write_history(path, [record(1), record(2)])
    assert [row["epoch"] for row in rows(path)] == ["1"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["training.csv"]


def test_tensorboard_gets_its_event_file(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    run(Progress(tensorboard=tmp_path / "runs", stream=io.StringIO()), range(1, 3))
    events = list((tmp_path / "runs").glob("events.out.tfevents.*"))
    assert len(events) == 1
    content = events[0].read_bytes()
    assert b"validation_bits" in content
    assert b"sample/temperature" in content


def test_closing_twice_does_no_harm(tmp_path: Path) -> None:
    progress = Progress(folder=tmp_path, stream=io.StringIO())
    progress.start(10)
    progress.close()
    progress.close()


@pytest.mark.parametrize(
    ("seconds", "text"), [(45, "45 s"), (720, "12 min"), (11100, "3 h 05 min")]
)
def test_durations_read_like_a_person_says_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
