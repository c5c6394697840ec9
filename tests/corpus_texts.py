"""The catalogue's texts where they can be had without a network: beside the models, or cut from the
raw files that lie in the shared folder."""

from __future__ import annotations

import hashlib
from pathlib import Path

from simpleml.corpora import CATALOGUE
from simpleml.corpora.cutting import cut


def corpus_text(name: str, sha256: str, models_dir: Path, shared: Path, made: Path) -> Path | None:
    """The file of a text of that name and sum; None where it cannot be had.

    Args:
        models_dir: where `corpora get` writes texts.
        shared: the folder with data/raw and data/base.
        made: a folder to write a text to that is cut here.
    """
    data = shared / "data"
    places = [models_dir / name, made / name, data / name, data / f"tiny{name}"]
    for path in (place.with_suffix(".txt") for place in places):
        if path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
            return path
    entry = CATALOGUE.get(name)
    if entry is None or entry.sha256 != sha256:
        return None
    folders = [data / "raw", data / "base/ELTeC-fra/plain1", data / "base/ELTeC-eng/level1"]
    raw = []
    for file in entry.files:
        names = [folder / file.path.rpartition("/")[2] for folder in folders]
        found = next((path for path in names if path.exists()), None)
        if found is None:
            return None
        raw.append(found.read_bytes())
    path = made / f"{name}.txt"
    path.write_text(cut(entry, raw), encoding="utf-8", newline="")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
    return path
