"""How many cores this process may keep busy: what the scheduler lets it use of the machine's.

A container sees all cores of its host. More threads than its share are not only useless: they
meet at the end of each product, and all wait for the one that was put to sleep.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_MEMBERSHIP = Path("/proc/self/cgroup")
_CONTROL_GROUPS = Path("/sys/fs/cgroup")


def usable_cores(membership: Path = _MEMBERSHIP, groups: Path = _CONTROL_GROUPS) -> int:
    """Whole cores within the affinity mask and the quotas of the control groups, at least 1.

    A quota of one and a half cores is one: a second thread would be throttled half of the time,
    and the first would wait for it.

    Args:
        membership: the file that says which groups the process is in (cgroups(7)).
        groups: where the groups are mounted, version 1 or 2.
    """
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        cores = os.cpu_count() or 1
    return max(1, int(min([cores, *_quotas(membership, groups)])))


def _quotas(membership: Path, groups: Path) -> Iterator[float]:
    """Cores that the process's groups and those above them may use, where they are bounded."""
    for controller, path in _memberships(membership):
        for place in [groups / controller] if controller else [groups, groups / "unified"]:
            for group in (place / path, *(place / path).parents):
                try:
                    quota, period = _bandwidth(group)
                    if quota > 0:
                        yield quota / period
                except (OSError, ValueError):
                    pass  # no bound here, or a group outside what the container sees
                if group == place:
                    break


def _memberships(membership: Path) -> Iterator[tuple[str, str]]:
    """(folder of the controller, group's path) of the groups that may bound the processor."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0" or "cpu" in controllers.split(","):
            yield controllers, path.lstrip("/")


def _bandwidth(group: Path) -> tuple[int, int]:
    """Microseconds that the group may run, in each so many.

    Raises:
        OSError, ValueError: it is not bounded.
    """
    version_2 = group / "cpu.max"
    if version_2.exists():
        quota, period = version_2.read_text().split()
    else:
        quota = (group / "cpu.cfs_quota_us").read_text()
        period = (group / "cpu.cfs_period_us").read_text()
    return int(quota), int(period)
