"""What tests that train or read documents need to be installed."""

from __future__ import annotations

import importlib.util

import pytest

from simpleml.jobs.process import NEEDED

needs_training = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in NEEDED),
    reason="TensorFlow and TFLearn are not installed",
)
needs_documents = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("lxml", "docx")),
    reason="the libraries that read and write documents are not installed",
)
