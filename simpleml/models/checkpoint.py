"""TensorFlow V2 checkpoints (.index and .data) read and written without TensorFlow.

`.index` is a LevelDB table of BundleEntryProto messages, `.data-00000-of-0000N` the raw tensor
bytes. Formats: tensorflow/core/util/tensor_bundle, tensorflow/core/protobuf/tensor_bundle.proto
and leveldb's doc/table_format.md. `.meta` is a MetaGraphDef, of which only the shape of the input
placeholder is read.

It knows nothing of networks or vocabularies. Try it:

    python -c "from simpleml.models.checkpoint import read_checkpoint as r; \
               print({k: v.shape for k, v in r('ML/sherlock/sherlock.tfl').items()})"
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from simpleml.errors import CheckpointError

_TABLE_MAGIC = 0xDB4775248B80FB57
_FOOTER_BYTES = 48
_BLOCK_TRAILER_BYTES = 5  # one byte of compression kind, four of masked crc32c
_RESTART_INTERVAL = 16
_CRC_MASK_DELTA = 0xA282EAD8

# tensorflow/core/framework/types.proto
_DTYPES: dict[int, str] = {
    1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "?", 17: "<u2",
    19: "<f2", 22: "<u4", 23: "<u8",
}  # fmt: skip
_DTYPE_NUMBERS = {np.dtype(name): number for number, name in _DTYPES.items()}


# --- protobuf wire format -----------------------------------------------------------------------


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError("a varint of more than ten bytes")


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield (field number, value) of a protobuf message; sub-messages come as bytes."""
    position = 0
    while position < len(data):
        tag, position = _read_varint(data, position)
        wire = tag & 7
        if wire == 0:
            value, position = _read_varint(data, position)
            yield tag >> 3, value
            continue
        if wire == 2:
            size, position = _read_varint(data, position)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        chunk = data[position : position + size]
        if len(chunk) != size:
            raise ValueError("a field runs past the end")
        position += size
        yield tag >> 3, chunk if wire == 2 else int.from_bytes(chunk, "little")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return _varint(number << 3 | 2) + _varint(len(value)) + value
    return _varint(number << 3) + _varint(value)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _shape(data: bytes) -> tuple[int, ...]:
    """Read a TensorShapeProto; an unknown dimension is -1."""
    shape = []
    for number, value in _fields(data):
        if number == 2 and isinstance(value, bytes):
            size = dict(_fields(value)).get(1, 0)
            shape.append(_signed(size) if isinstance(size, int) else 0)
    return tuple(shape)


# --- reading ------------------------------------------------------------------------------------


def _masked_crc(data: Any) -> int:
    crc: int = google_crc32c.value(bytes(data) if not isinstance(data, bytes) else data)
    return ((crc >> 15 | crc << 17) + _CRC_MASK_DELTA) & 0xFFFFFFFF


@dataclass(frozen=True)
class _Entry:
    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    sliced: bool


def _table(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the (key, value) pairs of a LevelDB table.

    Raises:
        ValueError: the bytes are no table, are cut short or damaged.
    """
    if len(data) < _FOOTER_BYTES:
        raise ValueError(f"it has only {len(data)} bytes")
    footer = data[-_FOOTER_BYTES:]
    if struct.unpack("<Q", footer[-8:])[0] != _TABLE_MAGIC:
        raise ValueError("it does not end as a checkpoint index does (cut short, or not one)")
    _, position = _read_varint(footer, 0)
    _, position = _read_varint(footer, position)
    offset, position = _read_varint(footer, position)
    size, position = _read_varint(footer, position)
    for _, handle in _block(data, offset, size):
        block_offset, position = _read_varint(handle, 0)
        block_size, _ = _read_varint(handle, position)
        for key, value in _block(data, block_offset, block_size):
            yield key.decode("utf-8"), value


def _block(data: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    end = offset + size + _BLOCK_TRAILER_BYTES
    if end > len(data):
        raise ValueError(f"a block ends at byte {end} of {len(data)}")
    if data[offset + size] != 0:
        raise ValueError("its blocks are compressed, which TensorFlow does not write")
    (crc,) = struct.unpack("<I", data[end - 4 : end])
    if crc != _masked_crc(data[offset : end - 4]):
        raise ValueError(f"the block at byte {offset} is damaged (checksum)")
    block = data[offset : offset + size]
    (restarts,) = struct.unpack("<I", block[-4:])
    end = size - 4 - 4 * restarts
    position, key = 0, b""
    while position < end:
        shared, position = _read_varint(block, position)
        unshared, position = _read_varint(block, position)
        length, position = _read_varint(block, position)
        key = key[:shared] + block[position : position + unshared]
        position += unshared
        yield key, block[position : position + length]
        position += length


def _entry(data: bytes) -> _Entry:
    values: dict[int, Any] = {}
    sliced = False
    for number, value in _fields(data):
        values[number] = value
        sliced = sliced or number == 7
    return _Entry(
        dtype=values.get(1, 0),
        shape=_shape(values.get(2, b"")),
        shard=values.get(3, 0),
        offset=values.get(4, 0),
        size=values.get(5, 0),
        crc=values.get(6, 0),
        sliced=sliced,
    )


def _read_index(prefix: Path) -> tuple[int, dict[str, _Entry]]:
    path = Path(f"{prefix}.index")
    try:
        pairs = dict(_table(path.read_bytes()))
        header = dict(_fields(pairs.pop("")))
        if header.get(2, 0) != 0:
            raise ValueError("it was written on a big-endian machine")
        shards = header.get(1, 1)
        if not isinstance(shards, int) or not 1 <= shards <= 1000:
            raise ValueError(f"it names {shards!r} data files")
        return shards, {name: _entry(value) for name, value in pairs.items()}
    except OSError as error:
        raise CheckpointError(f"{path.name} cannot be read: {error.strerror}") from error
    except (ValueError, IndexError, KeyError, struct.error, UnicodeDecodeError) as error:
        reason = str(error) if isinstance(error, ValueError) else "it is damaged"
        raise CheckpointError(f"{path.name} is not a TensorFlow checkpoint index: {reason}") from (
            error
        )


def checkpoint_variables(prefix: Path | str) -> dict[str, tuple[int, ...]]:
    """Name → shape of every variable, without reading any data file.

    Raises:
        CheckpointError: `.index` is missing, cut short or damaged.
    """
    _, entries = _read_index(Path(prefix))
    return {name: entry.shape for name, entry in entries.items()}


def read_checkpoint(
    prefix: Path | str, wanted: Callable[[str], bool] = lambda name: True
) -> dict[str, NDArray[Any]]:
    """Read the variables whose name `wanted` accepts.

    Args:
        prefix: the path without `.index`, for instance `ML/contes/contes.tfl`.
        wanted: chooses by name, so that optimiser slots need not be read.

    Returns:
        Name → array, in the dtype and shape that the checkpoint states.

    Raises:
        CheckpointError: a file is missing, too short, damaged, or holds what is no plain tensor.
    """
    prefix = Path(prefix)
    shards, entries = _read_index(prefix)
    arrays: dict[str, NDArray[Any]] = {}
    by_shard: dict[int, list[tuple[str, _Entry]]] = {}
    for name, entry in entries.items():
        if wanted(name):
            by_shard.setdefault(entry.shard, []).append((name, entry))
    for shard, chosen in by_shard.items():
        path = Path(f"{prefix}.data-{shard:05d}-of-{shards:05d}")
        try:
            with path.open("rb") as file:
                length = os.fstat(file.fileno()).st_size
                needed = max(e.offset + e.size for e in entries.values() if e.shard == shard)
                if length < needed:
                    raise CheckpointError(
                        f"{path.name} is cut short: it has {length} bytes, its index says {needed}"
                    )
                for name, entry in chosen:
                    file.seek(entry.offset)
                    arrays[name] = _tensor(path.name, name, entry, file.read(entry.size))
        except OSError as error:
            raise CheckpointError(f"{path.name} cannot be read: {error.strerror}") from error
    return arrays


def _tensor(file_name: str, name: str, entry: _Entry, data: bytes) -> NDArray[Any]:
    if entry.dtype not in _DTYPES or entry.sliced:
        raise CheckpointError(f"{file_name}: {name} is not a plain tensor of numbers")
    dtype = np.dtype(_DTYPES[entry.dtype])
    count = 1
    for size in entry.shape:
        count *= size
    if count < 0 or count * dtype.itemsize != entry.size or len(data) != entry.size:
        raise CheckpointError(
            f"{file_name}: {name} has {entry.size} bytes, its shape {entry.shape} needs "
            f"{count * dtype.itemsize}"
        )
    if _masked_crc(data) != entry.crc:
        raise CheckpointError(f"{file_name} is damaged: the checksum of {name} does not fit")
    return np.frombuffer(data, dtype).reshape(entry.shape)


def read_placeholder_shape(path: Path | str, name: str = "InputData/X") -> tuple[int, ...] | None:
    """Shape of a placeholder in a `.meta` file, None when it has none of that name.

    Raises:
        CheckpointError: the file is no MetaGraphDef.
    """
    path = Path(path)
    wanted = name.encode()
    try:
        for number, graph in _fields(path.read_bytes()):
            if number != 2 or not isinstance(graph, bytes):
                continue
            for node_number, node in _fields(graph):
                # every NodeDef starts with its name: field 1
                if (
                    node_number == 1
                    and isinstance(node, bytes)
                    and node[2:].startswith(wanted)
                    and (shape := _node_shape(node, wanted))
                ):
                    return shape
    except OSError as error:
        raise CheckpointError(f"{path.name} cannot be read: {error.strerror}") from error
    except (ValueError, IndexError) as error:
        raise CheckpointError(f"{path.name} is not a TensorFlow graph: {error}") from error
    return None


def _node_shape(node: bytes, wanted: bytes) -> tuple[int, ...] | None:
    fields = list(_fields(node))
    if (1, wanted) not in fields:
        return None
    for number, attribute in fields:
        if number != 5 or not isinstance(attribute, bytes):
            continue
        pair = dict(_fields(attribute))
        value = pair.get(2)
        if pair.get(1) == b"shape" and isinstance(value, bytes):
            shape = dict(_fields(value)).get(7)
            if isinstance(shape, bytes):
                return _shape(shape)
    return None


# --- writing ------------------------------------------------------------------------------------


def write_checkpoint(prefix: Path | str, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Write `prefix`.index and `prefix`.data-00000-of-00001, both synced to the disk.

    Tensors that hold only zeros (unused optimiser slots) share one region of the data file,
    which TensorFlow reads like any other: a 3x512 network with both of Adam's slots takes
    26 MB instead of 66.

    Args:
        prefix: the path without `.index`; existing files are overwritten, so write into a
            temporary folder and rename it (artifact.write_artifact does).
        tensors: name → array of a numeric dtype.

    Raises:
        OSError: the disk is full or the folder is not writable.
        ValueError: an array has a dtype that a checkpoint cannot hold.
    """
    data_path = Path(f"{prefix}.data-00000-of-00001")
    entries: dict[bytes, bytes] = {b"": _field(1, 1) + _field(3, _field(1, 1))}
    zeros = [array.nbytes for array in tensors.values() if _only_zero_bytes(array)]
    with data_path.open("wb") as file:
        file.write(bytes(max(zeros, default=0)))
        for name in sorted(tensors, key=str.encode):
            # not ascontiguousarray: it would make a vector of a scalar
            array = np.asarray(tensors[name], order="C")
            dtype = array.dtype.newbyteorder("<")
            if dtype not in _DTYPE_NUMBERS:
                raise ValueError(f"{name} has dtype {array.dtype}, which a checkpoint cannot hold")
            data = array.astype(dtype, copy=False).tobytes()
            offset = 0
            if not _only_zero_bytes(array):
                offset = file.tell()
                file.write(data)
            shape = b"".join(_field(2, _field(1, size)) for size in array.shape)
            entry = _field(1, _DTYPE_NUMBERS[dtype]) + _field(2, shape)
            if offset:
                entry += _field(4, offset)
            entry += _field(5, len(data)) + _varint(6 << 3 | 5)
            entries[name.encode()] = entry + struct.pack("<I", _masked_crc(data))
        _sync(file)
    with Path(f"{prefix}.index").open("wb") as file:
        file.write(_build_table(sorted(entries.items())))
        _sync(file)


def _only_zero_bytes(array: NDArray[Any]) -> bool:
    """Whether every byte of it is 0; minus zero has a bit set."""
    return not array.any() and not (array.dtype.kind == "f" and bool(np.signbit(array).any()))


def _sync(file: Any) -> None:
    file.flush()
    os.fsync(file.fileno())


def _build_block(pairs: list[tuple[bytes, bytes]]) -> bytes:
    out, restarts, previous = bytearray(), [], b""
    for number, (key, value) in enumerate(pairs):
        shared = 0
        if number % _RESTART_INTERVAL == 0:
            restarts.append(len(out))
        else:
            shared = _shared_length(previous, key)
        out += _varint(shared) + _varint(len(key) - shared) + _varint(len(value))
        out += key[shared:] + value
        previous = key
    restarts = restarts or [0]
    out += struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))
    return bytes(out)


def _shared_length(one: bytes, other: bytes) -> int:
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return length


def _build_table(pairs: list[tuple[bytes, bytes]]) -> bytes:
    table = bytearray()

    def append(block: bytes) -> bytes:
        handle = _varint(len(table)) + _varint(len(block))
        body = block + b"\0"
        table.extend(body + struct.pack("<I", _masked_crc(body)))
        return handle

    data_handle = append(_build_block(pairs))
    meta_handle = append(_build_block([]))
    index_handle = append(_build_block([(pairs[-1][0], data_handle)]))
    footer = meta_handle + index_handle
    table += footer.ljust(_FOOTER_BYTES - 8, b"\0") + struct.pack("<Q", _TABLE_MAGIC)
    return bytes(table)
