"""Fixtures that the training tests share."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from tflearn_oracle import TFLearnOracle  # noqa: E402


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with corpora and old models, beside the repository unless told otherwise."""
    folder = Path(os.environ.get("SIMPLEML_TEST_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder} with the corpora (SIMPLEML_TEST_SHARED names it)")
    return folder


@pytest.fixture(scope="session")
def oracle() -> Iterator[TFLearnOracle]:
    """The real TFLearn, started once for all tests (about five seconds)."""
    if importlib.util.find_spec("tflearn") is None:  # importing it here would switch TF 2 off
        pytest.skip("TFLearn is not installed")
    with TFLearnOracle() as running:
        yield running
