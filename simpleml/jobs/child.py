"""The process that trains for a server: lowly, and gone when its server is.

    python -P -m simpleml.jobs.child PRIORITY LOCK TEXT --name NAME …

It takes its priority, holds LOCK ("-" for none) as long as it lives, and runs train.py's
command line in itself. Standard input is its line to the server: when that ends, because the
server closes it or is no more, it stops as if SIGTERM had come: a point to go on from is saved.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path

from simpleml.files import take_lock


def main(arguments: list[str]) -> None:
    """Train with the arguments after the first two. Raises SystemExit: with train.py's status."""
    priority, lock, *rest = arguments
    give_way(priority == "idle")
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    if lock != "-":
        _hold(lock)
    from simpleml.commands.train import main as train

    sys.exit(train(rest))


def give_way(idle: bool) -> None:
    """Give way to everything else on the machine, in processor time and in memory.

    Args:
        idle: take only what nobody else wants. Where texts are written all the time that would
            be nothing: else it gets about a quarter of a core that is never free.

    It stays in the server's session: Linux may share the processor by sessions first
    (sched_autogroup), and nice means nothing between two of them.
    """
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)  # Ctrl-C at the server's terminal reaches it through the server
    os.nice(19 if idle else 5)
    if idle and hasattr(os, "SCHED_IDLE"):
        # What generates gets the processor back at once, not when a time slice ends.
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError):  # not on Linux
        Path("/proc/self/oom_score_adj").write_text("1000")  # short of memory? take this one


def _end_with_the_server() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _hold(path: str) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not take_lock(descriptor):
        sys.exit("another process trains this model already")


if __name__ == "__main__":
    main(sys.argv[1:])
