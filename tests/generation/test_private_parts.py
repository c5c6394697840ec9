"""Private parts of libraries that serving leans on: a release without them must be seen here."""

from __future__ import annotations

import pickle

import numpy as np
import onnxruntime
from models import random_weights
from onnx import TensorProto, helper

from simpleml.generation.network import StepNetwork


def test_onnx_runtime_keeps_the_graph_of_a_session_where_we_drop_it() -> None:
    """`InferenceSession._model_bytes`: the serialised graph, a second copy of all weights."""
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "one",
        [value("x", TensorProto.FLOAT, [1])],
        [value("y", TensorProto.FLOAT, [1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    data = model.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    assert getattr(session, "_model_bytes", None) == data, (
        "InferenceSession no longer keeps the graph in _model_bytes. Look where this release keeps "
        "it (vars(session)), and in generation/network.py drop it there; if it keeps it nowhere, "
        "that line of StepNetwork can go."
    )
    network = StepNetwork(random_weights(9))
    kept = [
        name
        for one in (network._narrow, network._wide)
        for name, part in vars(one).items()
        if isinstance(part, bytes | bytearray)
    ]
    assert not kept, f"a session still holds its graph in {kept}: a worker takes twice the memory"
    (y,) = session.run(None, {"x": np.ones(1, np.float32)})
    assert y == 1.0


def test_pickle_has_its_unpickler_in_python() -> None:
    """`pickle._Unpickler`: the one that allocates no more than a file holds."""
    unpickler = getattr(pickle, "_Unpickler", None)
    assert isinstance(unpickler, type) and isinstance(getattr(unpickler, "dispatch", None), dict), (
        "The standard library has no pickle._Unpickler with a table `dispatch`. Do not put "
        "pickle.Unpickler in its place in models/vocabulary.py (ten bytes make it take gigabytes): "
        "copy Lib/pickle.py's class of the last release that had it, or read the few opcodes of a "
        "dictionary of strings with pickletools.genops."
    )
    refused = {*pickle.BYTEARRAY8, *pickle.NEXT_BUFFER, *pickle.READONLY_BUFFER}
    assert refused <= set(unpickler.dispatch), (
        "pickle._Unpickler.dispatch is not keyed by opcode: _NoCodeUnpickler, which leaves "
        "out some of them, must be written anew."
    )
