"""What the machine can do: its arithmetic, its speed in training, its name for the card."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simpleml.cores import usable_cores


@dataclass(frozen=True)
class Speed:
    """What a few real training steps took on this machine."""

    characters_per_second: float
    update_seconds: float
    epoch_seconds: float  # of training alone
    epochs: int  # of a run with these options
    peak_memory: int  # bytes, of the whole process
    parameters: int
    machine: str  # processor, backend and precision, in words

    @property
    def updates(self) -> int:
        """Of the whole run, as its epochs have them."""
        return round(self.epochs * self.epoch_seconds / self.update_seconds)


def prefers_bfloat16(on_gpu: bool) -> bool:
    """Whether bfloat16 products are faster than float32's: on GPUs of today and some CPUs.

    On a CPU they want AMX, or AVX512-BF16 as AMD builds it. Intel's AVX512-BF16 without AMX took
    1.4 to 1.6 times as long as float32 (bench/RESULTS.md); without either they are emulated.
    """
    return on_gpu or fast_bfloat16(_cpu_field("flags").split(), _cpu_field("vendor_id"))


def fast_bfloat16(flags: Sequence[str], vendor: str) -> bool:
    """Whether a processor of a vendor with these flags of /proc/cpuinfo gains by bfloat16."""
    return "amx_bf16" in flags or ("avx512_bf16" in flags and vendor == "AuthenticAMD")


def cores() -> int:
    """How many cores a training may keep busy: OMP_NUM_THREADS says fewer, if it is set.

    Ray sets it to the cores of a task, several of which share a node.
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    most = usable_cores()
    return min(most, max(1, int(wanted))) if wanted.isdecimal() else most


def describe() -> str:
    """Processor, cores in use and system, in one line."""
    name = _cpu_field("model name") or platform.processor() or platform.machine()
    return f"{name}, {cores()} cores, {platform.system()}, Python {platform.python_version()}"


def _cpu_field(name: str) -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(name):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return ""
