"""A Ray cluster of two nodes for the tests of this folder, in a network of its own."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from own_network import own_network
from ray_nodes import Nodes


@pytest.fixture(scope="package")
def network() -> Iterator[None]:
    """The tests, and all that they start, are in a network of their own."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed")
    made = own_network()
    try:
        made.__enter__()
    except (OSError, AttributeError) as error:
        pytest.skip(f"a network of its own cannot be made here ({error})")
    yield
    made.__exit__(None, None, None)


@pytest.fixture(scope="package")
def nodes(network: None, models_dir: Path) -> Iterator[Nodes]:
    """Two nodes of one core each; who kills one adds another."""
    with Nodes(models_dir) as running:
        running.add()
        yield running
