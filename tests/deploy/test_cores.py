"""The program uses the cores that it may use: affinity and control groups, not the host's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simpleml.cores import usable_cores
from simpleml.training import machine

WITHIN = "from simpleml.cores import usable_cores; print(usable_cores())"


def groups(folder: Path, membership: str, files: dict[str, str]) -> int:
    """What is said of a process with this membership among these groups."""
    (folder / "self").write_text(membership)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return usable_cores(folder / "self", folder)


@pytest.fixture(autouse=True)
def sixteen_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)))


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", 16), ("400000 100000", 4), ("150000 100000", 1), ("20000 100000", 1)],
)
def test_a_quota_bounds_them(quota: str, cores: int, tmp_path: Path) -> None:
    assert groups(tmp_path, "0::/a/b\n", {"a/b/cpu.max": quota}) == cores


def test_the_tightest_group_above_counts(tmp_path: Path) -> None:
    files = {"a/b/cpu.max": "max 100000", "a/cpu.max": "300000 100000", "cpu.max": "500000 100000"}
    assert groups(tmp_path, "0::/a/b\n", files) == 3


def test_version_1_of_the_groups(tmp_path: Path) -> None:
    files = {
        "cpu,cpuacct/a/cpu.cfs_quota_us": "250000\n",
        "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
    }
    assert groups(tmp_path, "4:memory:/a\n3:cpu,cpuacct:/a\n0::/\n", files) == 2
    unbounded = {**files, "cpu,cpuacct/a/cpu.cfs_quota_us": "-1\n"}
    assert groups(tmp_path, "3:cpu,cpuacct:/a\n", unbounded) == 16


def test_a_group_that_the_container_does_not_see_is_looked_for_at_its_root(tmp_path: Path) -> None:
    assert groups(tmp_path, "0::/host/pod/x\n", {"cpu.max": "200000 100000"}) == 2


@pytest.mark.parametrize("membership", ["", "nonsense:x:/\n", "0::/../..\n"])
def test_no_groups_leave_the_affinity(membership: str, tmp_path: Path) -> None:
    assert groups(tmp_path, membership, {}) == 16


def test_the_affinity_of_a_real_process() -> None:
    bound = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    said = subprocess.run(
        [sys.executable, "-c", bound + WITHIN], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "1"


@pytest.mark.parametrize(("given", "cores"), [("1", 1), ("10000", None), ("4,2", None), ("", None)])
def test_a_training_takes_no_more_than_its_task_was_given(
    given: str, cores: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert machine.cores() == (cores or usable_cores())
