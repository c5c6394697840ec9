"""A model's int8 network as the memory that the page's kernel computes in.

The numbers are those of the server's int8 network (generation/network.py): hidden states times 127
and rounded, weights by a scale for each column. Their places are a plan of byte addresses, which
network.js reads. H units are padded to a multiple of 8 and columns to one of 32 with zeros, which
change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simpleml.generation.network import STATE_SCALE, quantise_columns
from simpleml.models.weights import FORGET_BIAS, Float32Array, NetworkWeights

_COLUMNS = 32  # of a block of weights
_UNITS = 8
_ALIGNMENT = 16
_PAGE = 1 << 16


@dataclass(frozen=True)
class Image:
    """The beginning of the memory, and what lies where in all of it."""

    data: bytes
    plan: dict[str, Any]


def memory_image(weights: NetworkWeights) -> Image:
    """Lay a network out."""
    memory = _Memory()
    layers: list[dict[str, int]] = []
    for number, layer in enumerate(weights.layers):
        units = layer.units
        bias = layer.bias.copy()
        bias[2 * units : 3 * units] += FORGET_BIAS
        plan = {"units": _padded(units, _UNITS)}
        if number == 0:
            # A row for each symbol and the null symbol's, the bias in each, as in the server's.
            table = np.vstack([layer.matrix[: layer.inputs], np.zeros((1, 4 * units))])
            added = (table + bias).astype(np.float32)
            parts = [layer.matrix[layer.inputs :]]
        else:
            added = bias[None]
            parts = [layer.matrix[: layer.inputs], layer.matrix[layer.inputs :]]
        memory.product(plan, parts, added, gates=4)
        layers.append(plan)
    output: dict[str, int] = {}
    memory.product(output, [weights.output_matrix], weights.output_bias[None], gates=1)
    data = b"".join(memory.parts)
    states = memory.size
    for plan in layers:
        plan["rows"] = memory.reserve(4 * plan["pairs"])
        plan["cells"] = memory.reserve(4 * plan["units"])
    output["rows"] = memory.reserve(4 * output["pairs"])
    states_end = memory.size
    gates = memory.reserve(4 * max(plan["columns"] for plan in (*layers, output)))
    for plan, above in zip(layers, (*layers[1:], output), strict=True):
        plan["above"] = above["rows"]
        plan["own"] = plan["rows"] + 2 * (2 * plan["pairs"] - plan["units"])
    whole = {
        "layers": layers,
        "output": output,
        "states": [states, states_end],
        "results": gates,
        "symbols": weights.vocabulary_size,
        "pages": -(-memory.size // _PAGE),
    }
    return Image(data, whole)


class _Memory:
    """Bytes one after the other, each array at a multiple of 16."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0

    def reserve(self, size: int) -> int:
        start = self.size
        self.size += _padded(size, _ALIGNMENT)
        return start

    def put(self, array: NDArray[Any]) -> int:
        data = np.ascontiguousarray(array).tobytes()
        start = self.reserve(len(data))
        self.parts += [data, bytes(self.size - start - len(data))]
        return start

    def product(
        self, plan: dict[str, int], parts: list[Float32Array], added: Float32Array, gates: int
    ) -> None:
        """Put what one product needs.

        Args:
            plan: gets the addresses and sizes.
            parts: (K, N) each, matrices over one another; K of each is a layer's units.
            added: (R, N), of which a row is added to the product.
            gates: in how many parts the N columns are padded.
        """
        quantised, scales = quantise_columns(np.vstack(parts), 127)
        heights = [len(part) for part in parts]
        rows = [
            _with_rows(part, _padded(len(part), _UNITS))
            for part in np.split(quantised, np.cumsum(heights)[:-1])
        ]
        columns = _with_columns(np.vstack(rows), gates)
        # (K, N) to (blocks, pairs, 32, 2)
        blocks = columns.reshape(len(columns) // 2, 2, -1, _COLUMNS).transpose(2, 0, 3, 1)
        scaled = (np.float32(STATE_SCALE) * scales).astype(np.float32)
        plan["pairs"] = len(columns) // 2
        plan["columns"] = columns.shape[1]
        plan["weights"] = self.put(blocks)
        plan["scales"] = self.put(_with_columns(scaled[None], gates))
        plan["added"] = self.put(_with_columns(added, gates))


def _padded(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


def _with_rows(array: NDArray[Any], rows: int) -> NDArray[Any]:
    return np.pad(array, ((0, rows - len(array)), (0, 0)))


def _with_columns(array: NDArray[Any], gates: int) -> NDArray[Any]:
    """Pad the columns of each gate, and all of them to whole blocks: (R, N) to (R, N')."""
    parts = array.reshape(len(array), gates, -1)
    wide = _padded(parts.shape[2], _COLUMNS // gates)
    return np.pad(parts, ((0, 0), (0, 0), (0, wide - parts.shape[2]))).reshape(len(array), -1)
