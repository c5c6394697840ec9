"""The parts of training that are written once per backend; the rest is ``keras.ops``.

Each module is a :class:`simpleml.training.learner.Backend`: facts about the device, the recurrence
of one layer, and a ``Learner`` with the steps that change its parameters.
"""

from __future__ import annotations

import os

from simpleml.errors import BackendError
from simpleml.training.learner import Backend
from simpleml.training.quiet import quiet

NAMES = ("tensorflow", "torch")


def current() -> Backend:
    """The module for the backend that ``KERAS_BACKEND`` names, TensorFlow's if it names none.

    Raises:
        BackendError: it is not installed, or not one of the two; says what to install.
    """
    name = os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # Keras reads it too
    if name not in NAMES:
        raise BackendError(f"KERAS_BACKEND={name}: must be one of {', '.join(NAMES)}")
    try:
        with quiet():
            import keras  # noqa: F401 - for its absence, which is told below

            if name == "torch":
                from simpleml.training.backends import torch_backend

                return torch_backend
            from simpleml.training.backends import tensorflow_backend

            return tensorflow_backend
    except ModuleNotFoundError as error:
        missing = error.name or name
        raise BackendError(
            f"training needs {missing}, which is not installed: pip install -r required.txt, or "
            f"pip install 'simpleml[train]'{' torch' if name == 'torch' else ''}"
        ) from error
