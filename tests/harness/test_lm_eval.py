"""EleutherAI's lm-evaluation-harness as a client: its perplexity is the evaluator's of training.

`make test-harness` installs it (required-harness.txt) into an environment of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from servers import GunicornServer

from simpleml import ModelLoader
from simpleml.models.artifact import find_artifact, read_artifact
from simpleml.training import backends
from simpleml.training.base import shape_of, transferred
from simpleml.training.evaluation import evaluate_stateful
from simpleml.training.learner import LearnerOptions, LearnerState
from simpleml.training.recurrent import zero_state

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(
    os.environ.get("SIMPLEML_TEST_HARNESS", ROOT / ".venv-harness" / "bin" / "python")
).absolute()
CHARACTERS = 3000
TASK = """\
task: ours
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{{{text}}}}"
metric_list: [{{metric: bits_per_byte}}]
"""


def evaluator_bits(text: str) -> float:
    """What training would put on the card for this text, in bits per character."""
    paths = find_artifact(ROOT / "ML", "shakespeare")
    assert paths is not None
    artifact = read_artifact(paths)
    parameters = transferred(artifact, artifact.vocabulary)
    shape = shape_of(parameters)
    backend = backends.current()
    backend.prepare()
    start = LearnerState.fresh(parameters, zero_state(shape, 1))
    learner = backend.Learner(shape, LearnerOptions(), start)
    symbols = np.array(artifact.vocabulary.encode(text).indices, np.int32)
    return evaluate_stateful(learner, [symbols]).bits


@pytest.mark.skipif(not PYTHON.exists(), reason="lm-evaluation-harness is not installed")
def test_its_perplexity_is_the_evaluators(tmp_path: Path) -> None:
    model = ModelLoader(ROOT / "ML").load("shakespeare")
    text = model.generate(CHARACTERS, 0.9, "ROMEO:\n", random_state=1)
    assert text.isascii()  # bytes are characters
    # The first character is given to the evaluator; the harness has it as its prefix.
    (tmp_path / "text.jsonl").write_text(json.dumps({"text": text[1:]}) + "\n")
    (tmp_path / "ours.yaml").write_text(TASK.format(file=tmp_path / "text.jsonl"))
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")}

    def run(*words: str) -> None:
        done = subprocess.run(
            [PYTHON, *words], env={**os.environ, **offline}, cwd=tmp_path,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    with GunicornServer(ROOT / "ML") as server:
        tokenizer = tmp_path / "tokenizer"
        run(
            str(ROOT / "tools" / "harness_tokenizer.py"),
            f"{server.base_url}/shakespeare",
            str(tokenizer),
        )
        given = {
            "model": "shakespeare",
            "base_url": f"{server.base_url}/v1/completions",
            "tokenizer": tokenizer,
            "tokenizer_backend": "huggingface",
            "custom_prefix_token_id": model.vocabulary.index[text[0]],
            "max_length": len(text) + 2,
        }
        run(
            "-m", "lm_eval", "--model", "local-completions",
            "--model_args", ",".join(f"{name}={value}" for name, value in given.items()),
            "--tasks", "ours", "--include_path", str(tmp_path),
            "--output_path", str(tmp_path / "out"),
        )  # fmt: skip
    (found,) = (tmp_path / "out").rglob("results_*.json")
    bits = json.loads(found.read_text())["results"]["ours"]["bits_per_byte,none"]
    expected = evaluator_bits(text)
    assert bits * np.log(2) == pytest.approx(expected * np.log(2), abs=0.002)
    assert model.score(text).bits == pytest.approx(expected, abs=0.002)
