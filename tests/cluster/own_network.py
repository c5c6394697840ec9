"""A network of a test's own, in which there is nothing but the machine itself (`lo`).

The thread that enters it is in it, with all that it starts from then on; so a program that listens
on all interfaces, as Ray does, is heard by nobody else, and every port is free.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NEW_NETWORK = 0x40000000
_SET_FLAGS = 0x8914
_UP = 0x1


@contextmanager
def own_network() -> Iterator[None]:
    """Be in it until the block ends.

    Raises:
        OSError: it cannot be made; root can.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open(Path("/proc/thread-self/ns/net"), os.O_RDONLY)
    try:
        if libc.unshare(_NEW_NETWORK):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        try:
            with socket.socket() as any_socket:
                fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH14x", b"lo", _UP))
            yield
        finally:
            libc.setns(before, _NEW_NETWORK)
    finally:
        os.close(before)
