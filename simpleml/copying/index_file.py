"""The file of an index, made once beside its corpus and mapped by every process that asks.

    ML/<corpus>.txt          the text a model was trained on
    ML/<corpus>.txt.index    header, code points, places, starts

The three sections are used as they lie there: nothing is read but what is looked at, and all
processes share the pages. It knows how the file is laid out, not what the numbers mean.
"""

from __future__ import annotations

import fcntl
import mmap
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simpleml.files import writing

Codes = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32]
Sections = tuple[Codes, NDArray[np.int32], NDArray[np.uint32]]
"""(N,) code points, (N - passage + 1,) places, (2**bits + 1,) starts."""

_MAGIC = b"SimpleML index 2"
_HEADER = struct.Struct("<16s32sQBB")  # magic, key, characters, bytes of a code point, hash bits
_ALIGNMENT = 64


def mapped(path: Path, key: bytes, passage: int) -> Sections | None:
    """The sections of a file; None where there is none, or one of no use.

    Args:
        path: of the index.
        key: (32 bytes) of what the index was made of.
        passage: characters of a stretch.
    """
    try:
        with path.open("rb") as file:
            view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        magic, found, characters, width, bits = _HEADER.unpack_from(view)
    except (OSError, ValueError, struct.error):
        return None
    if magic != _MAGIC or found != key or width not in (1, 2, 4):
        return None
    counts = (characters, characters - passage + 1, (1 << bits) + 1)
    offsets = _offsets(width, counts)
    if len(view) != offsets[-1]:
        return None
    codes, places, starts = (
        np.frombuffer(view, np.dtype(kind), count, offset)
        for kind, count, offset in zip((f"<u{width}", "<i4", "<u4"), counts, offsets, strict=False)
    )
    return codes, places, starts


def write(path: Path, key: bytes, sections: Sections) -> None:
    """Put the file there whole; where that cannot be done (no right, no space) there is none."""
    codes, _, starts = sections
    bits = (len(starts) - 1).bit_length() - 1
    offsets = _offsets(codes.itemsize, [len(section) for section in sections])
    try:
        with writing(path) as file:
            file.write(_HEADER.pack(_MAGIC, key, len(codes), codes.itemsize, bits))
            for offset, section in zip(offsets, sections, strict=False):
                file.seek(offset)
                file.write(section.astype(section.dtype.newbyteorder("<"), copy=False).data)
            file.truncate(offsets[-1])
    except OSError:
        pass


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Let one process at a time in.

    The corpus itself is locked: no other file is needed, and a read-only folder will do.
    """
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError:
            pass  # a file system without locks: the file is replaced whole all the same
        yield


def _offsets(width: int, counts: Sequence[int]) -> list[int]:
    """Where the three sections of a file begin, and its size."""
    offsets = [_ALIGNMENT]
    for item, count in zip((width, 4, 4), counts, strict=True):
        offsets.append(-(-(offsets[-1] + item * count) // _ALIGNMENT) * _ALIGNMENT)
    return offsets
