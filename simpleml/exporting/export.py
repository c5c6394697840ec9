"""A form in which a model is taken away, and one model written in it.

    with files.writing(path) as file:
        export(loader, "tales", ZIP, file)

A form is a function from the model's files to bytes; the same files always give the same bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from simpleml.errors import ExportError, ModelBrokenError
from simpleml.loader import ModelLoader
from simpleml.models.artifact import ArtifactPaths, read_artifact, read_card
from simpleml.version import __version__


@dataclass(frozen=True)
class Export:
    """A form in which a model is taken away."""

    suffix: str
    """Of the file, without the dot: a model's own is NAME.suffix."""
    content_type: str
    write: Callable[[ArtifactPaths, IO[bytes]], None]
    """Writes one model into an empty file.

    Raises:
        ModelBrokenError: the model's files cannot be used.
        ExportError: this model cannot take that form; says why.
    """
    revision: Callable[[], str] = str
    """Of what `write` adds of its own: another one makes another `tag`."""


def export(loader: ModelLoader, name: str, form: Export, file: IO[bytes]) -> str:
    """Write a model, whole even where it is replaced meanwhile; returns its `tag`.

    Args:
        loader: of the models.
        name: of the model.
        form: that it takes.
        file: seekable; what it holds is replaced.

    Raises:
        ModelNotFoundError: there is none of that name.
        ExportError: its files cannot be used, or it cannot take that form.
        OSError: the disk is full.
    """

    def whole(paths: ArtifactPaths) -> str:
        file.seek(0)
        file.truncate()
        form.write(paths, file)
        return _tag(paths, form)

    return _read(loader, name, whole)


def tag(loader: ModelLoader, name: str, form: Export) -> str:
    """Changes when what `export` writes does; reads no weights where the card has their hash.

    Raises:
        ModelNotFoundError, ExportError: as `export`.
    """
    return _read(loader, name, lambda paths: _tag(paths, form))


def _read(loader: ModelLoader, name: str, reading: Callable[[ArtifactPaths], str]) -> str:
    try:
        return loader.read(name, reading)
    except ModelBrokenError as error:
        raise ExportError(error.message, param="model") from None


def _tag(paths: ArtifactPaths, form: Export) -> str:
    card = read_card(paths)
    weights = card.weights_sha256 if card else ""
    digest = hashlib.sha256((weights or read_artifact(paths).card.weights_sha256).encode())
    digest.update(f"\0{paths.name}\0{form.suffix}\0{__version__}\0{form.revision()}\0".encode())
    for path in (paths.char_idx, *([paths.card] if paths.card else [])):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:40]
