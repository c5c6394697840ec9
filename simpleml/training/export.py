"""From trained weights to a complete ML/<name>/ that plain TFLearn loads and the server serves.

The checkpoint is written without TensorFlow; only the graph beside it (.meta) is TFLearn's own
work, done once per training in a process of its own. Knows no training framework.

Try it::

    prepare(sizes)                                       # when the training begins
    export(Path("ML"), "x", weights, vocabulary, card)   # at every best epoch
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simpleml.errors import TrainingError
from simpleml.models.artifact import write_artifact
from simpleml.models.card import Card
from simpleml.models.vocabulary import Vocabulary
from simpleml.models.weights import NetworkWeights
from simpleml.training.tflearn_meta import GraphSizes, TFLearnGraph, start_graph

# Adam as it stands before its first step (beta1 and beta2 of TensorFlow's default), so that
# TFLearn's `fit` can go on from an exported checkpoint. All other additions are zero.
ADAM_START = {"Adam/beta1_power": 0.9, "Adam/beta2_power": 0.999}


def prepare(sizes: GraphSizes) -> None:
    """Let TFLearn begin to build the graph that :func:`export` will want.

    Raises:
        TrainingError: TensorFlow or TFLearn is not installed; says what to install.
    """
    start_graph(sizes)


def export(
    models_dir: Path,
    name: str,
    weights: NetworkWeights,
    vocabulary: Vocabulary,
    card: Card,
    *,
    dropout: float = 0.5,
) -> None:
    """Write ML/<name>/: checkpoint, graph, vocabulary, card.

    The old model or the new one stands there at every instant.

    Args:
        models_dir: where the folder goes.
        name: of the model.
        weights: in TFLearn's layout.
        vocabulary: of V symbols.
        card: its ``seq_maxlen`` is the window of the graph.
        dropout: of the graph; it matters only if TFLearn trains on from the checkpoint.

    Raises:
        TrainingError: TFLearn is missing or failed, the weights hold no finite numbers, or the
            files could not be written (disk full, folder not writable); an existing model is
            unharmed.
    """
    check_weights(weights)
    sizes = GraphSizes(
        len(weights.layers), weights.units, weights.vocabulary_size, card.seq_maxlen, dropout
    )
    graph = start_graph(sizes).result()
    try:
        write_artifact(
            models_dir,
            name,
            tensors=checkpoint_tensors(weights, graph),
            meta=graph.meta,
            vocabulary=vocabulary,
            card=card,
        )
    except OSError as error:
        raise TrainingError(
            f"cannot write the model {name} to {models_dir}: {error.strerror or error}; what was "
            "there before is unharmed"
        ) from error


def checkpoint_tensors(weights: NetworkWeights, graph: TFLearnGraph) -> dict[str, NDArray[Any]]:
    """Every variable that TFLearn's plain ``load`` asks for, by name.

    Raises:
        TrainingError: TFLearn's graph is of another shape than the weights.
    """
    tensors: dict[str, NDArray[Any]] = {}
    arrays = dict(weights.arrays())
    if strangers := sorted(set(arrays) - set(graph.variables)):
        raise TrainingError(f"TFLearn's graph has no variable {strangers[0]}")
    for variable, (shape, dtype) in graph.variables.items():
        array = arrays.get(variable)
        if array is None:
            start = ADAM_START.get(variable, 0)
            # Zeros of any size cost nothing: one element, seen through strides of zero.
            array = np.broadcast_to(np.asarray(start, dtype), shape)
        elif array.shape != shape:
            raise TrainingError(f"{variable} has shape {array.shape}, TFLearn's graph has {shape}")
        tensors[variable] = array
    return tensors


def check_weights(weights: NetworkWeights) -> None:
    """Raise a TrainingError unless every weight is a finite number."""
    for variable, array in weights.arrays():
        if not np.isfinite(array).all():
            raise TrainingError(
                f"the training diverged: {variable} holds values that are not numbers; try a "
                "smaller --learning-rate"
            )
