"""What the benchmarks share: the model they measure, the machine's description, tables.

The model is TFLearn's usual network, 3x512 with about 81 characters: one that real TFLearn trained
if such files lie beside the repository, else one of ML/, else random weights, which cost the same.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
for _folder in (ROOT, ROOT / "tests"):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

from simpleml.models.artifact import find_artifact, read_artifact  # noqa: E402

LAYERS, UNITS = 3, 512
_RANDOM_ALPHABET = "\n !\"&'(),-.:;?" + "0123456789" + "abcdefghijklmnopqrstuvwxyz" + (
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + "àéèêî"
)  # fmt: skip


@dataclass(frozen=True)
class BenchModel:
    """A 3x512 model in a models folder that holds nothing else."""

    models_dir: Path
    name: str
    origin: str
    """In words, for the report."""
    vocabulary_size: int
    seq_maxlen: int
    seed: str
    """A seed as long as the window, of characters that the model knows."""

    @property
    def prefix(self) -> Path:
        """Where TFLearn's `load` finds it."""
        return self.models_dir / self.name / f"{self.name}.tfl"

    @property
    def flops_per_step(self) -> float:
        """Multiplications and additions of one row's step; a one-hot input costs none."""
        inner = UNITS * 4 * UNITS + (LAYERS - 1) * 2 * UNITS * 4 * UNITS
        return 2.0 * inner

    @property
    def flops_per_character(self) -> float:
        """In window mode: W rows step, one of them goes on through the output layer."""
        return self.seq_maxlen * self.flops_per_step + 2.0 * UNITS * self.vocabulary_size


@contextmanager
def bench_model() -> Iterator[BenchModel]:
    """The model to measure, alone in a temporary models folder."""
    with tempfile.TemporaryDirectory(prefix="simpleml-bench-") as folder:
        models_dir = Path(folder)
        name, origin = _provide(models_dir)
        paths = find_artifact(models_dir, name)
        assert paths is not None
        artifact = read_artifact(paths)
        window = artifact.card.seq_maxlen
        seed = "My dear Watson, you will see that it is so and so "[:window]
        if not set(seed) <= set(artifact.vocabulary.symbols):
            seed = "".join(artifact.vocabulary.symbols[:1] * window)
        yield BenchModel(models_dir, name, origin, len(artifact.vocabulary.symbols), window, seed)


def _provide(models_dir: Path) -> tuple[str, str]:
    shared = Path(os.environ.get("SIMPLEML_TEST_SHARED", ROOT.parent / "shared"))
    for source, origin in (
        (shared / "legacy" / "sherlock", "trained by TFLearn 0.5"),
        *((folder, "of ML/") for folder in sorted((ROOT / "ML").glob("*/"))),
    ):
        if _is_wanted(source):
            shutil.copytree(source, models_dir / source.name)
            return source.name, f"{source.name}, {origin}"
    from models import write_model

    write_model(
        models_dir, "random", layers=LAYERS, units=UNITS, seq_maxlen=25, alphabet=_RANDOM_ALPHABET
    )
    return "random", "random weights"


def _is_wanted(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    paths = find_artifact(folder.parent, folder.name)
    if paths is None:
        return False
    card = read_artifact(paths).card
    return (card.layers, card.units) == (LAYERS, UNITS)


def machine() -> dict[str, Any]:
    """Cores, processor and versions; no names."""
    model = platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return {
        "processor": model,
        "cores": cores(),
        "python": platform.python_version(),
        "onnxruntime": version("onnxruntime"),
        "load_before": round(os.getloadavg()[0], 2),
    }


def cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A Markdown table whose columns are aligned, the first one to the left."""
    widths = [max(len(str(row[i])) for row in (header, *rows)) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if number == 0 else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    print(f"\n{title}\n")
    print(line(header))
    rule = ["-" * width for width in widths]
    print("| " + " | ".join([rule[0], *(dashes[:-1] + ":" for dashes in rule[1:])]) + " |")
    for row in rows:
        print(line(row))
    sys.stdout.flush()


def print_json(result: dict[str, Any]) -> None:
    """The last line of a benchmark."""
    print()
    print(json.dumps(result, ensure_ascii=False))


def rss_bytes(pid: int) -> int:
    """Resident memory of a process (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ValueError(f"process {pid} has no resident memory")


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, all threads (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
