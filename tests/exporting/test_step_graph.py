"""The ONNX step graph: the network's probabilities, standard operations, the docs' program."""

from __future__ import annotations

import io
import json
import re
import string
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from models import plain_probabilities, write_model

from simpleml import ModelLoader
from simpleml.commands.program import main
from simpleml.errors import ExportError
from simpleml.exporting.export import export
from simpleml.exporting.step_graph import ONNX
from simpleml.models.artifact import find_artifact, read_artifact

ROOT = Path(__file__).resolve().parents[2]


def graph_of(models: Path, name: str) -> bytes:
    file = io.BytesIO()
    export(ModelLoader(models), name, ONNX, file)
    return file.getvalue()


@pytest.mark.parametrize("name", ["tales", "flow", "words", "old", "uneven"])
def test_its_probabilities_are_the_network_s(name: str, models_dir: Path, tmp_path: Path) -> None:
    models = models_dir
    if name == "uneven":
        models = tmp_path
        write_model(models, name, layers=3, units=[24, 32, 16])
    found = find_artifact(models, name)
    assert found is not None
    artifact = read_artifact(found)
    step = onnxruntime.InferenceSession(graph_of(models, name), providers=["CPUExecutionProvider"])
    size = len(artifact.vocabulary)
    rows = np.random.default_rng(0).integers(0, size + 1, (3, 9))  # V is no symbol
    state = np.zeros((3, step.get_inputs()[1].shape[1]), np.float32)
    for symbols in rows.T:
        logprobs, state = step.run(None, {"symbol": symbols, "state": state})
    for row, said in zip(rows, logprobs, strict=True):
        wanted = plain_probabilities(
            artifact.weights, [None if one == size else int(one) for one in row]
        )
        np.testing.assert_allclose(np.exp(said), wanted, atol=1e-5)


def test_it_is_valid_and_standard_and_knows_its_vocabulary(models_dir: Path) -> None:
    model = onnx.load_from_string(graph_of(models_dir, "flow"))
    onnx.checker.check_model(model, full_check=True)
    assert {node.domain for node in model.graph.node} == {""}
    assert [one.domain for one in model.opset_import] == [""]
    said = {one.key: one.value for one in model.metadata_props}
    generator = ModelLoader(models_dir).load("flow")
    assert json.loads(said["symbols"]) == list(generator.vocabulary.symbols)
    assert said["weights_sha256"] == generator.card.weights_sha256
    assert said["stateful"] == "true"
    assert graph_of(models_dir, "flow") == graph_of(models_dir, "flow")


def test_2000_symbols_are_written_and_a_broken_model_is_not(
    models_dir: Path, tmp_path: Path
) -> None:
    write_model(tmp_path, "many", alphabet=[chr(0x4E00 + one) for one in range(2000)])
    step = onnxruntime.InferenceSession(graph_of(tmp_path, "many"))
    assert step.get_outputs()[0].shape == ["N", 2000]
    with pytest.raises(ExportError, match="The model damaged cannot be used"):
        graph_of(models_dir, "damaged")


def test_the_program_of_the_docs_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path / "ML", "sherlock", alphabet=string.ascii_letters + " .", stateful=True)
    monkeypatch.chdir(tmp_path)
    assert main(["export", "sherlock", "--onnx"]) == 0
    page = (ROOT / "docs" / "models.md").read_text("utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", page, re.S)
    assert len([line for line in program.splitlines() if line and "import" not in line]) == 10
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Holmes ")
    assert len(done.stdout) > 200
