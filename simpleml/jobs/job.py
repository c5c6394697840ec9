"""One training that was asked for, and the file that keeps it, job.json in its folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from simpleml.files import write_whole

FILE = "job.json"
State = Literal["waiting", "running", "done", "failed", "cancelled", "interrupted"]


@dataclass(frozen=True)
class Job:
    """One training; times are seconds since 1970."""

    __pydantic_config__ = ConfigDict(strict=True, allow_inf_nan=False)

    name: str
    id: Annotated[str, Field(min_length=1)]
    """Empty for one whose job.json is damaged."""
    state: State
    created: float
    queued: float
    """Place in the queue: the smallest goes first."""
    options: dict[str, Any]
    """Of train.py, by the names of TrainingOptions' fields."""
    characters: int
    sha256: str
    """Of the text's bytes."""
    source: str | None = None
    visitor: str = ""
    """Who asked for it, in a class."""
    cancel: bool = False
    """It runs and was asked to stop."""
    started: float | None = None
    ended: float | None = None
    error: str = ""
    error_reason: str = ""
    """The same for programs, where there is a word for it; as SimpleMLError.reason and values."""
    error_values: dict[str, Any] = field(default_factory=dict)
    interruptions: int = 0
    """In a row, without an epoch between."""
    epochs_then: int = 0
    """Epochs done at the last interruption."""

    @property
    def damaged(self) -> bool:
        """Whether nothing is known of it but that it was there."""
        return not self.id


_JOB = TypeAdapter(Job)


def read_job(folder: Path) -> Job | None:
    """The training of a folder, None if there is no such folder.

    One whose file is missing or damaged is there too: it failed, and its error says why.
    """
    if not folder.is_dir():
        return None
    try:
        job = _JOB.validate_json((folder / FILE).read_bytes())
        if job.name != folder.name:
            raise ValueError(f"it belongs to the training {job.name}")
    except (OSError, ValueError) as error:
        return _damaged(folder, error)
    return job


def write_job(folder: Path, job: Job) -> None:
    """Keep a training, whole and synced.

    Raises:
        OSError: the disk is full or the folder not writable; what was there stands.
    """
    write_whole(folder / FILE, _JOB.dump_json(job, indent=1))


def _damaged(folder: Path, error: Exception) -> Job | None:
    """What stands for a training of which job.json says nothing; None if it was just deleted."""
    try:
        changed = folder.stat().st_mtime
    except OSError:
        return None
    why = str(error)
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        why = ": ".join([*map(str, first["loc"]), first["msg"]])
    elif isinstance(error, OSError):
        why = error.strerror or why
    return Job(
        name=folder.name,
        id="",
        state="failed",
        created=changed,
        queued=changed,
        options={},
        characters=0,
        sha256="",
        error=f"The record of this training ({FILE}) is damaged ({why}): delete the training.",
    )
