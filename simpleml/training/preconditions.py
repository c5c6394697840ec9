"""What has to hold before a training may touch anything."""

from __future__ import annotations

import shutil
from pathlib import Path

from simpleml.errors import SimpleMLError, TrainingError
from simpleml.models.artifact import find_artifact
from simpleml.models.card import check_name
from simpleml.training.recurrent import NetworkShape


def checked_name(name: str) -> str:
    """The name itself.

    Raises:
        TrainingError: no model can be called that.
    """
    try:
        return check_name(name)
    except SimpleMLError as error:
        raise TrainingError(f"--name: {error.message}") from None


def refuse_to_harm(models_dir: Path, name: str, saved_point: Path) -> None:
    """Raise a TrainingError where a model or an unfinished training of that name is."""
    try:
        there = find_artifact(models_dir, name) is not None
    except SimpleMLError:
        there = True
    if there or saved_point.exists():
        what = "a model" if there else "an unfinished training"
        raise TrainingError(
            f"{models_dir / name} already holds {what}: go on with it by --resume, replace it with "
            "--overwrite, or choose another --name"
        )


def check_disk(folder: Path, shape: NetworkShape) -> None:
    """Raise a TrainingError where there is no room for a network of that size."""
    existing = next(path for path in [folder, *folder.absolute().parents] if path.exists())
    numbers = 4 * shape.parameter_count()  # bytes of the parameters in float32
    need = 2 * 4 * numbers + 2 * 3 * numbers  # twice the saved point, twice the checkpoint
    free = shutil.disk_usage(existing).free
    if free < need:
        raise TrainingError(
            f"{existing} has {free / 1e6:,.0f} MB free; a network of this size needs "
            f"{need / 1e6:,.0f} MB while it trains"
        )
