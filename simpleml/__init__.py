"""SimpleML: train a sequence model on your own text and serve it.

    from simpleml import ModelLoader, SequenceGenerator, create_app

The names are imported when first used, so that training does not load the server, nor the server
what training needs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from simpleml.version import __version__

_PLACES = {
    "ModelLoader": "simpleml.loader",
    "SequenceGenerator": "simpleml.generation.sequence_generator",
    "create_app": "simpleml.web.app",
    "SimpleMLError": "simpleml.errors",
}

__all__ = ["ModelLoader", "SequenceGenerator", "SimpleMLError", "__version__", "create_app"]

if TYPE_CHECKING:
    from simpleml.errors import SimpleMLError
    from simpleml.generation.sequence_generator import SequenceGenerator
    from simpleml.loader import ModelLoader
    from simpleml.web.app import create_app


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)
