"""Trainings as files: the queue, what may follow what, what is removed, what a report reads."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from models import write_model

from simpleml.errors import (
    InvalidValueError,
    TrainingConflictError,
    TrainingNotFoundError,
    TrainingStorageError,
)
from simpleml.jobs.job import Job
from simpleml.jobs.process import flags
from simpleml.jobs.report import (
    EVENTS_FILE,
    MOST_PASSES,
    MOST_POINTS,
    Report,
    last_words,
    read_curve,
    read_log,
    read_report,
    told_error,
)
from simpleml.jobs.store import MOST_INTERRUPTIONS, JobStore

TEXT = "once upon a time "


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path, most=3)


def put_model(store: JobStore, job: Job, sha256: str) -> None:
    """A model where the training would have written it."""
    write_model(store.models_dir, job.name, layers=1, units=8, corpus={"sha256": sha256})


def test_trainings_wait_in_the_order_in_which_they_came(store: JobStore) -> None:
    jobs = [store.create(name, TEXT, {}) for name in ("b", "a", "c")]
    assert store.jobs() == jobs
    assert [store.place(job, jobs) for job in jobs] == [0, 1, 2]
    store.put("b", state="running")
    now = store.jobs()
    assert [store.place(job, now) for job in now] == [None, 1, 2]
    store.put("b", state="failed")
    assert store.resume("b").state == "waiting"
    assert [job.name for job in store.jobs()] == ["a", "c", "b"]


def test_names_are_checked_taken_once_and_limited_in_number(store: JobStore) -> None:
    for name in ("../x", ".x", "v1", "train", ""):
        with pytest.raises(InvalidValueError):
            store.create(name, TEXT, {})
    store.create("a", TEXT, {})
    with pytest.raises(TrainingConflictError, match="A training named a exists already"):
        store.create("a", TEXT, {})
    (store.models_dir / "mine").mkdir()
    with pytest.raises(TrainingConflictError, match="not trained here"):
        store.create("mine", TEXT, {})
    store.create("b", TEXT, {})
    store.create("c", TEXT, {})
    with pytest.raises(TrainingConflictError, match="as many as this server keeps"):
        store.create("d", TEXT, {})
    with pytest.raises(TrainingNotFoundError, match="Available: a, b, c"):
        store.get("d")


def test_what_may_follow_what(store: JobStore) -> None:
    store.create("a", TEXT, {})
    with pytest.raises(TrainingConflictError):
        store.resume("a")
    store.put("a", state="running")
    for change in (store.resume, store.delete):
        with pytest.raises(TrainingConflictError):
            change("a")
    assert store.cancel("a").cancel, "its process is to be asked first"
    store.put("a", state="done", cancel=False)
    for change in (store.resume, store.cancel):
        with pytest.raises(TrainingConflictError):
            change("a")
    assert store.delete("a") is False
    assert store.jobs() == []


def test_minutes_that_are_over_can_be_followed_by_more(store: JobStore) -> None:
    job = store.create("a", TEXT, {"max_minutes": 2.0, "layers": 1})
    store.claim(job)
    with (store.model("a") / EVENTS_FILE).open("w") as record:
        record.write('{"type": "end", "time": 1, "seconds": 90, "step": 10}\n')
    store.put("a", state="done")
    with pytest.raises(TrainingConflictError):
        store.resume("a")
    resumed = store.resume("a", max_minutes=10)
    assert resumed.state == "waiting"
    assert resumed.options == {"max_minutes": 11.5, "layers": 1}
    store.create("b", TEXT, {})
    store.put("b", state="done")
    with pytest.raises(TrainingConflictError, match="nothing to resume"):
        store.resume("b", max_minutes=10)  # all its epochs are done


def test_deleting_takes_the_model_that_was_made_and_no_other(store: JobStore) -> None:
    job = store.create("a", TEXT, {})
    store.claim(job)
    put_model(store, job, job.sha256)
    assert store.made_here(job)
    assert store.delete("a") is True
    assert not (store.models_dir / "a").exists()

    job = store.create("a", TEXT, {})
    store.claim(job)
    put_model(store, job, "another text's")  # copied over it
    assert store.delete("a") is False
    assert (store.models_dir / "a" / "a.json").exists()
    shutil.rmtree(store.models_dir / "a")

    job = store.create("a", TEXT, {})
    store.claim(job)
    shutil.rmtree(store.models_dir / "a")
    put_model(store, job, job.sha256)  # put in its place: the mark is missing
    with pytest.raises(TrainingConflictError):
        store.claim(job)
    assert store.delete("a") is False
    assert (store.models_dir / "a" / "a.json").exists()


def test_a_link_out_of_the_models_folder_is_not_followed(store: JobStore, tmp_path: Path) -> None:
    job = store.create("a", TEXT, {})
    store.claim(job)
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    (store.models_dir / "a").rename(elsewhere)
    (store.models_dir / "a").symlink_to(elsewhere)
    assert not store.made_here(job)
    assert store.delete("a") is False
    assert elsewhere.is_dir()


def test_interruptions_are_taken_up_again_unless_nothing_comes_of_it(store: JobStore) -> None:
    store.create("a", TEXT, {})
    for _ in range(MOST_INTERRUPTIONS):
        assert store.interrupted("a", epochs=5).state == "waiting"  # type: ignore[union-attr]
    assert store.interrupted("a", epochs=5).state == "interrupted"  # type: ignore[union-attr]
    store.resume("a")
    for epochs in range(6, 20):
        assert store.interrupted("a", epochs).state == "waiting"  # type: ignore[union-attr]
    store.put("a", cancel=True)
    assert store.interrupted("a", 20).state == "cancelled"  # type: ignore[union-attr]


def test_one_of_several_leads_until_it_goes(store: JobStore) -> None:
    store.create("a", TEXT, {})
    first = store.lead()
    assert first is not None
    other = JobStore(store.models_dir, most=3)
    assert other.lead() is None
    first.close()
    second = other.lead()
    assert second is not None
    second.close()


def good(name: str = "bad") -> dict[str, Any]:
    """The job.json of a training."""
    return {
        "name": name, "id": "1", "state": "running", "created": 1.0, "queued": 1.0,
        "options": {}, "characters": 3, "sha256": "0",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "EOF"),
        (json.dumps(good())[:40], "EOF"),
        ("[]", "object"),
        ("null", "object"),
        ("\0\0\0", "JSON"),
        ('{"some": "thing"}', "name"),
        (json.dumps({**good(), "queued": "now"}), "queued"),
        (json.dumps({**good(), "queued": float("nan")}), "queued"),
        (json.dumps({**good(), "state": "lost"}), "state"),
        (json.dumps({**good(), "options": ["--layers"]}), "options"),
        (json.dumps({**good(), "id": ""}), "id"),
        (json.dumps(good("other")), "other"),
        ("[" * 100_000, "JSON"),
        (None, "No such file"),
    ],
)
def test_a_damaged_training_costs_itself_alone(
    store: JobStore, content: str | None, why: str
) -> None:
    store.create("bad", TEXT, {})
    well = store.create("well", TEXT, {})
    facts = store.folder("bad") / "job.json"
    facts.unlink()
    if content is not None:
        facts.write_text(content)
    bad = store.get("bad")
    assert (bad.state, bad.damaged) == ("failed", True)
    assert "damaged" in bad.error and why in bad.error
    assert {job.name for job in store.jobs()} == {"bad", "well"}
    assert store.place(well, store.jobs()) == 0
    assert store.put("bad", state="done") is None
    assert store.interrupted("bad", epochs=1) is None
    for change in (store.resume, store.cancel):
        with pytest.raises(TrainingConflictError):
            change("bad")
    with pytest.raises(TrainingConflictError, match="A training named bad exists already"):
        store.create("bad", TEXT, {})
    write_model(store.models_dir, "bad", layers=1, units=8)
    assert store.delete("bad") is False, "whose model it is cannot be told"
    assert store.jobs() == [well]


def test_fields_of_a_later_version_do_no_harm(store: JobStore) -> None:
    job = store.create("a", TEXT, {})
    facts = store.folder("a") / "job.json"
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "colour": "blue"}))
    assert store.get("a") == job


def test_a_folder_that_cannot_be_written_is_told(store: JobStore) -> None:
    store.root.write_text("no folder")
    assert store.jobs() == []
    with pytest.raises(TrainingStorageError, match="cannot be saved: File exists"):
        store.create("a", TEXT, {})


def test_a_full_disk_is_told_and_changes_nothing(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = store.create("a", TEXT, {})

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    for change in (lambda: store.create("b", TEXT, {}), lambda: store.cancel("a")):
        with pytest.raises(TrainingStorageError, match="No space left"):
            change()
    assert store.jobs() == [job]
    assert not list(store.root.rglob("*.new*"))


def test_every_renamed_file_has_its_folder_synced(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create("a", TEXT, {})
    synced = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").resolve())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    store.cancel("a")
    assert store.folder("a") in synced
    store.create("b", TEXT, {})
    assert store.root in synced
    synced.clear()
    store.claim(store.get("b"))
    assert store.models_dir in synced
    synced.clear()
    store.delete("b")
    assert {store.models_dir, store.root} <= set(synced)


def test_options_become_arguments() -> None:
    options = {"layers": 2, "lower": True, "max_minutes": None, "epochs": 3, "level": "char"}
    assert flags(options) == ["--layers", "2", "--lower", "--epochs", "3", "--level", "char"]
    assert flags({"lower": False}) == []


def test_a_log_gives_its_last_lines_for_people(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text(
        "I0000 00:00:17 1 port.cc:153] oneDNN custom operations are on.\n"
        "epoch=1 step=10 loss=2\n"
        'sample temperature=0.5 text="<b>"\n'
        "epoch=2 step=20 loss=1\n"
    )
    assert read_log(log) == ["epoch=1 step=10 loss=2", "epoch=2 step=20 loss=1"]
    log.write_bytes(b"\xff\n" + b"x" * 200_000 + b"\ntrain.py: the last\n")
    assert last_words(log) == "the last"
    assert last_words(tmp_path / "none") == ""


def judgement(epoch: int) -> dict[str, Any]:
    return {
        "type": "judgement", "time": 1, "seconds": 60 * epoch, "step": 10 * epoch, "epoch": epoch,
        "loss": 2, "selection_nats": 1.9, "validation_bits": 2.7, "best": True,
        "characters_per_second": 5000,
    }  # fmt: skip


def record(model: Path, *events: dict[str, Any]) -> Path:
    path = model / EVENTS_FILE
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps({"time": 1, **event}) + "\n" for event in events))
    return path


def test_a_curve_is_thinned_out_and_ends_with_its_last_epoch(tmp_path: Path) -> None:
    record(tmp_path, *map(judgement, range(1, 1001)))
    points = read_report(tmp_path).curve
    assert len(points) <= MOST_POINTS
    assert points[-1].epoch == 1000 and points[0].epoch <= 4


def test_samples_of_a_long_run_lie_farther_and_farther_apart(tmp_path: Path) -> None:
    def sample(epoch: int, temperature: float) -> dict[str, Any]:
        return {
            "type": "sample", "seconds": 60 * epoch, "step": 10 * epoch, "text": f"after {epoch}",
            "temperature": temperature, "seed": "once ",
        }  # fmt: skip

    def kept(passes: int) -> list[int]:
        lines = [(judgement(one), sample(one, 0.5), sample(one, 1)) for one in range(1, passes + 1)]
        record(tmp_path, *(one for three in lines for one in three))
        samples = read_report(tmp_path).samples
        assert [one.temperature for one in samples] == [0.5, 1] * (len(samples) // 2)
        assert {one.seed for one in samples} == {"once "}
        assert [one.text for one in samples] == [f"after {one.epoch}" for one in samples]
        return [one.epoch for one in samples[::2]]

    assert kept(MOST_PASSES) == list(range(1, MOST_PASSES + 1))
    assert kept(200) == [1, 2, 4, 7, 14, 27, 53, 103, 200]


def test_the_curve_of_a_model_without_a_record_is_that_of_its_table(tmp_path: Path) -> None:
    assert read_curve(tmp_path) == []
    table = tmp_path / "training.csv"
    head = "epoch,step,seconds,characters_per_second,learning_rate,loss,selection_nats,"
    table.write_text(f"{head}validation_nats,validation_bits,best\n1.5,9,60,900,0.1,2.5,,,,yes\n")
    (point,) = read_curve(tmp_path)
    assert (point.epoch, point.seconds, point.loss, point.selection) == (1, 60, 2.5, None)
    table.write_text(f"{head}validation_nats,validation_bits,best\n1.5,9,sixty,900\n")
    assert read_curve(tmp_path) == []
    record(tmp_path, judgement(1), judgement(2))
    assert [one.epoch for one in read_curve(tmp_path)] == [1, 2]


def test_an_error_is_told_for_programs(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text('train.py: no\n{"error": {"message": "no", "reason": "text_too_short"}}\n')
    assert told_error(log) == {"message": "no", "reason": "text_too_short"}
    assert last_words(log) == "no"
    for other in ("train.py: no\n", '{"error": ', "[1]", ""):
        log.write_text(other)
        assert told_error(log) == {}


def test_a_record_says_how_far_it_is_and_what_was_written(tmp_path: Path) -> None:
    hostile = 'He said\n"no" <b>'
    start = {"type": "start", "seconds": 0, "step": 0, "steps": 40, "max_seconds": None}
    progress = {
        "type": "progress", "seconds": 70, "step": 12, "share": 0.3, "loss": 1.9,
        "characters_per_second": 4000, "seconds_left": 30,
    }  # fmt: skip
    sample = {"type": "sample", "seconds": 61, "step": 10, "temperature": 0.5, "text": hostile}
    note = {"type": "note", "seconds": 0, "step": 0, "text": "read as cp1252"}
    path = record(tmp_path, note, start, judgement(1), sample, progress)
    found = read_report(tmp_path)
    assert (found.epoch, found.seconds, found.share, found.loss) == (1, 70, 0.3, 1.9)
    assert (found.characters_per_second, found.seconds_left) == (4000, 30)
    assert [(one.epoch, one.temperature, one.text) for one in found.samples] == [(1, 0.5, hostile)]
    with path.open("a") as more:  # it was killed and goes on from the tenth update
        more.write(
            json.dumps(judgement(2)) + "\n" + json.dumps({**start, "time": 2, "step": 10}) + "\n"
        )
    assert read_report(tmp_path).epoch == 1 and read_report(tmp_path).share == 0.25
    with path.open("a") as more:
        more.write(json.dumps({"type": "end", "time": 3, "seconds": 99, "step": 20}) + "\n")
    ended = read_report(tmp_path)
    assert (ended.seconds, ended.time, ended.seconds_left) == (99, 3, None)


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", '"end"', '{"type": "progress"}', '{"type": ["end"]}', "\ufffd\0",
        '{"type": "end", "time": 1, "seconds": NaN, "step": 1}',
        '{"type": "end", "time": 1, "seconds": 1, "step": "1e99"}',
    ],
)  # fmt: skip
def test_a_damaged_record_says_nothing_and_costs_no_other_line(
    tmp_path: Path, content: str
) -> None:
    path = record(tmp_path)
    path.write_text(content)
    assert read_report(tmp_path) == Report()
    path.write_text(content + "\n" + json.dumps(judgement(1)) + "\n")
    assert read_report(tmp_path).epoch == 1


def test_a_record_may_end_anywhere(tmp_path: Path) -> None:
    path = record(tmp_path, judgement(1), judgement(2))
    whole = path.read_text()
    for length in range(len(whole)):
        path.write_text(whole[:length])
        assert read_report(tmp_path).epoch in (0, 1, 2)
