"""Where trainings run: an Executor starts them, a Run is one that was started.

Two of them: LocalExecutor, a process beside the server, one at a time; and
simpleml.jobs.ray_executor, tasks over a cluster. Who decides what is started, and notes how it
ended, is simpleml.jobs.supervisor.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from simpleml.jobs import process

LOST = os.EX_TEMPFAIL
"""In the place of an exit status: what ran it is no more; it is to be taken up again."""


@dataclass(frozen=True)
class Order:
    """A training that is to be run; paths are the same wherever that is."""

    folder: str
    """Its working folder, with the text, log.txt and lock."""
    saved: str
    """The file that is there as soon as there is something to go on from."""
    always: tuple[str, ...]
    """Arguments of train.py."""
    anew: tuple[str, ...]
    """Those that come to them while nothing is saved."""
    again: tuple[str, ...]
    """Those that come to them once there is."""

    def start(self, priority: process.Priority = "idle") -> subprocess.Popen[bytes]:
        """Start its process here, from what is saved by now; it adds to log.txt.

        Args:
            priority: of the process.

        Raises:
            OSError: the folder is gone, or not writable.
        """
        folder = Path(self.folder)
        more = self.again if Path(self.saved).exists() else self.anew
        with (folder / "log.txt").open("ab") as log:
            return process.start(
                [*self.always, *more],
                folder=folder,
                lock=folder / "lock",
                output=log,
                priority=priority,
            )


class Run(Protocol):
    """A training that was started."""

    @property
    def begun(self) -> bool:
        """Whether it has got the cores that it runs on."""

    def poll(self) -> int | None:
        """train.py's exit status, negative where a signal ended it; LOST; None while it runs."""

    def stop(self) -> None:
        """Have it save and end; returns at once."""

    def kill(self) -> None:
        """End it, saved or not; returns at once."""


class Executor(Protocol):
    """What runs trainings."""

    def free(self, runs: Sequence[Run]) -> bool:
        """Whether one more may be started now beside these.

        Raises:
            Exception: it cannot be known; asked again later.
        """

    def start(self, order: Order) -> Run:
        """Start one.

        Raises:
            OSError: it could not be.
        """

    def close(self) -> None:
        """Nothing runs and nothing waits: let go of what was held; it may be used again."""


class LocalExecutor:
    """A process beside the server, one at a time.

    Args:
        priority: of its process.
    """

    def __init__(self, priority: process.Priority = "idle") -> None:
        self._priority: process.Priority = priority

    def free(self, runs: Sequence[Run]) -> bool:
        """Whether there is none."""
        return not runs

    def start(self, order: Order) -> Run:
        """Start it."""
        return LocalRun(order.start(self._priority))

    def close(self) -> None:
        """Nothing is held."""


class LocalRun:
    """A training's process on this machine.

    Args:
        child: as Order.start starts it.
    """

    begun = True

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child

    def poll(self) -> int | None:
        """Its exit status."""
        code = self._child.poll()
        if code is not None:
            self._close()
        return code

    def stop(self) -> None:
        """It stops when its standard input ends."""
        self._close()

    def kill(self) -> None:
        """SIGKILL."""
        self._child.kill()

    def _close(self) -> None:
        if self._child.stdin is not None:
            self._child.stdin.close()
