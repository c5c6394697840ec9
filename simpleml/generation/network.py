"""One step of an LSTM stack as an ONNX graph: M rows take one symbol each and move on.

float32 is TFLearn's arithmetic. int8 quantises the hidden states with the fixed scale 1/127 (they
lie in (-1, 1)) and the weights per output column; its integer sums are exact. In both precisions a
row's result does not depend on the rows beside it. It knows nothing of seeds, windows or sampling.

Formulas: tflearn/layers/recurrent.py, BasicLSTMCell: c' = c·σ(f + 1) + σ(i)·tanh(j),
h' = tanh(c')·σ(o), with i, j, f, o = [x, h] @ matrix + bias.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from simpleml.cores import usable_cores
from simpleml.errors import InvalidValueError
from simpleml.models.weights import FORGET_BIAS, Float32Array, NetworkWeights

Precision = Literal["float32", "int8"]
PRECISIONS: tuple[str, ...] = get_args(Precision)

STATE_SCALE = 1.0 / 127.0
_STATE_ZERO = 128  # hidden states are stored as uint8: MLAS has its fast kernels for uint8 x int8
CHUNK_ROWS = 400
"""Rows per native call: beyond this the gates' buffers no longer fit the processor's cache."""


ARITHMETIC = 1
"""Raised when the same model, seed, options and random state come to make another text."""

_LARGEST_TABLE = 2000  # symbols; 24 MB for a 3x512 network


@dataclass
class RowStates:
    """The states of up to `capacity` rows, one (capacity, H) array per layer and kind."""

    cells: list[Float32Array]  # c of each layer
    hiddens: list[NDArray[Any]]  # h of each layer: float32, or uint8 with zero point 128 in int8
    hidden_zero: int

    def clear(self, rows: Any) -> None:
        """Put `rows` (any NumPy index of the first axis) back to the zero state."""
        for cell, hidden in zip(self.cells, self.hiddens, strict=True):
            cell[rows] = 0.0
            hidden[rows] = self.hidden_zero

    def copy_rows(self, source: slice, target: slice) -> None:
        """Copy rows within these states."""
        for array in (*self.cells, *self.hiddens):
            array[target] = array[source]

    def take_rows(self, target: Any, states: RowStates, source: Any) -> None:
        """Copy rows of other states into these (any NumPy indices of the first axis)."""
        for mine, other in zip(
            (*self.cells, *self.hiddens), (*states.cells, *states.hiddens), strict=True
        ):
            mine[target] = other[source]


class StepNetwork:
    """The compiled step of one model, for one thread and for several; any thread may run it.

    A step is narrow (on the thread that runs it) or wide (on `threads` of them, which meet some
    twenty times in it). Narrow ones of other rows may run beside it; rows are the same either way.
    """

    def __init__(
        self, weights: NetworkWeights, precision: Precision = "float32", threads: int = 0
    ) -> None:
        """Compile the step.

        Args:
            weights: of L layers, float32.
            precision: "float32" or "int8".
            threads: native threads of a wide step; 0 takes one per core that may be used.

        Raises:
            InvalidValueError: another precision.
        """
        if precision not in PRECISIONS:
            raise InvalidValueError(
                f"precision is {precision!r}; it can be {' or '.join(PRECISIONS)}",
                param="precision",
            )
        self.precision: Precision = precision
        self.units = [layer.units for layer in weights.layers]
        self.vocabulary_size = weights.vocabulary_size
        self.null_symbol = weights.vocabulary_size
        """Index of the input that is no symbol: a zero vector."""
        self._hidden_dtype: Any = np.float32 if precision == "float32" else np.uint8
        self._hidden_zero = 0 if precision == "float32" else _STATE_ZERO
        graph = step_graph(weights, precision)
        threads = threads or usable_cores()
        self._narrow = _session(graph, precision, 1)
        self._wide = _session(graph, precision, threads) if threads > 1 else self._narrow
        self.after_one_symbol = self._states_after_one_symbol()
        """The states after one symbol from a zero state, a row for each of V symbols and none.

        None for a vocabulary so large that the table would take more memory than it is worth.
        """
        self.arithmetic = f"{ARITHMETIC}-{self._tried()}"
        """Says how it computes: ARITHMETIC, and a hash of what a few steps gave here. Processors
        whose kernels add in another order, or round int8 to seven bits, have another hash."""

    def new_states(self, capacity: int) -> RowStates:
        """Zero states for `capacity` rows."""
        return RowStates(
            cells=[np.zeros((capacity, units), np.float32) for units in self.units],
            hiddens=[
                np.full((capacity, units), self._hidden_zero, self._hidden_dtype)
                for units in self.units
            ],
            hidden_zero=self._hidden_zero,
        )

    def _states_after_one_symbol(self) -> RowStates | None:
        if self.vocabulary_size > _LARGEST_TABLE:
            return None
        count = self.vocabulary_size + 1
        start, states = self.new_states(count), self.new_states(count)
        symbols = np.arange(count, dtype=np.int64)
        probabilities = np.zeros((1, self.vocabulary_size), np.float32)
        outputs = np.zeros(1, np.int64)
        rows = slice(0, count)
        self.run(self.bind(start, states, rows, symbols, outputs, probabilities, wide=False))
        return states

    def _tried(self) -> str:
        count = min(self.vocabulary_size + 1, 16)
        states, other = self.new_states(count), self.new_states(count)
        symbols = np.arange(count, dtype=np.int64)
        probabilities = np.zeros((count, self.vocabulary_size), np.float32)
        for _ in range(3):
            call = self.bind(
                states, other, slice(0, count), symbols, symbols, probabilities, wide=False
            )
            self.run(call)
            states, other = other, states
        return hashlib.sha256(probabilities.tobytes()).hexdigest()[:8]

    def bind(
        self,
        states: RowStates,
        next_states: RowStates,
        rows: slice,
        symbols: NDArray[np.int64],
        outputs: NDArray[np.int64],
        probabilities: Float32Array,
        *,
        wide: bool,
    ) -> Callable[[], None]:
        """Prepare a step of `rows` on fixed memory, to be run any number of times.

        Args:
            states: read, at `rows`.
            next_states: written to, at `rows`.
            rows: which rows of both, M of them.
            symbols: (M,) index of each row's symbol, V for none.
            outputs: (S,) which of the M rows' distributions are wanted, 0 ≤ index < M.
            probabilities: (S, V), filled with the softmax of those rows.
            wide: on all threads rather than on the one that runs it.
        """
        session = self._wide if wide else self._narrow
        binding = session.io_binding()
        count = rows.stop - rows.start

        def put(bind: Any, name: str, array: NDArray[Any]) -> None:
            bind(name, "cpu", 0, array.dtype.type, list(array.shape), array.ctypes.data)

        put(binding.bind_input, "symbols", symbols)
        put(binding.bind_input, "outputs", outputs)
        for layer in range(len(self.units)):
            put(binding.bind_input, f"c{layer}", states.cells[layer][rows])
            put(binding.bind_input, f"h{layer}", states.hiddens[layer][rows])
            put(binding.bind_output, f"next_c{layer}", next_states.cells[layer][rows])
            put(binding.bind_output, f"next_h{layer}", next_states.hiddens[layer][rows])
        put(binding.bind_output, "probabilities", probabilities)
        assert symbols.shape == (count,)
        return functools.partial(session.run_with_iobinding, binding)

    def run(self, step: Callable[[], None]) -> None:
        """Run a prepared step."""
        step()


def _session(graph: bytes, precision: Precision, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads go on spinning for a moment after a step, to be there for the next. In float32
    # that is 15 % faster; the short steps of int8 lose as much by it (bench/RESULTS.md).
    if precision == "int8":
        options.add_session_config_entry("session.force_spinning_stop", "1")
    # Keeps one copy of the weights, the packed one, once the session is made.
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    # It would keep the serialised graph, all weights once more, for a change of providers.
    session._model_bytes = None
    return session


def step_graph(weights: NetworkWeights, precision: Precision) -> bytes:
    """The ONNX model of one step; `StepNetwork.bind` says what goes in and comes out."""
    return _GraphBuilder(precision).build(weights)


class _GraphBuilder:
    """Writes the ONNX graph of one step. M rows, S wanted outputs, H units, V symbols."""

    def __init__(self, precision: Precision) -> None:
        self.int8 = precision == "int8"
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.count = 0

    def build(self, weights: NetworkWeights) -> bytes:
        hidden_type = TensorProto.UINT8 if self.int8 else TensorProto.FLOAT
        value = helper.make_tensor_value_info
        inputs = [
            value("symbols", TensorProto.INT64, ["M"]),
            value("outputs", TensorProto.INT64, ["S"]),
        ]
        results: list[onnx.ValueInfoProto] = []
        if self.int8:
            self.constant("state_scale", np.array(STATE_SCALE, np.float32))
            self.constant("state_zero", np.array(_STATE_ZERO, np.uint8))
        below = ""
        for number, layer in enumerate(weights.layers):
            units = layer.units
            for name in (f"c{number}", f"next_c{number}"):
                info = value(name, TensorProto.FLOAT, ["M", units])
                (results if name.startswith("next") else inputs).append(info)
            for name in (f"h{number}", f"next_h{number}"):
                info = value(name, hidden_type, ["M", units])
                (results if name.startswith("next") else inputs).append(info)
            bias = layer.bias.copy()
            bias[2 * units : 3 * units] += FORGET_BIAS
            if number == 0:
                # A one-hot vector times a matrix is a row of it; the row after the last is the
                # null symbol's. The bias rides along.
                table = np.vstack([layer.matrix[: layer.inputs], np.zeros((1, 4 * units))])
                self.constant("embedding", (table + bias).astype(np.float32))
                recurrent = self.product("h0", layer.matrix[layer.inputs :], "recurrent")
                gates = self.op("Add", recurrent, self.op("Gather", "embedding", "symbols"))
            else:
                joined = self.op("Concat", below, f"h{number}", axis=1)  # (M, I + H)
                product = self.product(joined, layer.matrix, f"matrix{number}")
                self.constant(f"bias{number}", bias)
                gates = self.op("Add", product, f"bias{number}")  # (M, 4H)
            i, j, f, o = self.split(gates)
            kept = self.op("Mul", f"c{number}", self.op("Sigmoid", f))
            added = self.op("Mul", self.op("Sigmoid", i), self.op("Tanh", j))
            self.op("Add", kept, added, out=f"next_c{number}")
            squashed = self.op("Tanh", f"next_c{number}")
            below = f"next_h{number}"
            if self.int8:
                hidden = self.op("Mul", squashed, self.op("Sigmoid", o))
                self.op("QuantizeLinear", hidden, "state_scale", "state_zero", out=below)
            else:
                self.op("Mul", squashed, self.op("Sigmoid", o), out=below)
        wanted = self.op("Gather", below, "outputs")  # (S, H)
        logits = self.product(wanted, weights.output_matrix, "output_matrix")
        self.constant("output_bias", weights.output_bias)
        logits = self.op("Add", logits, "output_bias")  # (S, V)
        self.op("Softmax", logits, out="probabilities", axis=-1)
        results.append(value("probabilities", TensorProto.FLOAT, ["S", weights.vocabulary_size]))
        graph = helper.make_graph(self.nodes, "step", inputs, results, self.constants)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)],
        )
        model.ir_version = 9
        return bytes(model.SerializeToString())

    def constant(self, name: str, array: NDArray[Any]) -> str:
        data = np.ascontiguousarray(array).tobytes()
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        self.constants.append(helper.make_tensor(name, kind, array.shape, data, raw=True))
        return name

    def op(
        self, kind: str, *inputs: str, out: str = "", domain: str = "", **attributes: Any
    ) -> str:
        self.count += 1
        out = out or f"{kind}_{self.count}"
        self.nodes.append(helper.make_node(kind, inputs, [out], domain=domain, **attributes))
        return out

    def split(self, gates: str) -> list[str]:
        self.count += 1
        parts = [f"gate_{self.count}_{name}" for name in "ijfo"]
        self.nodes.append(helper.make_node("Split", [gates], parts, axis=1, num_outputs=4))
        return parts

    def product(self, rows: str, matrix: Float32Array, name: str) -> str:
        """`rows` (M, K) times a constant (K, N); the rows are quantised in int8."""
        if not self.int8:
            return self.op("MatMul", rows, self.constant(name, matrix))
        quantised, scales = quantise_columns(matrix, weight_limit())
        return self.op(
            "MatMulIntegerToFloat",
            rows,
            self.constant(name, quantised),
            "state_scale",
            self.constant(f"{name}_scales", scales),
            "state_zero",
            domain="com.microsoft",
        )


def quantise_columns(
    matrix: Float32Array, limit: int = 127
) -> tuple[NDArray[np.int8], Float32Array]:
    """Round each column to -limit … limit by a scale of its own: (K, N) → int8 (K, N), (N,)."""
    scales = np.abs(matrix).max(axis=0) / limit
    scales[scales == 0.0] = 1.0
    return np.rint(matrix / scales).astype(np.int8), scales.astype(np.float32)


@functools.cache
def weight_limit() -> int:
    """Largest int8 weight whose products this processor sums exactly: 127, or 63.

    Without VNNI (AVX2 alone) two products of uint8 and int8 are added in 16 bits and saturate;
    with weights of seven bits they cannot. Asked by a product with the largest values.
    """
    count = 8
    nodes = [helper.make_node("MatMulInteger", ["rows", "matrix"], ["sums"])]
    graph = helper.make_graph(
        nodes,
        "largest",
        [helper.make_tensor_value_info("rows", TensorProto.UINT8, [1, count])],
        [helper.make_tensor_value_info("sums", TensorProto.INT32, [1, count])],
        [numpy_helper.from_array(np.full((count, count), 127, np.int8), "matrix")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (sums,) = session.run(None, {"rows": np.full((1, count), 255, np.uint8)})
    return 127 if (sums == 255 * 127 * count).all() else 63
