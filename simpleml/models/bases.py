"""Which models of a folder others may begin from. Reads cards, no weights."""

from __future__ import annotations

from pathlib import Path

from simpleml.errors import SimpleMLError
from simpleml.models.artifact import find_artifact, read_card, read_vocabulary


def bases_in(models_dir: Path | str, besides: str = "") -> list[str]:
    """Names of the models whose card says that others may begin from them.

    Args:
        models_dir: with a folder for each model.
        besides: the model that is being written, which is none of them.
    """
    folder = Path(models_dir)
    try:
        names = sorted(one.name for one in folder.iterdir())
    except OSError:
        return []
    return [name for name in names if name != besides and _is_base(folder, name)]


def beginnings_in(models_dir: Path | str) -> list[str]:
    """Names of the models of characters, which a training can be told to begin from; bases first.

    Old models, which have no card, are among them.
    """
    folder = Path(models_dir)
    try:
        names = sorted(one.name for one in folder.iterdir())
    except OSError:
        return []
    bases = set(bases_in(folder))
    return sorted(
        (one for one in names if _level(folder, one) == "char"), key=lambda one: one not in bases
    )


def _level(folder: Path, name: str) -> str | None:
    try:
        paths = find_artifact(folder, name)
        card = None if paths is None else read_card(paths)
        if paths is None:
            return None
        return card.level if card else read_vocabulary(paths, None).level
    except SimpleMLError:
        return None


def _is_base(folder: Path, name: str) -> bool:
    try:
        paths = find_artifact(folder, name)
        card = None if paths is None else read_card(paths)
    except SimpleMLError:
        return False  # a broken model is no base, and no reason not to train
    return card is not None and card.base and card.level == "char"
