"""The arrays of one LSTM stack, as TFLearn lays them out.

It knows nothing of files, of TensorFlow or of how the arrays are used.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]

FORGET_BIAS = 1.0
"""TFLearn's BasicLSTMCell adds this to the forget gate when it runs; no stored bias holds it."""


@dataclass(frozen=True)
class LayerWeights:
    """One LSTM layer with I inputs and H units; the four gates stand in the order i, j, f, o."""

    matrix: Float32Array  # (I + H, 4H): input rows above recurrent rows
    bias: Float32Array  # (4H,), without FORGET_BIAS

    @property
    def units(self) -> int:
        """H."""
        return int(self.matrix.shape[1]) // 4

    @property
    def inputs(self) -> int:
        """V for the first layer, H for the others."""
        return int(self.matrix.shape[0]) - self.units


@dataclass(frozen=True)
class NetworkWeights:
    """A stack of L layers and the softmax layer over V symbols above it."""

    layers: tuple[LayerWeights, ...]
    output_matrix: Float32Array  # (H, V)
    output_bias: Float32Array  # (V,)

    @property
    def units(self) -> int:
        """H of the last layer."""
        return int(self.output_matrix.shape[0])

    @property
    def vocabulary_size(self) -> int:
        """V."""
        return int(self.output_matrix.shape[1])

    def arrays(self) -> list[tuple[str, Float32Array]]:
        """Every array with TFLearn's variable name, in network order."""
        named: list[tuple[str, Float32Array]] = []
        for number, layer in enumerate(self.layers):
            scope = layer_scope(number)
            named.append((f"{scope}/Matrix", layer.matrix))
            named.append((f"{scope}/Bias", layer.bias))
        named.append(("FullyConnected/W", self.output_matrix))
        named.append(("FullyConnected/b", self.output_bias))
        return named

    def rounded(self) -> NetworkWeights:
        """The same with every number rounded to the nearest that bfloat16 has, still float32."""
        return NetworkWeights(
            tuple(LayerWeights(_rounded(one.matrix), _rounded(one.bias)) for one in self.layers),
            _rounded(self.output_matrix),
            _rounded(self.output_bias),
        )

    def sha256(self) -> str:
        """Hash of all arrays (float32, little-endian, network order): what a text depends on."""
        digest = hashlib.sha256()
        for _, array in self.arrays():
            digest.update(np.ascontiguousarray(array, dtype="<f4").data)
        return digest.hexdigest()


def _rounded(values: Float32Array) -> Float32Array:
    """To 8 bits of mantissa, ties to even."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    kept = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(
        0xFFFF0000
    )
    return kept.view(np.float32)


def layer_scope(number: int) -> str:
    """TFLearn's variable scope of the layer at `number` (0 is the lowest)."""
    name = "LSTM" if number == 0 else f"LSTM_{number}"
    return f"{name}/{name}/BasicLSTMCell/Linear"
