"""Starting train.py beside the server, with what it needs to be lowly and to end with it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal

from simpleml.errors import TrainingNotInstalledError

ROOT = Path(__file__).resolve().parents[2]
PLAIN = ("--encoding", "utf-8")
"""The store keeps texts, whatever they were taken from and look like."""
NEEDED = ("tensorflow", "keras", "tflearn")


Priority = Literal["idle", "low"]
"""Of a training: what nobody else wants, or about a quarter of a core that is never free."""


def require_training(needed: Sequence[str] = NEEDED) -> None:
    """See whether this Python can train, without importing anything.

    Raises:
        TrainingNotInstalledError: it cannot; says what to install.
    """
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise TrainingNotInstalledError(
            f"This server can generate but not train: {', '.join(missing)} not installed. "
            "`make train` installs what training needs; the server need not be restarted."
        )


def start(
    arguments: Sequence[str],
    *,
    folder: Path,
    lock: Path | None,
    output: IO[bytes],
    errors: IO[bytes] | None = None,
    priority: Priority = "idle",
) -> subprocess.Popen[bytes]:
    """Start train.py in `folder`; it stops safely when its standard input is closed.

    Args:
        arguments: of train.py.
        folder: its working folder.
        lock: file that it holds as long as it lives.
        output: where it writes; errors go there too unless they have a file of their own.
        errors: where it writes errors; None for `output`.
        priority: of its process.
    """
    return subprocess.Popen(
        [
            *(sys.executable, "-P", "-m", "simpleml.jobs.child"),
            *(priority, "-" if lock is None else str(lock), *arguments),
        ],
        cwd=folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT if errors is None else errors,
    )


def flags(options: Mapping[str, Any]) -> list[str]:
    """TrainingOptions' fields as arguments of train.py; None and False are left out."""
    words = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif value is not None and value is not False:
            words += [flag, str(value)]
    return words


def environment() -> dict[str, str]:
    """This process's, without the server's settings, keys among them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIMPLEML_")}
    paths = [str(ROOT), *filter(None, [kept.get("PYTHONPATH")])]
    return {**kept, "PYTHONPATH": os.pathsep.join(paths)}
