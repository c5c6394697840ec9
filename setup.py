"""The extras of the package: the lists required*.txt, read as pip reads them.

pyproject.toml has all the rest; what it could read itself must not contain `-r OTHER.txt`.
"""

from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent


def listed(name: str) -> list[str]:
    """The requirements of a list and of the lists that it names."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    kept = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return [
        requirement
        for line in kept
        for requirement in (listed(line[3:]) if line.startswith("-r ") else [line])
    ]


setup(
    extras_require={
        "train": listed("required.txt"),
        "gpu": listed("required-gpu.txt"),
        "ray": listed("required-ray.txt"),
        "dev": listed("required-dev.txt"),
    }
)
