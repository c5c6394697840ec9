"""The exported page's arithmetic written down once more, in NumPy: int8 sums, float32 gates.

A step p·s + a of a polynomial is a float64 sum of an exact product, rounded to float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simpleml.generation.network import quantise_columns
from simpleml.models.vocabulary import Vocabulary
from simpleml.models.weights import FORGET_BIAS, NetworkWeights

F32 = np.float32
_TANH = (
    (-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11, 5.12229709037114e-08,
     1.48572235717979e-05, 6.37261928875436e-04, 4.89352455891786e-03),
    (1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03, 4.89352518554385e-03),
)  # fmt: skip
_SIGMOID = (
    (4.37031012579801e-11, 1.15627324459942e-07, 6.08574864600143e-05, 8.51377133304701e-03,
     2.48287947061529e-01),
    (6.10247389755681e-13, 5.76102136993427e-09, 6.29106785017040e-06, 1.70198817374094e-03,
     1.16817656904453e-01, 9.93151921023180e-01),
)  # fmt: skip


def tanh(x: NDArray[Any]) -> NDArray[Any]:
    x = np.clip(x, F32(-9), F32(9))
    return _rational(x, *_TANH)


def sigmoid(x: NDArray[Any]) -> NDArray[Any]:
    x = np.clip(x, F32(-18), F32(18))
    return np.clip(_rational(x, *_SIGMOID) + F32(0.5), F32(0), F32(1))


def _rational(x: NDArray[Any], above: Sequence[float], below: Sequence[float]) -> NDArray[Any]:
    square = x * x

    def polynomial(coefficients: Sequence[float]) -> NDArray[Any]:
        value = np.full_like(square, coefficients[0])
        for one in coefficients[1:]:
            exact = value.astype(np.float64) * square.astype(np.float64)
            value = (exact + np.float64(F32(one))).astype(F32)
        return value

    return polynomial(above) * x / polynomial(below)


class Reference:
    """One text's state."""

    def __init__(self, weights: NetworkWeights) -> None:
        self.weights = weights
        self.matrices = []
        for number, layer in enumerate(weights.layers):
            matrix = layer.matrix[layer.inputs :] if number == 0 else layer.matrix
            self.matrices.append(quantise_columns(matrix, 127))
        self.output = quantise_columns(weights.output_matrix, 127)
        self.reset()

    def reset(self) -> None:
        self.cells = [np.zeros(layer.units, F32) for layer in self.weights.layers]
        self.hiddens = [np.zeros(layer.units, np.int64) for layer in self.weights.layers]

    def feed(self, symbol: int) -> None:
        below = np.zeros(0, np.int64)
        for number, layer in enumerate(self.weights.layers):
            units = layer.units
            bias = layer.bias.copy()
            bias[2 * units : 3 * units] += FORGET_BIAS
            if number == 0:
                row = layer.matrix[symbol] if symbol < layer.inputs else np.zeros(4 * units, F32)
                added = (row.astype(np.float64) + bias).astype(F32)
            else:
                added = bias
            gates = _product([below, self.hiddens[number]], self.matrices[number]) + added
            i, j, f, o = np.split(gates, 4)
            cell = self.cells[number] * sigmoid(f) + sigmoid(i) * tanh(j)
            self.cells[number] = cell
            hidden = tanh(cell) * sigmoid(o)
            below = self.hiddens[number] = np.rint(hidden / F32(1 / 127)).astype(np.int64)
        self.top = below

    def logits(self) -> NDArray[Any]:
        return _product([self.top], self.output) + self.weights.output_bias

    def text(
        self, vocabulary: Vocabulary, window: int | None, seed: Sequence[int], size: int,
        temperature: float, random_state: int,
    ) -> list[int]:  # fmt: skip
        """Indices of what follows a seed."""
        rng = np.random.RandomState(random_state)
        text = list(seed)
        self.reset()
        for symbol in text or [len(vocabulary)]:
            self.feed(symbol)
        while len(text) < len(seed) + size:
            if window is not None:
                self.reset()
                for symbol in ([len(vocabulary)] * window + text)[-window:]:
                    self.feed(symbol)
            logits = self.logits().astype(np.float64)
            if vocabulary.unknown_index is not None:
                logits[vocabulary.unknown_index] = -np.inf
            if temperature == 0:
                text.append(int(logits.argmax()))
            else:
                raised = np.exp((logits - logits.max()) / temperature)
                text.append(int(rng.multinomial(1, raised / raised.sum()).argmax()))
            self.feed(text[-1])
        return text[len(seed) :]


def _product(rows: list[NDArray[Any]], matrix: tuple[NDArray[Any], NDArray[Any]]) -> NDArray[Any]:
    weights, scales = matrix
    sums = np.concatenate(rows) @ weights.astype(np.int64)
    scaled: NDArray[Any] = sums.astype(F32) * (F32(1 / 127) * scales)
    return scaled
