"""Small real models, written by our own writer: what the tests of everything above files serve.

    write_model(tmp_path, "tales")                        # 2x32, window 12, characters
    write_model(tmp_path, "flow", stateful=True, seed=1)
    write_model(tmp_path, "words", level="word", alphabet=["<unk>", " the", " sultan", "."])
    write_model(tmp_path, "old", card=False)              # as people have them from years ago

The weights are random, but of a size that makes the text depend on every symbol of the window.
No TensorFlow is needed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from simpleml.models.artifact import write_artifact
from simpleml.models.card import Card
from simpleml.models.vocabulary import Vocabulary
from simpleml.models.weights import LayerWeights, NetworkWeights

ALPHABET = "\n !\"'(),-./0123456789:;?abcdefghijklmnopqrstuvwxyzàçèéêô"
"""Characters of the small models: no capitals, no œ, no typographic quotes."""


WORDS = ["<unk>", " the", " sultan", " said", " to", " his", " vizier", ".", ",", "\n", "the"]
"""The alphabet of the small word-level model."""


def random_weights(
    vocabulary_size: int, layers: int = 2, units: int | Sequence[int] = 32, seed: int = 0
) -> NetworkWeights:
    """A stack of `layers` layers of `units` units with random weights.

    Args:
        units: of every layer, or one number for each.
    """
    rng = np.random.default_rng(seed)
    sizes = [units] * layers if isinstance(units, int) else list(units)
    inputs = vocabulary_size
    stack = []
    for number, size in enumerate(sizes):
        # A one-hot input adds one row only, hidden states add all of theirs.
        from_below = rng.normal(0.0, 1.0 if number == 0 else 2.0 / inputs**0.5, (inputs, 4 * size))
        from_itself = rng.normal(0.0, 1.5 / size**0.5, (size, 4 * size))
        matrix = np.vstack([from_below, from_itself]).astype(np.float32)
        stack.append(LayerWeights(matrix, rng.normal(0.0, 0.2, 4 * size).astype(np.float32)))
        inputs = size
    output = rng.normal(0.0, 5.0 / inputs**0.5, (inputs, vocabulary_size)).astype(np.float32)
    bias = rng.normal(0.0, 0.5, vocabulary_size).astype(np.float32)
    return NetworkWeights(tuple(stack), output, bias)


def pair_weights(text: str, sharpness: float = 1.0) -> NetworkWeights:
    """A network that has learnt by heart which character follows which in a text: after each it
    gives those that follow it there as often as they do. Its alphabet is that of the text.

    Args:
        sharpness: more gives all else less probability.
    """
    alphabet = sorted(set(text))
    size = len(alphabet)
    counts = np.full((size, size), 1e-3 / sharpness)
    for one, other in pairwise(text):
        counts[alphabet.index(one), alphabet.index(other)] += 1
    matrix = np.zeros((2 * size, 4 * size), np.float32)
    bias = np.zeros(4 * size, np.float32)
    bias[:size] = bias[3 * size :] = 20.0  # the input and output gates stand open
    bias[2 * size : 3 * size] = -21.0  # nothing is remembered
    matrix[:size, size : 2 * size] = 20.0 * np.eye(size)  # the cell of the last character is 1
    output = np.log(counts / counts.sum(axis=1, keepdims=True)) / np.tanh(1.0)
    return NetworkWeights(
        (LayerWeights(matrix, bias),), output.astype(np.float32), np.zeros(size, np.float32)
    )


def write_model(
    models_dir: Path | str,
    name: str,
    *,
    layers: int = 2,
    units: int | Sequence[int] = 32,
    seq_maxlen: int = 12,
    alphabet: str | Sequence[str] = ALPHABET,
    stateful: bool = False,
    level: Literal["char", "word"] = "char",
    seed: int = 0,
    card: bool = True,
    weights: NetworkWeights | None = None,
    **described: Any,
) -> Path:
    """Write `models_dir`/`name`/ and return that folder; an existing model is replaced.

    Args:
        units: of every layer, or one number for each.
        alphabet: the characters, or a list of symbols (words, for level="word").
        stateful: what the card says.
        seed: of the random weights.
        card: False leaves the card away, as old models have none; the window then stands in
            `.meta` alone.
        weights: instead of random ones.
        **described: other fields of the card (unknown_symbol, lower, metrics, …).
    """
    vocabulary = Vocabulary.of(alphabet)
    if weights is None:
        weights = random_weights(len(vocabulary), layers, units, seed)
    written = Card(
        layers=len(weights.layers),
        units=weights.units,
        vocabulary_size=len(vocabulary),
        seq_maxlen=seq_maxlen,
        level=level,
        stateful=stateful,
        weights_sha256=weights.sha256(),
        **described,
    )
    write_artifact(
        models_dir,
        name,
        tensors=dict(weights.arrays()),
        meta=small_meta(seq_maxlen, len(vocabulary)),
        vocabulary=vocabulary,
        card=written,
    )
    folder = Path(models_dir) / name
    if not card:
        (folder / f"{name}.json").unlink()
    return folder


def change_card(folder: Path, **changes: Any) -> None:
    """Rewrite some fields of a model's card, whatever they say then."""
    path = folder / f"{folder.name}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}), encoding="utf-8")


def small_meta(seq_maxlen: int, vocabulary_size: int) -> bytes:
    """A MetaGraphDef that holds the input placeholder and nothing else."""
    dims = b"".join(
        _field(2, _field(1, size % 2**64)) for size in (-1, seq_maxlen, vocabulary_size)
    )
    shape = _field(1, b"shape") + _field(2, _field(7, dims))
    node = _field(1, b"InputData/X") + _field(2, b"Placeholder") + _field(5, shape)
    return _field(2, _field(1, node))


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return _varint(number << 3 | 2) + _varint(len(value)) + value
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def plain_probabilities(
    weights: NetworkWeights, symbols: Sequence[int | None]
) -> NDArray[np.float64]:
    """The network's distribution after `symbols` from a zero state, in plain NumPy float64.

    TFLearn's arithmetic written down once more: gates i, j, f, o; 1 added to f when running.

    Args:
        symbols: indices; None is a zero vector.

    Returns:
        (V,) probabilities.
    """
    cells = [np.zeros(layer.units) for layer in weights.layers]
    hiddens = [np.zeros(layer.units) for layer in weights.layers]
    for symbol in symbols:
        x = np.zeros(weights.vocabulary_size)
        if symbol is not None:
            x[symbol] = 1.0
        for number, layer in enumerate(weights.layers):
            joined = np.concatenate([x, hiddens[number]])
            i, j, f, o = np.split(joined @ layer.matrix.astype(np.float64) + layer.bias, 4)
            cells[number] = cells[number] * _sigmoid(f + 1.0) + _sigmoid(i) * np.tanh(j)
            x = hiddens[number] = np.tanh(cells[number]) * _sigmoid(o)
    logits = x @ weights.output_matrix.astype(np.float64) + weights.output_bias
    raised = np.exp(logits - logits.max())
    return np.asarray(raised / raised.sum())


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))
