"""The parts of training that are written once per Keras backend; the rest is ``keras.ops``.

Each module holds ``lstm`` (one layer's recurrence over a chunk, with its gradient),
``default_shards`` (in how many independent parts a chunk's rows are best computed) and
``Learner`` (parameters, optimiser state and the compiled steps on the device). ``learner()``
imports the one that ``KERAS_BACKEND`` names.
"""

from __future__ import annotations

import importlib
from typing import Any


def current() -> Any:
    """The module for the backend Keras runs on: tensorflow, jax or torch."""
    import keras

    return importlib.import_module(f"simpleml.training.backends.{keras.backend.backend()}_backend")
