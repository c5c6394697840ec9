"""TensorFlow's start without its announcements."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LEVEL = "TF_CPP_MIN_LOG_LEVEL"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what is written to stderr (descriptor 2) meanwhile to itself; errors are still raised.

    TensorFlow 2.21 says that it has oneDNN and no GPU as it is imported, each twice, whatever
    TF_CPP_MIN_LOG_LEVEL is. With "0" or "1" there, which somebody must have set, all is shown.
    """
    if os.environ.setdefault(LEVEL, "3") in ("0", "1"):
        yield
        return
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # a process without a stderr
        yield
        return
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        with suppress(OSError, ValueError, AttributeError):
            sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
