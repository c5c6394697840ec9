"""Checkpoints without TensorFlow: what is written reads back, what is damaged is told."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models import small_meta

from simpleml.errors import CheckpointError
from simpleml.models.checkpoint import (
    checkpoint_variables,
    read_checkpoint,
    read_placeholder_shape,
    write_checkpoint,
)

DATA = ".data-00000-of-00001"

_dtypes = st.sampled_from(["<f4", "<f8", "<i4", "u1", "<i2", "i1", "<i8", "?", "<u2", "<f2"])
_tensors = _dtypes.flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, min_side=0, max_side=5))
)
_names = st.text(min_size=1, max_size=30).filter(lambda name: _encodes(name))


def _encodes(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """A checkpoint of thirty variables, enough for two restart points in its index."""
    rng = np.random.default_rng(0)
    tensors = {
        f"LSTM_{number}/LSTM_{number}/Matrix": rng.normal(size=(3, number + 1)).astype("f4")
        for number in range(28)
    }
    tensors["Global_Step"] = np.array(12, "<i8")
    tensors["is_training"] = np.array(True)
    write_checkpoint(tmp_path / "x.tfl", tensors)
    return tmp_path / "x.tfl"


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.dictionaries(_names, _tensors, max_size=40))
def test_every_plain_tensor_reads_back_as_it_was(tensors: dict[str, np.ndarray]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        prefix = Path(folder) / "any name.tfl"
        write_checkpoint(prefix, tensors)
        read = read_checkpoint(prefix)
        assert checkpoint_variables(prefix) == {k: v.shape for k, v in tensors.items()}
    assert set(read) == set(tensors)
    for name, array in tensors.items():
        assert read[name].dtype == array.dtype
        assert read[name].shape == array.shape
        assert read[name].tobytes() == array.tobytes()  # NaN and -0.0 too


def test_an_array_in_another_memory_order_is_written_by_its_values(tmp_path: Path) -> None:
    array = np.arange(24, dtype="f4").reshape(4, 6)
    write_checkpoint(tmp_path / "x", {"turned": array.T, "every other": array[:, ::2]})
    read = read_checkpoint(tmp_path / "x")
    np.testing.assert_array_equal(read["turned"], array.T)
    np.testing.assert_array_equal(read["every other"], array[:, ::2])


def test_big_endian_numbers_are_written_by_their_values(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "x", {"big": np.array([1.5, -2.0], ">f4")})
    np.testing.assert_array_equal(read_checkpoint(tmp_path / "x")["big"], [1.5, -2.0])


def test_texts_are_refused_when_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="name has dtype <U3"):
        write_checkpoint(tmp_path / "x", {"name": np.array(["abc"])})


def test_only_wanted_variables_are_read(prefix: Path) -> None:
    assert list(read_checkpoint(prefix, {"Global_Step"}.__contains__)) == ["Global_Step"]


def test_zeros_share_one_place(tmp_path: Path) -> None:
    slots = {f"slot{number}": np.zeros((50, 50), "f4") for number in range(10)}
    write_checkpoint(tmp_path / "x", {**slots, "weight": np.ones(10, "f4")})
    assert (tmp_path / f"x{DATA}").stat().st_size == 50 * 50 * 4 + 40
    assert all(
        not read.any() for name, read in read_checkpoint(tmp_path / "x").items() if name[0] == "s"
    )


# --- damage -------------------------------------------------------------------------------------


def damaged(prefix: Path, suffix: str = ".index") -> str:
    """What reading everything says; it must be a CheckpointError that names the file."""
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(prefix)
    message = caught.value.message
    assert message.startswith(f"x.tfl{suffix}"), message
    assert "\n" not in message
    return message


@pytest.mark.slow
def test_index_cut_short_anywhere_is_told(prefix: Path) -> None:
    index = Path(f"{prefix}.index")
    whole = index.read_bytes()
    for length in range(len(whole)):
        index.write_bytes(whole[:length])
        damaged(prefix)


@pytest.mark.slow
def test_index_with_any_bit_flipped_is_told_or_reads_the_same(prefix: Path) -> None:
    """Only padding of the footer and the empty table of filters do not matter."""
    index = Path(f"{prefix}.index")
    whole = index.read_bytes()
    harmless = []
    rng = np.random.default_rng(1)
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << int(rng.integers(8))
        index.write_bytes(flipped)
        try:
            names = checkpoint_variables(prefix)
        except CheckpointError as error:
            assert error.message.startswith("x.tfl.index is not a TensorFlow checkpoint index: ")
        else:
            assert len(names) == 30
            harmless.append(position)
    end = len(whole) - 48
    filters = range(*list(_blocks(whole, end))[1])
    padding = range(end, len(whole) - 8)
    assert harmless  # there is a padding
    assert all(position in filters or position in padding for position in harmless)


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 48, b"\0" * 200, b"<html>Not found</html>", b"\xff" * 500],
    ids=["empty", "zeros", "more zeros", "a web page", "ones"],
)
def test_another_file_in_place_of_the_index_is_told(prefix: Path, content: bytes) -> None:
    Path(f"{prefix}.index").write_bytes(content)
    assert "is not a TensorFlow checkpoint index" in damaged(prefix)


def test_a_git_lfs_pointer_in_place_of_the_index_is_told(prefix: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n"
    Path(f"{prefix}.index").write_bytes(pointer)
    assert "does not end as a checkpoint index does" in damaged(prefix)


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_data_cut_short_is_told(prefix: Path, kept: int) -> None:
    data = Path(f"{prefix}{DATA}")
    whole = data.read_bytes()
    data.write_bytes(whole[:kept])
    message = damaged(prefix, DATA)
    assert f"cut short: it has {len(whole[:kept])} bytes, its index says {len(whole)}" in message


@pytest.mark.slow
def test_any_changed_byte_of_the_data_is_told(prefix: Path) -> None:
    data = Path(f"{prefix}{DATA}")
    whole = data.read_bytes()
    # zeros share the first bytes; every other byte belongs to one variable
    for position in range(1, len(whole), 7):
        data.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        assert "checksum" in damaged(prefix, DATA)


def test_missing_files_are_told(prefix: Path) -> None:
    data = Path(f"{prefix}{DATA}")
    data.rename(data.with_name("elsewhere"))
    assert "cannot be read: No such file" in damaged(prefix, DATA)
    Path(f"{prefix}.index").unlink()
    assert "cannot be read: No such file" in damaged(prefix)


def test_a_folder_in_place_of_a_file_is_told(prefix: Path) -> None:
    data = Path(f"{prefix}{DATA}")
    data.unlink()
    data.mkdir()
    assert "cannot be read" in damaged(prefix, DATA)


def test_random_bytes_never_raise_anything_else(tmp_path: Path) -> None:
    """With a right footer, so that the blocks are looked at."""
    rng = np.random.default_rng(2)
    magic = struct.pack("<Q", 0xDB4775248B80FB57)
    for length in range(0, 400, 3):
        junk = rng.integers(0, 256, length + 40, dtype=np.uint8).tobytes()
        (tmp_path / "x.tfl.index").write_bytes(junk + magic)
        damaged(tmp_path / "x.tfl")


# --- tables whose checksums are right and whose content is not ----------------------------------


def _rewrite(prefix: Path, change: bytes, into: bytes) -> None:
    """Replace bytes of the index's data block and mend the block's checksum, as a forger would."""
    import google_crc32c

    index = Path(f"{prefix}.index")
    whole = index.read_bytes()
    assert whole.count(change) == 1
    assert len(change) == len(into)
    whole = whole.replace(change, into)
    end = len(whole) - 48
    # data block, (empty) meta block, index block: mend all three
    for start, stop in _blocks(whole, end):
        crc = google_crc32c.value(whole[start : stop - 4])
        masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
        whole = whole[: stop - 4] + struct.pack("<I", masked) + whole[stop:]
    index.write_bytes(whole)


def _blocks(whole: bytes, end: int) -> Iterator[tuple[int, int]]:
    from simpleml.models.checkpoint import _read_varint

    footer = whole[end:]
    meta_start, position = _read_varint(footer, 0)
    _, position = _read_varint(footer, position)
    index_start, position = _read_varint(footer, position)
    yield 0, meta_start
    yield meta_start, index_start
    yield index_start, end


def _lying(tmp_path: Path, change: bytes, into: bytes) -> Path:
    """A checkpoint of one (3, 5) float32 variable at offset 0 whose index tells a lie."""
    prefix = tmp_path / "x.tfl"
    write_checkpoint(prefix, {"w": np.ones((3, 5), "f4")})
    _rewrite(prefix, change, into)
    return prefix


SHAPE = b"\x12\x02\x08\x03\x12\x02\x08\x05"


def test_a_forged_index_still_has_right_checksums(tmp_path: Path) -> None:
    prefix = _lying(tmp_path, SHAPE, SHAPE)
    assert read_checkpoint(prefix)["w"].shape == (3, 5)


def test_a_shape_of_another_size_is_told(tmp_path: Path) -> None:
    prefix = _lying(tmp_path, SHAPE, b"\x12\x02\x08\x03\x12\x02\x08\x06")
    assert "w has 60 bytes, its shape (3, 6) needs 72" in damaged(prefix, DATA)


def test_a_text_in_place_of_a_tensor_is_told(tmp_path: Path) -> None:
    prefix = _lying(tmp_path, b"\x08\x01\x12\x08" + SHAPE, b"\x08\x07\x12\x08" + SHAPE)
    assert "w is not a plain tensor of numbers" in damaged(prefix, DATA)


def test_more_bytes_than_there_are_are_never_allocated(tmp_path: Path) -> None:
    prefix = _lying(tmp_path, b"\x28\x3c", b"\x28\x7f")
    assert "cut short: it has 60 bytes, its index says 127" in damaged(prefix, DATA)


# --- .meta ---------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_window_is_read_from_the_graph(window: int, symbols: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.meta"
        path.write_bytes(small_meta(window, symbols))
        assert read_placeholder_shape(path) == (-1, window, symbols)
        assert read_placeholder_shape(path, "Another/X") is None


def test_graph_cut_short_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.meta"
    whole = small_meta(25, 80)
    for length in range(1, len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match=r"^x\.meta is not a TensorFlow graph"):
            read_placeholder_shape(path)


def test_an_empty_graph_has_no_placeholder(tmp_path: Path) -> None:
    (tmp_path / "x.meta").write_bytes(b"")
    assert read_placeholder_shape(tmp_path / "x.meta") is None
