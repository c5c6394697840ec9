"""A run's saved point: everything needed to go on as if it had never stopped, in one file.

One ``.npz`` of float32 arrays and a JSON text; no pickle. It is written beside its place, synced
and renamed, so the file at that place is whole at every instant, however the process ends.
"""

from __future__ import annotations

import errno
import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from simpleml.errors import TrainingError
from simpleml.files import writing
from simpleml.training.learner import LearnerState
from simpleml.training.optimizer import Groups
from simpleml.training.recurrent import Array

FORMAT = 1
_STORED = ("parameters", "first", "second", "average", "carried", "start")


@dataclass
class SavedPoint:
    """All that a run needs to go on."""

    learner: LearnerState
    facts: dict[str, Any]
    """JSON: options, the text's hash, epoch, chunk, random state, best score, …"""
    start: list[Array] = field(default_factory=list)
    """The parameters of the base that it was begun from; empty for none."""


def save_point(path: Path, point: SavedPoint) -> None:
    """Write ``path`` whole or not at all.

    Raises:
        TrainingError: the disk is full or the folder not writable; what was there stands.
    """
    arrays: dict[str, Array] = {}
    for group, values in zip(
        _STORED, (*point.learner.groups, point.learner.carried, point.start), strict=True
    ):
        for number, value in enumerate(values):
            arrays[f"{group}/{number}"] = value
    facts = {**point.facts, "format": FORMAT, "updates": point.learner.updates}
    arrays["facts"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path) as file:
            np.savez(file, allow_pickle=False, **arrays)
    except OSError as error:
        raise storage_error(path, error) from error


def load_point(path: Path) -> SavedPoint:
    """Read what ``save_point`` wrote.

    Raises:
        TrainingError: there is no such file, or it is something else.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as data:
            facts = json.loads(bytes(data["facts"]).decode())
            groups = []
            for group in _STORED:
                count = sum(name.startswith(f"{group}/") for name in data.files)
                groups.append([data[f"{group}/{number}"] for number in range(count)])
    except FileNotFoundError:
        raise TrainingError(
            f"there is nothing to resume: {path} does not exist; train without --resume"
        ) from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise TrainingError(f"{path} is not a saved point of a training: {error}") from None
    if facts.get("format") != FORMAT:
        raise TrainingError(f"{path} was saved by another version of SimpleML: train anew")
    *four, carried, start = groups
    return SavedPoint(LearnerState(Groups(*four), carried, facts["updates"]), facts, start)


def storage_error(path: Path, error: OSError) -> TrainingError:
    """An error of the disk in words that say what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        reason = "no space is left on the disk"
    else:
        reason = error.strerror or str(error)
    return TrainingError(
        f"cannot write {path}: {reason}. The model and the last saved point stand as they were; "
        "make room, then run the same command with --resume"
    )
