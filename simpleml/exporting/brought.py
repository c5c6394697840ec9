"""Models that were brought in over HTTP: whose they are, and how they go.

A file beside the model says it, <models>/<name>/brought-in.json; what was put there by hand has
none, and stays.
"""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path

from simpleml.errors import ModelNotFoundError, NotBroughtError
from simpleml.files import sync_folder
from simpleml.models.card import NAME_PATTERN

_FILE = "brought-in.json"


def mark(visitor: str) -> dict[str, bytes]:
    """The file that says so, for simpleml.exporting.incoming; of a visitor, in a class."""
    return {_FILE: json.dumps({"visitor": visitor}).encode()}


def brought_in(models_dir: Path) -> dict[str, str]:
    """The models that were brought in, and whose each is."""
    names = sorted(path.parent.name for path in models_dir.glob(f"*/{_FILE}"))
    owners = {name: owner(models_dir, name) for name in names}
    return {name: visitor for name, visitor in owners.items() if visitor is not None}


def owner(models_dir: Path, name: str) -> str | None:
    """The visitor who brought a model in, "" for nobody in particular; None where none did."""
    if not NAME_PATTERN.fullmatch(name):
        return None
    try:
        return str(json.loads((models_dir / name / _FILE).read_bytes())["visitor"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remove(models_dir: Path, name: str) -> None:
    """Remove a model that was brought in: whole or not at all.

    Raises:
        ModelNotFoundError: there is no such model.
        NotBroughtError: it came otherwise, and is not anybody's to remove over HTTP.
    """
    if not NAME_PATTERN.fullmatch(name) or not (models_dir / name).is_dir():
        raise ModelNotFoundError(f"There is no model {name[:64]!r}.", param="model")
    if owner(models_dir, name) is None:
        raise NotBroughtError(f"{name} was not brought in over HTTP: it stays.", param="model")
    gone = models_dir / f".import-{secrets.token_hex(8)}"
    (models_dir / name).rename(gone)
    sync_folder(models_dir)
    shutil.rmtree(gone, ignore_errors=True)
