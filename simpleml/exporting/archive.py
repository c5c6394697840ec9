"""The zip: a model's folder with its own files under their usual names, and a README.

Unpacked into ML/ it is served. The same files give the same bytes.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import IO

from simpleml.exporting.export import Export
from simpleml.models.artifact import Artifact, ArtifactPaths, read_artifact

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first day that a zip can name
_PIECE = 1 << 20


def _write(paths: ArtifactPaths, file: IO[bytes]) -> None:
    """Put a model into a zip once its files were checked against each other."""
    artifact = read_artifact(paths)
    name = paths.name
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        with archive.open(_entry(f"{name}/README.txt"), "w") as member:
            member.write(readme(artifact).encode())
        for path in sorted(paths.folder.glob(f"{paths.prefix.name}.*")):
            suffix = path.name.removeprefix(f"{paths.prefix.name}.")
            if suffix in ("index", "meta") or suffix.startswith("data-"):
                _put(archive, path, f"{name}/{name}.tfl.{suffix}")
        _put(archive, paths.char_idx, f"{name}/char_idx_{name}.pickle")
        if paths.card is not None:
            _put(archive, paths.card, f"{name}/{name}.json")


ZIP = Export("zip", "application/zip", _write)


def readme(artifact: Artifact) -> str:
    """How SimpleML and TFLearn load it, in ten lines."""
    name, window, size = artifact.name, artifact.card.seq_maxlen, len(artifact.vocabulary)
    *below, top = [layer.units for layer in artifact.weights.layers]
    first = artifact.vocabulary.symbols[0]
    seed = repr(first if artifact.vocabulary.level == "char" else [first])
    return f"""\
{name}: an LSTM network that writes, one symbol after another.
SimpleML: run "simpleml import {name}.zip", or put this folder into ML/.
TFLearn, started where this folder lies:
    import pickle, tflearn; char_idx = pickle.load(open("{name}/char_idx_{name}.pickle", "rb"))
    net = tflearn.input_data([None, {window}, {size}])
    for units in {below}: net = tflearn.lstm(net, units, return_seq=True)
    net = tflearn.fully_connected(tflearn.lstm(net, {top}), {size}, activation="softmax")
    writer = tflearn.SequenceGenerator(tflearn.regression(net), char_idx, {window})
    writer.load("{name}/{name}.tfl", trainable_variable_only=True)
    print(writer.generate(200, temperature=0.5, seq_seed={seed} * {window}))
"""


def _entry(member: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(member, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3  # Unix, whatever wrote it
    info.external_attr = 0o100644 << 16
    return info


def _put(archive: zipfile.ZipFile, path: Path, member: str) -> None:
    info = _entry(member)
    info.file_size = path.stat().st_size
    with path.open("rb") as source, archive.open(info, "w") as target:
        shutil.copyfileobj(source, target, _PIECE)
