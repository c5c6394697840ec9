"""The network: TFLearn's arithmetic, the same gradient and the same updates on every backend."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simpleml.training import recurrent
from simpleml.training.learner import LearnerOptions, LearnerState
from simpleml.training.recurrent import Masks, NetworkShape
from simpleml.training.state import SavedPoint, load_point

ROOT = Path(__file__).resolve().parents[2]
SHAPE = NetworkShape(vocabulary=7, units=8, layers=3)
ROWS, STEPS = 4, 6
NO_MASKS = Masks(None, None)


@pytest.fixture(scope="module")
def backend() -> Any:
    """The module for whichever backend the tests run on."""
    from simpleml.training import backends

    module = backends.current()
    module.prepare()
    return module


def fresh(rows: int = ROWS) -> LearnerState:
    random = np.random.default_rng(3)
    parameters = recurrent.initial_parameters(SHAPE, random)
    return LearnerState.fresh(parameters, recurrent.zero_state(SHAPE, rows))


def chunk(rows: int = ROWS) -> tuple[np.ndarray, np.ndarray]:
    block = np.random.default_rng(4).integers(0, SHAPE.vocabulary, (STEPS + 1, rows))
    return block[:-1].astype(np.int32), block[1:].astype(np.int32)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def tflearn_probabilities(weights: Any, tokens: np.ndarray) -> np.ndarray:
    """TFLearn's BasicLSTMCell, written down again from its source: gates i, j, f, o, f + 1."""
    inputs = np.eye(weights.output_bias.size)[tokens]  # (T, V) one-hot
    for layer in weights.layers:
        units = layer.bias.size // 4
        h, c, outputs = np.zeros(units), np.zeros(units), []
        for x in inputs:
            i, j, f, o = np.split(np.concatenate([x, h]) @ layer.matrix + layer.bias, 4)
            c = c * sigmoid(f + 1.0) + sigmoid(i) * np.tanh(j)
            h = np.tanh(c) * sigmoid(o)
            outputs.append(h)
        inputs = np.array(outputs)
    scores = inputs @ weights.output_matrix + weights.output_bias
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]


def test_probabilities_are_tflearns_for_the_same_weights(backend: Any) -> None:
    state = fresh()
    learner = backend.Learner(SHAPE, LearnerOptions(), state)
    tokens, targets = chunk()
    losses, _ = learner.losses(tokens, targets, recurrent.zero_state(SHAPE, ROWS))
    weights = recurrent.to_network_weights(state.groups.parameters, SHAPE)
    for row in range(ROWS):
        expected = tflearn_probabilities(weights, tokens[:, row])
        given = expected[np.arange(STEPS), targets[:, row]]
        np.testing.assert_allclose(np.exp(-losses[:, row]), given, atol=1e-5)


def test_weights_in_tflearns_layout_come_back_unchanged() -> None:
    parameters = fresh().groups.parameters
    weights = recurrent.to_network_weights(parameters, SHAPE)
    assert weights.layers[0].matrix.shape == (7 + 8, 32)
    assert weights.layers[1].matrix.shape == (8 + 8, 32)
    np.testing.assert_allclose(weights.layers[0].bias, 0.0)  # forget bias 1 is TFLearn's to add
    again, shape = recurrent.from_network_weights(weights)
    assert shape == SHAPE
    for one, other in zip(parameters, again, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_gradient_is_the_one_of_finite_differences(backend: Any) -> None:
    """A step of the optimiser moves every parameter against the loss's slope."""
    state = fresh()
    tokens, targets = chunk()

    def loss(parameters: list[np.ndarray]) -> float:
        learner.set_average(parameters)
        values, _ = learner.losses(tokens, targets, state.carried)
        return float(values.mean(dtype=np.float64))

    learner = backend.Learner(SHAPE, LearnerOptions(shards=2), state)
    learner.train(tokens, targets, np.ones((ROWS, 1), np.float32), NO_MASKS, 1e-3, 0.9)
    # The first moment after one step is (1 - beta1) times the clipped gradient.
    first = [value.astype(np.float64) / 0.1 for value in learner.state().groups.first_moment]
    norm = np.sqrt(sum(float((value**2).sum()) for value in first))
    assert norm < 1.0  # hence not clipped
    random = np.random.default_rng(5)
    for number, gradient in enumerate(first):
        direction = random.normal(size=gradient.shape)
        direction /= np.linalg.norm(direction)
        shifted = []
        for sign in (1, -1):
            parameters = [value.copy() for value in state.groups.parameters]
            parameters[number] += (sign * 1e-2 * direction).astype(np.float32)
            shifted.append(loss(parameters))
        slope = (shifted[0] - shifted[1]) / 2e-2
        assert slope == pytest.approx(float((gradient * direction).sum()), abs=3e-4)


def test_cutting_the_rows_in_shards_changes_nothing(backend: Any) -> None:
    tokens, targets = chunk()
    results = []
    for shards in (1, 3):
        learner = backend.Learner(SHAPE, LearnerOptions(shards=shards), fresh())
        keep = np.ones((ROWS, 1), np.float32)
        loss = learner.train(tokens, targets, keep, NO_MASKS, 1e-2, 0.5)
        results.append((float(loss), learner.parameters(averaged=False), learner.state().carried))
    assert results[0][0] == pytest.approx(results[1][0], abs=1e-5)
    for one, other in zip(
        results[0][1] + results[0][2], results[1][1] + results[1][2], strict=True
    ):
        np.testing.assert_allclose(one, other, atol=2e-3)  # Adam's first step divides by |g|


def test_rows_that_are_reset_forget_and_the_others_carry_on(backend: Any) -> None:
    tokens, targets = chunk()
    state = fresh()
    state.carried = [np.full_like(value, 0.3) for value in state.carried]
    keep = np.array([[1], [0], [1], [0]], np.float32)
    learner = backend.Learner(SHAPE, LearnerOptions(), state)
    learner.train(tokens, targets, keep, NO_MASKS, 0.0, 0.9)
    carried = learner.state().carried
    probe = backend.Learner(SHAPE, LearnerOptions(), state)
    _, from_zero = probe.losses(tokens, targets, recurrent.zero_state(SHAPE, ROWS))
    _, from_state = probe.losses(tokens, targets, state.carried)
    for mixed, zero, kept in zip(carried, from_zero, from_state, strict=True):
        np.testing.assert_allclose(mixed[1::2], np.asarray(zero)[1::2], atol=1e-5)
        np.testing.assert_allclose(mixed[::2], np.asarray(kept)[::2], atol=1e-5)


def test_index_v_is_no_symbol_and_adds_nothing(backend: Any) -> None:
    state = fresh()
    learner = backend.Learner(SHAPE, LearnerOptions(), state)
    zeroed = [value.copy() for value in state.groups.parameters]
    zeroed[0][2] = 0.0  # a network for which symbol 2 is a zero vector
    other = backend.Learner(SHAPE, LearnerOptions(), LearnerState.fresh(zeroed, state.carried))
    tokens, targets = chunk()
    tokens[3] = 2
    expected, _ = other.losses(tokens, targets, state.carried)
    tokens[3] = SHAPE.vocabulary
    given, _ = learner.losses(tokens, targets, state.carried)
    tokens_without_two = (tokens != 2).all(axis=0)
    np.testing.assert_allclose(
        given[:, tokens_without_two], expected[:, tokens_without_two], atol=1e-5
    )


UPDATES = """
import sys
from pathlib import Path
import numpy as np
from simpleml.training import backends, recurrent
from simpleml.training.learner import LearnerOptions, LearnerState
from simpleml.training.optimizer import OptimizerOptions
from simpleml.training.state import SavedPoint, load_point, save_point
path = Path(sys.argv[1])
shape = recurrent.NetworkShape(7, 8, 3)
random = np.random.default_rng(0)
backend = backends.current(); backend.prepare()
state = LearnerState.fresh(recurrent.initial_parameters(shape, random),
                           recurrent.zero_state(shape, 4))
options = LearnerOptions(shards=int(sys.argv[2]),
                         optimizer=OptimizerOptions(weight_decay=0.3, clip_norm=0.2))
block = random.integers(0, 7, (10, 4)).astype(np.int32)
for session in range(2):
    learner = backend.Learner(shape, options, state)
    for _ in range(10):
        masks = recurrent.Masks(random.random((3, 9, 4, 8)) > 0.2,
                                random.random((3, 8, 32)) > 0.2, 1.25, 1.25)
        loss = learner.train(block[:-1], block[1:], np.ones((4, 1), np.float32), masks, 1e-2, 0.9)
    save_point(path, SavedPoint(learner.state(), {"loss": float(loss)}))
    state = load_point(path).learner
"""


def updates_on(name: str, path: Path, shards: int = 1) -> SavedPoint:
    """Ten updates, a saved point, a new learner from it, ten more."""
    done = subprocess.run(
        [sys.executable, "-c", UPDATES, str(path), str(shards)],
        env={**os.environ, "KERAS_BACKEND": name, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return load_point(path)


def test_shards_side_by_side_give_the_same_run_each_time(tmp_path: Path) -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    whole = updates_on("torch", tmp_path / "whole.npz")
    one, other = (updates_on("torch", tmp_path / f"{n}.npz", shards=2) for n in (1, 2))
    assert one.facts == other.facts
    for ours, again, alone in zip(
        one.learner.groups, other.learner.groups, whole.learner.groups, strict=True
    ):
        for value, same, close in zip(ours, again, alone, strict=True):
            np.testing.assert_array_equal(value, same)
            np.testing.assert_allclose(value, close, atol=1e-3 * float(np.abs(value).max()))


def test_updates_are_the_same_on_both_backends(tmp_path: Path) -> None:
    """Clipped gradients, weight decay on matrices, both moments and the average, over a resume."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    one = updates_on("tensorflow", tmp_path / "tensorflow.npz")
    other = updates_on("torch", tmp_path / "torch.npz")
    assert one.facts["loss"] == pytest.approx(other.facts["loss"], abs=1e-4)
    assert one.learner.updates == other.learner.updates == 20
    for ours, theirs in zip(one.learner.groups, other.learner.groups, strict=True):
        for value, same in zip(ours, theirs, strict=True):
            size = float(np.abs(value).max())
            np.testing.assert_allclose(value, same, atol=2e-3 * size)


def test_without_a_wish_it_runs_on_tensorflow_whatever_else_is_installed() -> None:
    code = "from simpleml.training import backends; print(backends.current().__name__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.split()[-1].endswith("tensorflow_backend")
