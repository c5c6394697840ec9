"""One model's folder ML/<name>/: found, checked, described by its card, written as a whole.

    <name>.tfl.index, .tfl.data-00000-of-00001, .tfl.meta   the TFLearn checkpoint
    char_idx_<name>.pickle                                  the vocabulary
    <name>.json                                             the card (absent for old models)

It knows how the files become arrays, not what is computed with them.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simpleml.errors import ArtifactError, ModelBrokenError
from simpleml.files import exchange_folders, link_or_copy, sync_folder, write_whole
from simpleml.models.card import (
    DEFAULT_SEQ_MAXLEN,
    LARGEST_WINDOW,
    NAME_PATTERN,
    RESERVED_NAMES,
    Card,
    check_name,
)
from simpleml.models.checkpoint import (
    checkpoint_variables,
    read_checkpoint,
    read_placeholder_shape,
    write_checkpoint,
)
from simpleml.models.vocabulary import Vocabulary
from simpleml.models.weights import LayerWeights, NetworkWeights

_MATRIX = re.compile(r"(?:.*/)?BasicLSTMCell/Linear/(?:Matrix|Weights)")
_NUMBER = re.compile(r"_(\d+)/")


@dataclass(frozen=True)
class ArtifactPaths:
    """Where the files of one model lie."""

    name: str
    folder: Path
    prefix: Path
    """The checkpoint's path without `.index`."""
    char_idx: Path
    card: Path | None

    @cached_property
    def _files(self) -> tuple[tuple[str, str], ...]:
        """Name and address of each; listed once, as the listing takes longer than all the rest."""
        files = [Path(f"{self.prefix}.index"), self.char_idx]
        files += sorted(self.folder.glob(f"{self.prefix.name}.data-*"))
        files += [self.card] if self.card else []
        return tuple((path.name, str(path)) for path in files)

    def signature(self) -> tuple[tuple[str, int, int, int], ...]:
        """Changes when any of the files does: (name, inode, size, mtime in ns) of each.

        Raises:
            OSError: one of them is gone.
        """
        rows = []
        for name, address in self._files:
            info = os.stat(address)  # noqa: PTH116  # every request asks; a Path costs twice that
            rows.append((name, info.st_ino, info.st_size, info.st_mtime_ns))
        return tuple(rows)


@dataclass(frozen=True)
class Artifact:
    """Everything that a model's files say, checked against each other."""

    name: str
    card: Card
    vocabulary: Vocabulary
    weights: NetworkWeights


def _listed(folder: Path) -> list[str]:
    """Names in a folder that may be exchanged for another, and deleted, while it is listed.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    while True:
        place = folder.stat().st_ino
        try:
            entries = sorted(os.listdir(folder))
        except FileNotFoundError:  # the one that was opened is gone: is there another?
            continue
        if folder.stat().st_ino == place:
            return entries


def find_artifact(models_dir: Path | str, name: str) -> ArtifactPaths | None:
    """Locate the files of a model; None when there is no such model.

    Raises:
        ArtifactError: the folder is there but a file is missing or two could be meant.
    """
    if not NAME_PATTERN.fullmatch(name) or name in RESERVED_NAMES:
        return None
    models = Path(models_dir)
    folder = models / name
    try:
        entries = _listed(folder)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ArtifactError(f"the folder {name} cannot be read: {error.strerror}") from error
    if not folder.resolve().is_relative_to(models.resolve()):
        return None
    prefix = _only(name, entries, f"{name}.tfl.index", ".index", "checkpoint (.tfl.index)")
    char_idx = _only(
        name,
        entries,
        f"char_idx_{name}.pickle",
        ".pickle",
        "vocabulary (char_idx*.pickle)",
        "char_idx",
    )
    if prefix is None and char_idx is None:
        return None
    if prefix is None:
        raise ArtifactError(f"the folder {name} has no checkpoint ({name}.tfl.index)")
    if char_idx is None:
        raise ArtifactError(f"the folder {name} has no vocabulary (char_idx_{name}.pickle)")
    card = folder / f"{name}.json"
    return ArtifactPaths(
        name=name,
        folder=folder,
        prefix=folder / prefix.removesuffix(".index"),
        char_idx=folder / char_idx,
        card=card if card.name in entries else None,
    )


def _only(
    name: str, entries: list[str], expected: str, suffix: str, what: str, start: str = ""
) -> str | None:
    if expected in entries:
        return expected
    found = [entry for entry in entries if entry.endswith(suffix) and entry.startswith(start)]
    if len(found) > 1:
        raise ArtifactError(
            f"the folder {name} has several files that could be its {what}: "
            f"{', '.join(found)}; name the right one {expected}"
        )
    return found[0] if found else None


def read_card(paths: ArtifactPaths) -> Card | None:
    """The card, None for a model without one.

    Raises:
        ArtifactError: it is no JSON or says what cannot be.
    """
    if paths.card is None:
        return None
    try:
        return Card.from_json(json.loads(paths.card.read_text(encoding="utf-8")))
    except OSError as error:
        raise ArtifactError(f"{paths.card.name} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{paths.card.name} is not JSON: {error}") from error
    except ArtifactError as error:
        raise ArtifactError(f"{paths.card.name}: {error.message}") from None


def read_vocabulary(paths: ArtifactPaths, card: Card | None) -> Vocabulary:
    """Read a model's vocabulary, and no weights.

    Raises:
        ArtifactError: which file cannot be used, and why.
    """
    if card is None:
        return Vocabulary.read(paths.char_idx)
    return Vocabulary.read(
        paths.char_idx,
        level=card.level,
        lossless_words=card.level == "word",
        lower=card.lower,
        unknown_symbol=card.unknown_symbol,
    )


def read_artifact(paths: ArtifactPaths) -> Artifact:
    """Read a model and check its files against each other.

    Raises:
        ModelBrokenError: which file cannot be used, and why.
    """
    card = read_card(paths)
    vocabulary = read_vocabulary(paths, card)
    weights = _read_weights(paths)
    if weights.vocabulary_size != len(vocabulary):
        raise ArtifactError(
            f"{paths.char_idx.name} has {len(vocabulary)} symbols, the network in "
            f"{paths.prefix.name} has {weights.vocabulary_size}"
        )
    sha256 = weights.sha256()
    if card is None:
        card = Card(
            layers=len(weights.layers),
            units=weights.units,
            vocabulary_size=weights.vocabulary_size,
            seq_maxlen=_window_of(paths),
            level=vocabulary.level,
            weights_sha256=sha256,
        )
        return Artifact(paths.name, card, vocabulary, weights)
    assert paths.card is not None
    said = (card.layers, card.units, card.vocabulary_size)
    found = (len(weights.layers), weights.units, weights.vocabulary_size)
    if said != found:
        raise ArtifactError(
            f"{paths.card.name} says (layers, units, vocabulary_size) {said}, "
            f"the network in {paths.prefix.name} has {found}"
        )
    if card.weights_sha256 and card.weights_sha256 != sha256:
        raise ArtifactError(
            f"{paths.card.name} belongs to other weights than those in {paths.prefix.name}"
        )
    return Artifact(
        paths.name, dataclasses.replace(card, weights_sha256=sha256), vocabulary, weights
    )


def _window_of(paths: ArtifactPaths) -> int:
    meta = Path(f"{paths.prefix}.meta")
    shape = read_placeholder_shape(meta) if meta.exists() else None
    if shape is not None and len(shape) == 3 and 1 <= shape[1] <= LARGEST_WINDOW:
        return shape[1]
    return DEFAULT_SEQ_MAXLEN


def _read_weights(paths: ArtifactPaths) -> NetworkWeights:
    """The LSTM stack among the checkpoint's variables, its shapes checked."""
    shapes = checkpoint_variables(paths.prefix)
    matrices = sorted(
        (name for name in shapes if _MATRIX.fullmatch(name)),
        key=lambda name: (int(m.group(1)) if (m := _NUMBER.search(name)) else 0, name),
    )
    index = f"{paths.prefix.name}.index"
    if not matrices or "FullyConnected/W" not in shapes or "FullyConnected/b" not in shapes:
        listed = ", ".join(sorted(shapes)[:6]) or "nothing"
        raise ArtifactError(
            f"{index} holds no stack of LSTM layers under a softmax layer (it holds {listed}, …)"
        )
    biases = [re.sub(r"(Matrix|Weights)$", "Bias", name) for name in matrices]
    wanted = {*matrices, *biases, "FullyConnected/W", "FullyConnected/b"}
    if missing := sorted(wanted - set(shapes)):
        raise ArtifactError(f"{index} lacks {', '.join(missing)}")
    arrays = read_checkpoint(paths.prefix, wanted.__contains__)
    for name, array in arrays.items():
        if array.dtype != np.float32:
            raise ArtifactError(f"{name} in {index} is {array.dtype}, not float32")
        if not np.isfinite(array).all():
            raise ArtifactError(f"{name} in {paths.prefix.name} holds values that are not numbers")
    layers = []
    inputs = shapes["FullyConnected/b"][0] if len(shapes["FullyConnected/b"]) == 1 else -1
    for matrix, bias in zip(matrices, biases, strict=True):
        shape = shapes[matrix]
        units = shape[1] // 4 if len(shape) == 2 else 0
        if units < 1 or shape != (inputs + units, 4 * units) or shapes[bias] != (4 * units,):
            raise ArtifactError(
                f"{matrix} in {index} has shape {shape} and its bias {shapes[bias]}; "
                f"an LSTM layer over {inputs} inputs has (inputs + H, 4H) and (4H,)"
            )
        layers.append(LayerWeights(arrays[matrix], arrays[bias]))
        inputs = units
    if shapes["FullyConnected/W"] != (inputs, *shapes["FullyConnected/b"]):
        raise ArtifactError(
            f"FullyConnected/W in {index} has shape {shapes['FullyConnected/W']}, the layers below "
            f"and its bias ask for {(inputs, *shapes['FullyConnected/b'])}"
        )
    return NetworkWeights(tuple(layers), arrays["FullyConnected/W"], arrays["FullyConnected/b"])


# --- writing ------------------------------------------------------------------------------------


def write_artifact(
    models_dir: Path | str,
    name: str,
    *,
    tensors: Mapping[str, NDArray[Any]],
    meta: bytes,
    vocabulary: Vocabulary,
    card: Card,
) -> None:
    """Write ML/<name>/ so that a reader finds the old model or the new one, never a mixture.

    The new folder is built beside the old one, everything in it synced, the old folder's other
    files linked into it; then the two folders change places in one step (one rename where there
    was no model). A crash at any instant leaves a whole model.

    Args:
        models_dir: where the folder goes.
        name: of model, folder and files.
        tensors: every variable of the checkpoint by TFLearn's name.
        meta: the MetaGraphDef for `.meta`.
        vocabulary: for the pickle.
        card: for <name>.json.

    Raises:
        InvalidValueError: the name cannot be served.
        OSError: the disk is full or the folder not writable; the old model stands as it was.
    """
    check_name(name)
    folder = Path(models_dir) / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = folder.with_name(f".{name}.{os.getpid()}.new")
    shutil.rmtree(building, ignore_errors=True)
    try:
        if folder.exists():
            shutil.copytree(folder, building, copy_function=link_or_copy, symlinks=True)
        else:
            building.mkdir()
        prefix = building / f"{name}.tfl"
        replaced = [*building.glob(f"{prefix.name}.*"), *building.glob("char_idx*.pickle")]
        for path in [*replaced, building / f"{name}.json"]:
            path.unlink(missing_ok=True)
        write_checkpoint(prefix, tensors)
        vocabulary.write(building / f"char_idx_{name}.pickle")
        card_text = json.dumps(card.to_json(), ensure_ascii=False, indent=1) + "\n"
        for path, data in (
            (Path(f"{prefix}.meta"), meta),
            (building / f"{name}.json", card_text.encode("utf-8")),
        ):
            write_whole(path, data)
        sync_folder(building)
        if folder.exists():
            exchange_folders(building, folder)
        else:
            building.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def broken(name: str, error: ModelBrokenError) -> ModelBrokenError:
    """The same error with the model's name before its message."""
    return type(error)(f"The model {name} cannot be used: {error.message}")
