"""Which models of a folder others may begin from. Reads cards, no weights."""

from __future__ import annotations

from pathlib import Path

from simpleml.errors import SimpleMLError
from simpleml.models.artifact import find_artifact, read_card


def bases_in(models_dir: Path | str, besides: str = "") -> list[str]:
    """Names of the models whose card says that others may begin from them.

    Args:
        besides: the model that is being written, which is none of them.
    """
    folder = Path(models_dir)
    try:
        names = sorted(one.name for one in folder.iterdir())
    except OSError:
        return []
    return [name for name in names if name != besides and _is_base(folder, name)]


def _is_base(folder: Path, name: str) -> bool:
    try:
        paths = find_artifact(folder, name)
        card = None if paths is None else read_card(paths)
    except SimpleMLError:
        return False  # a broken model is no base, and no reason not to train
    return card is not None and card.base and card.level == "char"
