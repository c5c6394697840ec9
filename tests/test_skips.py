"""With CI=1 a skip for a reason that tests/allowed_skips.txt lacks fails the run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent

SKIPPED = """
import pytest

def test_one():
    pytest.skip({why!r})

def test_two():
    pass
"""


def status(folder: Path, why: str, ci: str, *words: str) -> int:
    """Run a file of two tests, one of them skipped, beneath the project's conftest.py."""
    (folder / "test_them.py").write_text(SKIPPED.format(why=why))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-p", "no:cacheprovider"]
    # Folders of tests have a conftest.py too: the one meant here must be found first.
    places = [str(TESTS), str(TESTS.parent), *filter(None, sys.path)]
    env = os.environ | {"CI": ci, "PYTHONPATH": os.pathsep.join(places)}
    return subprocess.run(
        [*command, *words, "."], cwd=folder, env=env, capture_output=True
    ).returncode


@pytest.mark.parametrize("words", [(), ("-n", "1")])
def test_a_reason_on_no_list_fails_the_run(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert status(tmp_path, "no such compiler here", "1", *words) == 1


def test_a_reason_on_the_list_does_not(tmp_path: Path) -> None:
    assert status(tmp_path, "systemd-analyze is not installed", "1") == 0


def test_outside_of_ci_no_reason_does(tmp_path: Path) -> None:
    assert status(tmp_path, "no such compiler here", "") == 0


def test_every_line_of_the_list_says_why() -> None:
    lines = (TESTS / "allowed_skips.txt").read_text(encoding="utf-8").splitlines()
    assert all(line.partition("  # ")[2] for line in lines if line[:1] != "#")
