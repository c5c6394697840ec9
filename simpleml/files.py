"""The ways to write files: whole or not at all, and on the disk when it is said that they are.

A file is written under a temporary name beside its place, synced and renamed; the folder is synced
after it, since a name that is not on the disk is lost when the power fails.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

_ATTEMPTS, _INSTANT = 5, 0.02  # seconds


def write_whole(path: Path, data: bytes) -> None:
    """Put `data` at `path`; at every instant there is the old file or the new one.

    Raises:
        OSError: the disk is full or the folder not writable; what was there stands.
    """
    with writing(path) as file:
        file.write(data)


@contextmanager
def writing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write, which takes its place at `path` when the block ends without an error.

    Raises:
        OSError: the disk is full or the folder not writable; what was there stands.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def try_lock(file: IO[Any] | int) -> bool:
    """Take the lock of an open file, or of its descriptor; False where another has it.

    It is held until the file is closed.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def take_lock(file: IO[Any] | int) -> bool:
    """`try_lock` to keep it: who only looks whether it is held holds it for an instant, too."""
    for _ in range(_ATTEMPTS):
        if try_lock(file):
            return True
        time.sleep(_INSTANT)
    return False


def link_or_copy(source: str, target: str) -> None:
    """Give a file a second name, or copy it where the file system has no links."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        shutil.copy2(source, target)


def sync_folder(path: Path) -> None:
    """Have the names in a folder on the disk, so that a rename there outlives a crash."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def exchange_folders(one: Path, other: Path) -> None:
    """Let two folders change places, in one step where the system can (Linux, macOS)."""
    libc = ctypes.CDLL(None, use_errno=True)
    at_cwd, swap = -100, 2
    paths = os.fsencode(one), os.fsencode(other)
    if hasattr(libc, "renameat2"):
        if libc.renameat2(at_cwd, paths[0], at_cwd, paths[1], swap) == 0:
            return
    elif hasattr(libc, "renamex_np") and libc.renamex_np(*paths, swap) == 0:
        return
    aside = one.with_name(one.name + ".old")
    other.rename(aside)
    try:
        one.rename(other)
    except OSError:
        aside.rename(other)
        raise
    aside.rename(one)
