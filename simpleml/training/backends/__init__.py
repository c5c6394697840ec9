"""The parts of training that are written once per Keras backend; the rest is ``keras.ops``.

Each module holds ``lstm`` (one layer's recurrence over a chunk, with its gradient), facts about the
device (``on_gpu``, ``default_shards``, ``best_precision``, ``READ_EVERY``) and ``Learner``
(parameters, optimiser state and the compiled steps on the device).
"""

from __future__ import annotations

import importlib
import os
from typing import Any

from simpleml.errors import TrainingError

NAMES = ("tensorflow", "jax", "torch")


def current() -> Any:
    """The module for the backend Keras runs on (``KERAS_BACKEND``, else Keras' own choice).

    Raises:
        TrainingError: it is not installed, or not one of the three; says what to install.
    """
    wanted = os.environ.get("KERAS_BACKEND", "tensorflow")
    if wanted not in NAMES:
        raise TrainingError(f"KERAS_BACKEND={wanted}: must be one of {', '.join(NAMES)}")
    try:
        import keras

        name = keras.backend.backend()
        return importlib.import_module(f"{__name__}.{name}_backend")
    except ModuleNotFoundError as error:
        missing = error.name or wanted
        raise TrainingError(
            f"training needs {missing}, which is not installed: pip install -r required.txt, or "
            f"pip install keras {wanted}"
        ) from error
