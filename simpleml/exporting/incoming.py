"""A model that comes in as a zip from a stranger: checked, then put into the models folder, whole.

Only the files of one model are unpacked, under names of our own, within bounds; nothing that the
zip says is a path here. What was unpacked is read as any model is, which runs no code, before it
gets its place by one rename.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import re
import secrets
import shutil
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from simpleml.errors import (
    BadArchiveError,
    ModelBrokenError,
    ModelExistsError,
    NoRoomError,
    PayloadTooLargeError,
    SimpleMLError,
)
from simpleml.files import exchange_folders, sync_folder, write_whole, writing
from simpleml.models.artifact import Artifact, ArtifactPaths, read_artifact
from simpleml.models.card import check_name
from simpleml.models.checkpoint import checkpoint_variables, read_placeholder_shape

MOST_BYTES = 100_000_000
"""Of a model, unpacked; a 3x512 network with both of Adam's slots has 66 MB."""
_MOST_ENTRIES_BYTES = 1 << 16
_MOST_SMALL = 4 << 20
"""Bytes of all but weights and graph."""
_MOST_LAYERS = 16
_MOST_WINDOW = 1000
_STALE_SECONDS = 3600.0
_PIECE = 1 << 20
_END = struct.Struct("<4s4H2LH")
_DATA = re.compile(r"data-\d{5}-of-\d{5}")
_WEIGHTS = re.compile(r"(?:.*/)?BasicLSTMCell/Linear/(?:Matrix|Weights|Bias)|FullyConnected/[Wb]")
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, IndexError, RuntimeError,
)  # fmt: skip


@dataclass(frozen=True)
class _Parts:
    """The entries that are a model's files."""

    stem: str
    """The name that the model has in the zip."""
    entries: dict[str, zipfile.ZipInfo]
    """By what they are: index, data-…, meta, char_idx, card."""


def bring_in(
    models_dir: Path | str,
    file: IO[bytes],
    name: str = "",
    *,
    most_bytes: int = MOST_BYTES,
    overwrite: bool = False,
    check_free: Callable[[str], None] = lambda name: None,
    beside: Mapping[str, bytes] | None = None,
) -> Artifact:
    """Put the model of a zip into a models folder: whole or not at all.

    Args:
        models_dir: the folder of the models.
        file: the zip, seekable.
        name: that the model gets; its own if empty.
        most_bytes: of the model, unpacked.
        overwrite: replace a model of that name.
        check_free: raises if something else has that name; asked before anything is unpacked.
        beside: files that are put into its folder, by their names.

    Raises:
        BadArchiveError: it is no model's zip, or built to do harm; says what is wrong.
        InvalidValueError: no model can have that name.
        ModelExistsError: there is one of that name.
        PayloadTooLargeError: it has more than `most_bytes`.
        NoRoomError: the disk is full or the folder not writable.
    """
    models = Path(models_dir)
    with _sentences(), _opened(file) as archive:
        parts = _parts(archive)
        name = check_name(name or parts.stem)
        place = models / name
        check_free(name)
        if os.path.lexists(place) and not overwrite:
            raise _taken(name)
        with _building(models) as building:
            _unpack(archive, parts, building, name, most_bytes)
            artifact = _checked(name, building, most_bytes)
            for file_name, content in (beside or {}).items():
                write_whole(building / file_name, content)
            sync_folder(building)
            if os.path.lexists(place):
                exchange_folders(building, place)
            else:
                try:
                    building.rename(place)
                except OSError as error:
                    if error.errno in (errno.ENOTEMPTY, errno.EEXIST):  # it came meanwhile
                        raise _taken(name) from None
                    raise
            sync_folder(models)
        return artifact


@contextlib.contextmanager
def _sentences() -> Iterator[None]:
    try:
        yield
    except SimpleMLError:
        raise
    except OSError as error:
        if error.errno == errno.EINVAL:  # a seek before the file's beginning
            raise _damaged() from None
        raise NoRoomError(f"The model cannot be written here: {error.strerror}.") from error
    except _DAMAGED:
        raise _damaged() from None


def _taken(name: str) -> ModelExistsError:
    return ModelExistsError(
        f"There is a model {name} already: choose another name.",
        param="name",
        reason="model_exists",
        params={"name": name},
    )


def _damaged() -> BadArchiveError:
    return BadArchiveError("The file is no zip, or a damaged one.", reason="archive_damaged")


@contextlib.contextmanager
def _opened(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """The zip, once its own list of entries is known to be short: reading it takes memory."""
    file.seek(0, os.SEEK_END)
    size = file.tell()
    file.seek(max(0, size - _END.size))
    ending = file.read(_END.size)
    if len(ending) < _END.size or not ending.startswith(b"PK\5\6") or not ending.endswith(b"\0\0"):
        raise _damaged()
    if _END.unpack(ending)[5] > _MOST_ENTRIES_BYTES or _is_zip64(file, size):
        raise BadArchiveError("The zip has more entries than a model has files.")
    with zipfile.ZipFile(file) as archive:
        yield archive


def _is_zip64(file: IO[bytes], size: int) -> bool:
    """Whether another list of entries stands before the one at the end."""
    file.seek(max(0, size - _END.size - 20))
    return file.read(4) == b"PK\6\7"


def _parts(archive: zipfile.ZipFile) -> _Parts:
    """Which entries are the model's; all of them must be harmless, others are left in the zip."""
    entries: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        path = info.orig_filename
        shown = repr(path if len(path) <= 80 else path[:80] + "…")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if path.startswith("/") or "\\" in path or "\0" in path or ":" in path.split("/")[0]:
            raise BadArchiveError(f"The zip holds {shown}, which is no path inside a folder.")
        if ".." in path.split("/"):
            raise BadArchiveError(f"The zip holds {shown}, which leads out of its folder.")
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise BadArchiveError(f"The zip holds {shown}, which is a link or no plain file.")
        if path in entries:
            raise BadArchiveError(f"The zip holds {shown} twice.")
        entries[path] = info
    kept = {path: info for path, info in entries.items() if not path.startswith("__MACOSX/")}
    index = _only([path for path in kept if path.endswith(".index")], "checkpoint (NAME.tfl.index)")
    folder, slash, base = index.rpartition("/")
    prefix = base.removesuffix(".index")
    stem = prefix.removesuffix(".tfl")
    beside = {
        path.removeprefix(folder + slash): info
        for path, info in kept.items()
        if path.rpartition("/")[0] == folder
    }
    pickle = _only(
        [one for one in beside if one.endswith(".pickle")], "vocabulary (char_idx_NAME.pickle)"
    )
    parts = {"index": beside[base], "char_idx": beside[pickle]}
    for one, info in beside.items():
        suffix = one.removeprefix(f"{prefix}.") if one.startswith(f"{prefix}.") else ""
        if suffix == "meta" or _DATA.fullmatch(suffix):
            parts[suffix] = info
        elif one.endswith(".json"):
            if one != f"{stem}.json":
                raise BadArchiveError(
                    f"The zip holds {one!r}, the card of another model than {stem!r}."
                )
            parts["card"] = info
    return _Parts(stem, parts)


def _only(found: list[str], what: str) -> str:
    if not found:
        raise BadArchiveError(
            f"The zip is no model's: it holds no {what}.", reason="archive_without_model"
        )
    if len(found) > 1:
        raise BadArchiveError(
            f"The zip holds more than one {what}: {', '.join(sorted(found)[:3])[:200]}.",
            reason="archive_of_several",
        )
    return found[0]


def _target(part: str, name: str) -> str:
    """The usual name of a model's file."""
    usual = {"char_idx": f"char_idx_{name}.pickle", "card": f"{name}.json"}
    return usual.get(part, f"{name}.tfl.{part}")


@contextlib.contextmanager
def _building(models: Path) -> Iterator[Path]:
    """A folder beside the models that is renamed or removed; what a crash left goes too."""
    models.mkdir(parents=True, exist_ok=True)
    for left in models.glob(".import-*"):
        if time.time() - left.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    building = models / f".import-{secrets.token_hex(8)}"
    building.mkdir()
    try:
        yield building
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _unpack(
    archive: zipfile.ZipFile, parts: _Parts, building: Path, name: str, most_bytes: int
) -> None:
    left = most_bytes
    for part, info in parts.entries.items():
        if info.flag_bits & 1:
            raise BadArchiveError(
                "The zip is protected by a password: save it without one.",
                reason="archive_password",
            )
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BadArchiveError("The zip is packed in a way that is not supported.")
        large = part == "meta" or part.startswith("data-")
        left -= info.file_size
        if left < 0 or (not large and info.file_size > _MOST_SMALL):
            raise PayloadTooLargeError(
                f"The model is larger, unpacked, than the {most_bytes:,} bytes accepted.",
                reason="body_too_large",
                params={"limit": most_bytes},
            )
        with archive.open(info) as source, writing(building / _target(part, name)) as target:
            shutil.copyfileobj(source, target, _PIECE)  # at most file_size, whatever is packed


def _checked(name: str, building: Path, most_bytes: int) -> Artifact:
    """Read what was unpacked, as it will be read when it is served."""
    prefix, card = building / f"{name}.tfl", building / _target("card", name)
    char_idx = building / _target("char_idx", name)
    paths = ArtifactPaths(name, building, prefix, char_idx, card if card.exists() else None)
    try:
        shapes = checkpoint_variables(prefix)
        weights = [shape for one, shape in shapes.items() if _WEIGHTS.fullmatch(one)]
        # variables may share bytes of the file: small there, and huge in memory
        if sum(4 * abs(math.prod(shape)) for shape in weights) > most_bytes:
            raise BadArchiveError(f"The network has more than the {most_bytes:,} bytes accepted.")
        if len(weights) > 2 * _MOST_LAYERS + 2:
            raise BadArchiveError(f"The network has more than {_MOST_LAYERS} layers.")
        artifact = read_artifact(paths)
        meta = Path(f"{prefix}.meta")
        shape = read_placeholder_shape(meta) if meta.exists() else None
    except ModelBrokenError as error:
        raise BadArchiveError(f"The model in the zip cannot be used: {error.message}.") from None
    window = artifact.card.seq_maxlen
    if shape is not None and len(shape) == 3 and shape[1] != window:
        raise BadArchiveError(
            f"{name}.json speaks of windows of {window}, {name}.tfl.meta of {shape[1]}."
        )
    if window > _MOST_WINDOW:
        raise BadArchiveError(f"The windows of {window} are longer than {_MOST_WINDOW}.")
    try:  # it goes into answers: JSON in UTF-8
        said = [artifact.card.to_json(), artifact.vocabulary.symbols]
        json.dumps(said, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise BadArchiveError(
            "The model in the zip cannot be used: its card or vocabulary holds what is no text or "
            "number."
        ) from None
    return artifact
