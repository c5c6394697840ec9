"""The process that reads one document: bytes on standard input, JSON on standard output."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sys

from simpleml.documents import reader
from simpleml.documents.document import Refusal


def main() -> None:
    """Read the document within bounds."""
    _limit()
    try:
        said = dataclasses.asdict(reader.unpack(sys.stdin.buffer.read()))
    except Refusal as refusal:
        said = {"refusal": str(refusal), "reason": refusal.reason}
    except (MemoryError, RecursionError):
        said = {"refusal": f"needs more than {reader.CHILD_BYTES >> 20:,} MB to be read"}
    print(json.dumps(said))


def _limit() -> None:
    try:
        import resource
    except ImportError:  # Windows: the parent's time limit stays
        return
    for what, most in (
        (resource.RLIMIT_AS, reader.CHILD_BYTES),
        (resource.RLIMIT_CPU, reader.CHILD_SECONDS),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    main()
