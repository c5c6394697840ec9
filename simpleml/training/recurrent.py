"""The network: a stack of LSTMs over one-hot symbols and a softmax, as plain functions of arrays.

Written with ``keras.ops``, so that the same lines run on TensorFlow and on PyTorch; the one part
that is worth writing for each of them, the recurrence itself, is a function handed in (``lstm``,
see ``backends/``). This module knows nothing of files, of text or of the training loop.

The arithmetic is TFLearn's (``BasicLSTMCell``): with the gates in the order i, j, f, o

    c' = c * sigmoid(f + 1) + sigmoid(i) * tanh(j)        h' = tanh(c') * sigmoid(o)

Here the parameters keep Keras' order i, f, j, o and the 1 inside the bias; ``to_network_weights``
and ``from_network_weights`` go to TFLearn's layout and back.

Letters: B rows, T time steps, V vocabulary, H units, L layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from simpleml.models.weights import LayerWeights, NetworkWeights

Array = np.ndarray[Any, np.dtype[Any]]
Tensor = Any  # a tensor of whichever backend Keras runs on
State = list[Any]
"""h and c of each layer, 2L arrays (B, H) float32, of NumPy or of the backend."""
Lstm = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
"""One layer over a chunk: (inputs, kernel, recurrent, bias, hidden, cell) → (outputs, last hidden,
last cell). ``inputs`` are tokens (T, B) int32 for the first layer (a row of ``kernel`` each), else
(T, B, H); kernel (I, 4H), recurrent (H, 4H), bias (4H,) in the computing dtype; states (B, H)
float32; outputs (T, B, H). No gradient flows into the state."""


@dataclass(frozen=True)
class NetworkShape:
    """Sizes of a network: ``vocabulary`` symbols, ``units`` per layer, number of ``layers``."""

    vocabulary: int
    units: int = 512
    layers: int = 3

    def parameter_names(self) -> list[str]:
        """Names of the parameters, in the order in which they are kept everywhere."""
        names = []
        for layer in range(self.layers):
            names += [f"lstm{layer}/kernel", f"lstm{layer}/recurrent", f"lstm{layer}/bias"]
        return [*names, "output/kernel", "output/bias"]

    def parameter_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the parameters, in the order of ``parameter_names``."""
        shapes: list[tuple[int, ...]] = []
        for layer in range(self.layers):
            inputs = self.vocabulary if layer == 0 else self.units
            shapes += [(inputs, 4 * self.units), (self.units, 4 * self.units), (4 * self.units,)]
        return [*shapes, (self.units, self.vocabulary), (self.vocabulary,)]

    def parameter_count(self) -> int:
        """How many numbers the network has."""
        return sum(int(np.prod(shape)) for shape in self.parameter_shapes())


class Masks(NamedTuple):
    """What is dropped during one chunk, drawn on the host so that every backend drops the same.

    Attributes:
        outputs: (L, T, B, H) bool, True where a layer's output is kept (Zaremba et al.,
            arXiv:1409.2329), or None.
        recurrent: (L, H, 4H) bool, True where a recurrent weight is kept (weight-drop, Merity et
            al., arXiv:1708.02182), or None.
        output_scale: what kept outputs are multiplied by, 1/(1-p).
        recurrent_scale: what kept recurrent weights are multiplied by, 1/(1-p).
    """

    outputs: Tensor | None
    recurrent: Tensor | None
    output_scale: Tensor | float = 1.0
    recurrent_scale: Tensor | float = 1.0

    def rows(self, part: slice) -> Masks:
        """The same for some of the rows."""
        outputs = None if self.outputs is None else self.outputs[:, :, part]
        return Masks(outputs, self.recurrent, self.output_scale, self.recurrent_scale)


def initial_parameters(shape: NetworkShape, random: np.random.Generator) -> list[Array]:
    """Fresh float32 parameters: Glorot-uniform inputs, orthogonal recurrences, forget bias 1.

    With Keras' and TensorFlow's own defaults three stacked LSTMs stay at the unigram loss for
    hundreds of updates; with recurrences that are orthogonal gate by gate they leave it after 150
    to 200 updates. (Kernels between layers of twice this size, with dropout off at first, left it
    after 60; whether that costs anything later was not settled.)
    """
    units = shape.units
    parameters: list[Array] = []
    for name, size in zip(shape.parameter_names(), shape.parameter_shapes(), strict=True):
        if name.endswith("/recurrent"):
            gates = [np.linalg.qr(random.normal(size=(units, units)))[0] for _ in range(4)]
            value = np.concatenate(gates, axis=1)  # (H, 4H)
        elif name.endswith("/bias"):
            value = np.zeros(size)
            if name != "output/bias":
                value[units : 2 * units] = 1.0
        else:
            fan_out = units if name != "output/kernel" else size[1]  # each gate by itself
            limit = np.sqrt(6.0 / (size[0] + fan_out))
            value = random.uniform(-limit, limit, size=size)
        parameters.append(value.astype(np.float32))
    return parameters


def zero_state(shape: NetworkShape, rows: int) -> State:
    """The state before the first symbol: h and c of each layer, 2L arrays (B, H) float32."""
    return [np.zeros((rows, shape.units), np.float32) for _ in range(2 * shape.layers)]


def cast_parameters(
    parameters: Sequence[Tensor], shape: NetworkShape, dtype: str, masks: Masks | None
) -> list[Tensor]:
    """The parameters as one chunk uses them: in the computing dtype, dropped weights at zero.

    The first kernel gains a row of zeros, so that the index V stands for "no symbol".
    """
    from keras import ops

    cast = []
    for position, (name, value) in enumerate(zip(shape.parameter_names(), parameters, strict=True)):
        if name == "lstm0/kernel":
            value = ops.concatenate([value, ops.zeros((1, 4 * shape.units), "float32")], axis=0)
        if name.endswith("/recurrent") and masks is not None and masks.recurrent is not None:
            kept = ops.cast(masks.recurrent[position // 3], "float32") * masks.recurrent_scale
            value = value * kept  # (H, 4H)
        cast.append(ops.cast(value, dtype))
    return cast


def forward(
    cast: Sequence[Tensor],
    tokens: Tensor,
    state: State,
    masks: Masks | None,
    shape: NetworkShape,
    lstm: Lstm,
) -> tuple[Tensor, State]:
    """Run a chunk.

    Args:
        cast: from :func:`cast_parameters`.
        tokens: (T, B) int32 below V, or V for no symbol.
        state: 2L arrays (B, H) float32.
        masks: of these rows, or None.
        shape: sizes of the network.
        lstm: the backend's recurrence of one layer.

    Returns:
        The last layer's outputs (T, B, H) in the computing dtype, and the new state.
    """
    from keras import ops

    new_state: State = []
    hidden = tokens
    for layer in range(shape.layers):
        hidden, *after = lstm(
            hidden, *cast[3 * layer : 3 * layer + 3], *state[2 * layer : 2 * layer + 2]
        )
        new_state += after
        if masks is not None and masks.outputs is not None:
            scale = ops.cast(masks.output_scale, hidden.dtype)
            hidden = hidden * ops.cast(masks.outputs[layer], hidden.dtype) * scale  # (T, B, H)
    return hidden, new_state


def project(inputs: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """The inputs' part of the gates for all steps at once: tokens (T, B) or (T, B, I) → (T, B, 4H).

    One large product instead of T small ones, which is half of the reason why this is several
    times as fast as a cell that is called step by step.
    """
    from keras import ops

    if len(inputs.shape) == 2:
        return ops.take(kernel, inputs, axis=0) + bias  # a one-hot vector picks a row
    steps, rows, size = inputs.shape
    flat = ops.reshape(inputs, (steps * rows, size))
    return ops.reshape(ops.matmul(flat, kernel), (steps, rows, kernel.shape[1])) + bias


def logits(cast: Sequence[Tensor], hidden: Tensor) -> Tensor:
    """(N, H) in the computing dtype → (N, V) float32, before the softmax."""
    from keras import ops

    return ops.cast(ops.matmul(hidden, cast[-2]), "float32") + ops.cast(cast[-1], "float32")


def losses(scores: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy in nats: logits (N, V) float32 and targets (N,) int32 → (N,) float32."""
    from keras import ops

    return ops.sparse_categorical_crossentropy(targets, scores, from_logits=True)


def numpy_step(
    parameters: Sequence[Array], shape: NetworkShape, tokens: Array, state: list[Array]
) -> Array:
    """Feed one symbol to each row in plain NumPy, changing ``state``; for what needs no backend.

    Args:
        parameters: in the order of the shape's specs.
        shape: L layers of H units, V symbols.
        tokens: (B,) indices.
        state: 2L arrays (B, H).

    Returns:
        The logits, (B, V).
    """
    inputs: Array | None = None
    for layer in range(shape.layers):
        kernel, recurrent, bias = parameters[3 * layer : 3 * layer + 3]
        projected = kernel[tokens] if inputs is None else inputs @ kernel
        gates = projected + state[2 * layer] @ recurrent + bias  # (B, 4H)
        i, f, j, o = np.split(gates, 4, axis=-1)
        cell = _sigmoid(f) * state[2 * layer + 1] + _sigmoid(i) * np.tanh(j)
        inputs = _sigmoid(o) * np.tanh(cell)  # (B, H)
        state[2 * layer], state[2 * layer + 1] = inputs, cell
    scores: Array = inputs @ parameters[-2] + parameters[-1]
    return scores


def _sigmoid(values: Array) -> Array:
    return 0.5 * np.tanh(0.5 * values) + 0.5


def to_network_weights(parameters: Sequence[Array], shape: NetworkShape) -> NetworkWeights:
    """Parameters (order of ``NetworkShape.parameter_names``) → TFLearn's layout, float32.

    Columns i, f, j, o become i, j, f, o; the input kernel is stacked over the recurrent one; the
    forget bias 1, which TFLearn adds when it runs, leaves the bias.
    """
    layers = []
    for layer in range(shape.layers):
        kernel, recurrent, bias = parameters[3 * layer : 3 * layer + 3]
        forget = np.zeros(4 * shape.units, np.float32)
        forget[shape.units : 2 * shape.units] = 1.0
        layers.append(
            LayerWeights(
                matrix=_swap_gates(np.concatenate([kernel, recurrent], axis=0)),  # (I+H, 4H)
                bias=_swap_gates(bias - forget),
            )
        )
    return NetworkWeights(
        layers=tuple(layers),
        output_matrix=np.asarray(parameters[-2], np.float32),
        output_bias=np.asarray(parameters[-1], np.float32),
    )


def from_network_weights(weights: NetworkWeights) -> tuple[list[Array], NetworkShape]:
    """The reverse of ``to_network_weights``: parameters to train on from, and their sizes."""
    units, vocabulary = weights.output_matrix.shape
    shape = NetworkShape(vocabulary=vocabulary, units=units, layers=len(weights.layers))
    parameters: list[Array] = []
    for layer in weights.layers:
        matrix, bias = _swap_gates(layer.matrix), _swap_gates(layer.bias)
        bias[units : 2 * units] += 1.0
        parameters += [matrix[:-units].copy(), matrix[-units:].copy(), bias]
    return [*parameters, weights.output_matrix.copy(), weights.output_bias.copy()], shape


def _swap_gates(columns: Array) -> Array:
    """Exchange the second and third quarter of the last axis (its own inverse); a copy."""
    first, second, third, fourth = np.split(np.asarray(columns, np.float32), 4, axis=-1)
    return np.concatenate([first, third, second, fourth], axis=-1)
