"""Where the text that a model has read may lie in a models folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simpleml.models.card import NAME_PATTERN

TRAININGS = ".training"
"""The folder, beside the models, of the trainings that a server was asked for."""


def text_file(models_dir: Path, name: str, corpus: Mapping[str, Any]) -> Path:
    """The file of a model's text: beside the models, else in the training that made the model.

    Args:
        models_dir: the folder of the models.
        name: of the model.
        corpus: what the card says of the text; its `file` goes before the model's own name.

    Returns:
        The first that is there; where none is, the one that would be looked for first.
    """
    file = corpus.get("file")
    named = Path(file).name if isinstance(file, str) else ""
    usual = models_dir / f"{name}.txt"
    places = [*([models_dir / named] if named else []), usual]
    for stem in (Path(named).stem, name):
        if NAME_PATTERN.fullmatch(stem):
            places.append(models_dir / TRAININGS / stem / f"{stem}.txt")
    return next((path for path in places if path.exists()), usual)
