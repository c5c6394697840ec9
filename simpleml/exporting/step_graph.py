"""One step of the network as an ONNX graph of standard operations, which any runtime computes.

    symbol (N,) int64, state (N, S) float32  →  logprobs (N, V), next_state (N, S), both float32

A state is the cells and hidden states of all layers side by side, zeros before the first symbol;
symbol V is none, a zero vector. The vocabulary and what else a program must know are in the
graph's metadata: docs/models.md has such a program.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import IO

import onnx
from onnx import TensorProto, helper

from simpleml.exporting.export import Export
from simpleml.generation.network import step_graph
from simpleml.models.artifact import Artifact, ArtifactPaths, read_artifact


def _write(paths: ArtifactPaths, file: IO[bytes]) -> None:
    file.write(portable(read_artifact(paths)).SerializeToString(deterministic=True))


ONNX = Export("onnx", "application/octet-stream", _write)


def portable(artifact: Artifact) -> onnx.ModelProto:
    """The step as the server computes it, its states in one tensor and its rows all wanted."""
    model = onnx.load_from_string(step_graph(artifact.weights, "float32"))
    graph = model.graph
    sizes = [layer.units for layer in artifact.weights.layers for _ in range(2)]
    parts = [f"{kind}{one}" for one in range(len(sizes) // 2) for kind in "ch"]
    nodes = deepcopy(list(graph.node))
    for node in nodes:
        node.input[:] = ["symbol" if name == "symbols" else name for name in node.input]
        if "outputs" in node.input:  # which rows are wanted
            node.CopyFrom(helper.make_node("Identity", node.input[:1], node.output))
        if node.op_type == "Softmax":
            node.op_type, node.output[0] = "LogSoftmax", "logprobs"
    graph.ClearField("node")
    graph.node.append(helper.make_node("Split", ["state", "sizes"], parts, axis=1))
    graph.node.extend(nodes)
    joined = [f"next_{part}" for part in parts]
    graph.node.append(helper.make_node("Concat", joined, ["next_state"], axis=1))
    graph.initializer.append(helper.make_tensor("sizes", TensorProto.INT64, [len(sizes)], sizes))
    value, total, count = helper.make_tensor_value_info, sum(sizes), len(artifact.vocabulary)
    graph.ClearField("input")
    graph.input.append(value("symbol", TensorProto.INT64, ["N"]))
    graph.input.append(value("state", TensorProto.FLOAT, ["N", total]))
    graph.ClearField("output")
    graph.output.append(value("logprobs", TensorProto.FLOAT, ["N", count]))
    graph.output.append(value("next_state", TensorProto.FLOAT, ["N", total]))
    del model.opset_import[1:]  # no operation of ONNX Runtime's own is left
    card = artifact.card
    said = {
        "name": artifact.name,
        "symbols": list(artifact.vocabulary.symbols),
        "separator": artifact.vocabulary.separator,
        "stateful": card.stateful,
        "seq_maxlen": card.seq_maxlen,
        "lower": card.lower,
        "unknown_symbol": card.unknown_symbol,
        "weights_sha256": card.weights_sha256,
    }
    helper.set_model_props(
        model,
        {
            key: one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)
            for key, one in said.items()
        },
    )
    return model
