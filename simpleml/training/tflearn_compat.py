"""TFLearn 0.5 on today's TensorFlow: its network and its generator.

TFLearn is the oracle the rest of the package is compared with, and the writer of the graph
(`.meta`) beside every checkpoint. ``import tflearn`` switches TensorFlow 2 behaviour off for
the whole process, so nothing here may be called in a process that trains with Keras: give it
a process of its own. Importing this module imports neither TensorFlow nor TFLearn.

Try it::

    from simpleml.training.tflearn_compat import tflearn_generator
    generator = tflearn_generator({"a": 0, "b": 1}, layers=2, units=32, seq_maxlen=12)
    generator.load("ML/x/x.tfl")
    print(generator.generate(100, temperature=0.5, seq_seed="abababababab"))
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
import tempfile
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from simpleml.training.quiet import quiet

INSTALL_HINT = (
    "TFLearn writes the graph beside every checkpoint; install it with "
    "`pip install tensorflow tflearn` (or `pip install -r required.txt`)"
)


def tflearn_missing() -> list[str]:
    """Names of the packages that TFLearn needs here and that are not installed."""
    return [name for name in ("tensorflow", "tflearn") if importlib.util.find_spec(name) is None]


def import_tflearn() -> ModuleType:
    """Import TFLearn 0.5 on a current TensorFlow and return the module.

    Two names that TFLearn imports were renamed since its last release:
    ``tensorflow.python.util.nest.is_sequence`` (now ``is_nested``) and ``PIL.Image.ANTIALIAS``
    (now ``LANCZOS``). Both are set before the import.

    Raises:
        ModuleNotFoundError: TensorFlow or TFLearn is not installed.
        RuntimeError: Keras is at work in this process already; TFLearn would break it.
    """
    if "tflearn" in sys.modules:
        return sys.modules["tflearn"]
    missing = tflearn_missing()
    if missing:
        raise ModuleNotFoundError(f"{' and '.join(missing)} not installed. {INSTALL_HINT}")
    if "keras" in sys.modules:
        raise RuntimeError(
            "TFLearn switches TensorFlow 2 behaviour off for the whole process and Keras is "
            "already loaded in this one: use TFLearn in a process of its own"
        )
    with quiet():
        nest = importlib.import_module("tensorflow.python.util.nest")
        if not hasattr(nest, "is_sequence"):
            nest.is_sequence = nest.is_nested  # type: ignore[attr-defined]
        image = importlib.import_module("PIL.Image")
        if not hasattr(image, "ANTIALIAS"):
            image.ANTIALIAS = image.LANCZOS  # type: ignore[attr-defined]
        tensorflow = importlib.import_module("tensorflow.compat.v1")
        tensorflow.logging.set_verbosity(tensorflow.logging.ERROR)  # it announces every deprecation
    with contextlib.redirect_stdout(sys.stderr):  # it prints of SciPy, h5py and curses it misses
        return importlib.import_module("tflearn")


def build_network(
    layers: int,
    units: int,
    vocabulary_size: int,
    seq_maxlen: int,
    dropout: float = 0.5,
    learning_rate: float = 0.001,
) -> Any:
    """TFLearn's character network in the default graph: LSTM stack, softmax, Adam.

    Args:
        layers: number of LSTM layers, L.
        units: units in each, H.
        vocabulary_size: distinct symbols, V.
        seq_maxlen: length of the window, T.
        dropout: share of the outputs dropped after each LSTM in training (TFLearn itself asks
            for the share kept).
        learning_rate: Adam's step size.

    Returns:
        The regression tensor, (B, V) float32 probabilities of the symbol after the window.
    """
    tflearn: Any = import_tflearn()
    net = tflearn.input_data(shape=[None, seq_maxlen, vocabulary_size])  # (B, T, V)
    for layer in range(layers):
        net = tflearn.lstm(net, units, return_seq=layer < layers - 1)  # (B, T, H), last (B, H)
        if dropout > 0.0:
            net = tflearn.dropout(net, 1.0 - dropout)
    net = tflearn.fully_connected(net, vocabulary_size, activation="softmax")  # (B, V)
    return tflearn.regression(
        net, optimizer="adam", loss="categorical_crossentropy", learning_rate=learning_rate
    )


def tflearn_generator(
    dictionary: Mapping[str, int],
    *,
    layers: int = 3,
    units: int = 512,
    seq_maxlen: int = 25,
    dropout: float = 0.5,
    learning_rate: float = 0.001,
    clip: float = 5.0,
    random_state: int | None = None,
    initialise: bool = True,
) -> Any:
    """A real ``tflearn.SequenceGenerator`` around :func:`build_network`, in a fresh graph.

    One at a time: a second call discards the default graph of the first. Load a checkpoint
    with ``generator.load(prefix)``, or ``generator.load(prefix, trainable_variable_only=True)``
    for one that was saved without optimiser slots.

    Args:
        dictionary: symbol to index, 0 to V-1.
        layers: L.
        units: H of each layer.
        seq_maxlen: the window, in symbols.
        dropout: share of outputs dropped after each layer.
        learning_rate: Adam's.
        clip: global norm at which gradients are clipped.
        random_state: seed of TensorFlow's generators (initial weights, dropout).
        initialise: give the variables their initial values; without, only the graph is built,
            which takes no memory, and ``load`` must follow before anything else.
    """
    tflearn: Any = import_tflearn()
    tensorflow = importlib.import_module("tensorflow.compat.v1")
    tensorflow.reset_default_graph()
    if random_state is not None:
        tensorflow.set_random_seed(random_state)
    network = build_network(layers, units, len(dictionary), seq_maxlen, dropout, learning_rate)
    return tflearn.SequenceGenerator(
        network,
        dictionary=dict(dictionary),
        seq_maxlen=seq_maxlen,
        clip_gradients=clip,
        tensorboard_dir=tempfile.gettempdir(),
        session=None if initialise else tensorflow.Session(),  # its own one it initialises
    )
