"""What is exported, real TFLearn loads, and a reader sees it whole at every instant."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from tflearn_oracle import TFLearnOracle

from simpleml.errors import ModelBrokenError, TrainingError
from simpleml.models.artifact import find_artifact, read_artifact
from simpleml.models.card import Card
from simpleml.models.vocabulary import Vocabulary
from simpleml.models.weights import LayerWeights, NetworkWeights
from simpleml.training import tflearn_compat
from simpleml.training.export import checkpoint_tensors, export, prepare
from simpleml.training.tflearn_meta import GraphSizes, start_graph

ALPHABET = "\n abcdefghijklmnopqrstuvwxyzé"
SIZES = GraphSizes(layers=2, units=24, vocabulary_size=len(ALPHABET), seq_maxlen=12)


def random_weights(seed: int, sizes: GraphSizes = SIZES) -> NetworkWeights:
    rng = np.random.default_rng(seed)

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.4, shape).astype(np.float32)

    h, v = sizes.units, sizes.vocabulary_size
    layers = tuple(
        LayerWeights(draw((v if layer == 0 else h) + h, 4 * h), draw(4 * h))
        for layer in range(sizes.layers)
    )
    return NetworkWeights(layers, draw(h, v), draw(v))


def card(weights: NetworkWeights, **changes: object) -> Card:
    values: dict[str, object] = {
        "layers": SIZES.layers,
        "units": SIZES.units,
        "vocabulary_size": SIZES.vocabulary_size,
        "seq_maxlen": SIZES.seq_maxlen,
        "weights_sha256": weights.sha256(),
    }
    return Card(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module", autouse=True)
def graph_under_way() -> None:
    if tflearn_compat.tflearn_missing():
        pytest.skip("TFLearn is not installed")
    prepare(SIZES)


def softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


def plain_numpy_probabilities(weights: NetworkWeights, window: list[int]) -> np.ndarray:
    """TFLearn's arithmetic (DESIGN: gates i, j, f, o; 1 added to f), written down once more."""

    def sigmoid(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-x))

    states = [(np.zeros(weights.units), np.zeros(weights.units)) for _ in weights.layers]
    for index in window:
        x = np.eye(weights.vocabulary_size)[index]
        for number, layer in enumerate(weights.layers):
            c, h = states[number]
            i, j, f, o = np.split(np.concatenate([x, h]) @ layer.matrix + layer.bias, 4)
            c = c * sigmoid(f + 1) + sigmoid(i) * np.tanh(j)
            x = np.tanh(c) * sigmoid(o)
            states[number] = (c, x)
    return softmax(x @ weights.output_matrix + weights.output_bias)


def test_plain_tflearn_load_restores_what_was_exported(
    tmp_path: Path, oracle: TFLearnOracle
) -> None:
    weights = random_weights(1)
    vocabulary = Vocabulary.of(ALPHABET)
    export(tmp_path, "x", weights, vocabulary, card(weights))
    oracle.build(vocabulary.index, layers=2, units=24, seq_maxlen=12, random_state=3)
    oracle.load(tmp_path / "x" / "x.tfl")  # every variable, not only the trainable ones

    found = oracle.variables()
    for name, array in weights.arrays():
        np.testing.assert_array_equal(found[name], array)
    assert found["Adam/beta1_power"] == np.float32(0.9)
    windows = ["the sultan s", "abcdefghijkl", "é\né\né\né\né\né\n"]
    expected = [
        plain_numpy_probabilities(weights, [vocabulary.index[c] for c in w]) for w in windows
    ]
    np.testing.assert_allclose(oracle.probabilities(windows), expected, atol=1e-6)
    text = oracle.generate(40, temperature=0.8, seed=windows[0], numpy_seed=5)
    assert len(text) == 52


def test_tflearn_trains_on_from_an_exported_checkpoint(
    tmp_path: Path, oracle: TFLearnOracle
) -> None:
    weights = random_weights(1)
    vocabulary = Vocabulary.of(ALPHABET)
    export(tmp_path, "x", weights, vocabulary, card(weights))
    oracle.build(vocabulary.index, layers=2, units=24, seq_maxlen=12)
    oracle.load(tmp_path / "x" / "x.tfl")
    oracle.fit("the sultan said to the vizier " * 20, batches=3)
    found = oracle.variables()
    assert all(np.isfinite(array).all() for array in found.values())
    assert not np.array_equal(found["FullyConnected/W"], weights.output_matrix)
    # Adam moves a weight by at most about its step size in each of its first steps.
    assert np.abs(found["FullyConnected/W"] - weights.output_matrix).max() < 0.01


def test_exported_model_reads_back_with_its_card(tmp_path: Path) -> None:
    weights = random_weights(2)
    export(tmp_path, "x", weights, Vocabulary.of(ALPHABET), card(weights, stateful=True))
    paths = find_artifact(tmp_path, "x")
    assert paths is not None
    artifact = read_artifact(paths)
    assert artifact.card.stateful
    assert artifact.weights.sha256() == weights.sha256()
    assert artifact.vocabulary.symbols == tuple(sorted(ALPHABET))


def test_a_model_without_its_card_still_knows_its_window_from_the_graph(tmp_path: Path) -> None:
    weights = random_weights(2)
    export(tmp_path, "x", weights, Vocabulary.of(ALPHABET), card(weights))
    (tmp_path / "x" / "x.json").unlink()
    paths = find_artifact(tmp_path, "x")
    assert paths is not None
    assert read_artifact(paths).card.seq_maxlen == 12


def test_optimiser_slots_take_no_room(tmp_path: Path) -> None:
    weights = random_weights(1)
    export(tmp_path, "x", weights, Vocabulary.of(ALPHABET), card(weights))
    own = sum(array.nbytes for _, array in weights.arrays())
    largest = max(array.nbytes for _, array in weights.arrays())
    size = (tmp_path / "x" / "x.tfl.data-00000-of-00001").stat().st_size
    assert own < size < own + largest + 200  # one region of zeros serves all slots
    tensors = checkpoint_tensors(weights, start_graph(SIZES).result())
    assert sum(tensor.nbytes for tensor in tensors.values()) > 3 * own


def test_a_reader_beside_refreshing_exports_always_finds_a_whole_model(tmp_path: Path) -> None:
    generations = [random_weights(seed) for seed in range(4)]
    known = {weights.sha256() for weights in generations}
    vocabulary = Vocabulary.of(ALPHABET)
    export(tmp_path, "x", generations[0], vocabulary, card(generations[0]))
    seen: list[str] = []
    faults: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            paths = find_artifact(tmp_path, "x")
            if paths is None:
                faults.append(AssertionError("the model was gone"))
                return
            before = paths.signature()
            try:
                artifact = read_artifact(paths)
            except (ModelBrokenError, OSError) as error:
                # A reader that meets the exchange itself sees that the files changed.
                again = find_artifact(tmp_path, "x")
                if again is None or again.signature() == before:
                    faults.append(error)
                continue
            seen.append(artifact.weights.sha256())

    reader = threading.Thread(target=read)
    reader.start()
    for weights in generations * 5:
        export(tmp_path, "x", weights, vocabulary, card(weights))
    done.set()
    reader.join(timeout=30)
    assert not faults
    assert seen
    assert set(seen) <= known


def test_a_full_disk_leaves_the_old_model_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = random_weights(1)
    export(tmp_path, "x", old, Vocabulary.of(ALPHABET), card(old))
    real = os.fsync

    def full(descriptor: int) -> None:
        if ".json" in Path(os.readlink(f"/proc/self/fd/{descriptor}")).name:  # or on its way there
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    new = random_weights(2)
    with pytest.raises(TrainingError, match=r"model x .*No space left.*unharmed"):
        export(tmp_path, "x", new, Vocabulary.of(ALPHABET), card(new))
    paths = find_artifact(tmp_path, "x")
    assert paths is not None
    assert read_artifact(paths).weights.sha256() == old.sha256()
    assert [entry.name for entry in tmp_path.iterdir()] == ["x"]


def test_a_diverged_network_is_not_exported(tmp_path: Path) -> None:
    weights = random_weights(1)
    weights.output_bias[3] = np.nan
    with pytest.raises(TrainingError, match=r"diverged: FullyConnected/b .*--learning-rate"):
        export(tmp_path, "x", weights, Vocabulary.of(ALPHABET), card(weights))
    assert not list(tmp_path.iterdir())


def test_curves_beside_the_model_survive_a_refresh(tmp_path: Path) -> None:
    weights = random_weights(1)
    export(tmp_path, "x", weights, Vocabulary.of(ALPHABET), card(weights))
    (tmp_path / "x" / "training.csv").write_text("epoch\n1\n")
    export(tmp_path, "x", weights, Vocabulary.of(ALPHABET), card(weights))
    assert (tmp_path / "x" / "training.csv").read_text() == "epoch\n1\n"


def test_the_training_process_never_imports_tensorflow_for_an_export(tmp_path: Path) -> None:
    """The modules alone import neither TensorFlow nor TFLearn, and no thread is started."""
    code = (
        "import sys, threading, simpleml.training.export;"
        "print([m for m in ('tensorflow', 'tflearn', 'keras') if m in sys.modules],"
        " threading.active_count())"
    )
    root = Path(__file__).resolve().parents[2]
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[] 1"


def test_missing_tflearn_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simpleml.training.tflearn_meta.tflearn_missing", lambda: ["tflearn"])
    with pytest.raises(TrainingError, match="pip install tensorflow tflearn"):
        prepare(GraphSizes(1, 8, 5, 7))


def test_tflearn_is_refused_where_keras_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", shutil)
    monkeypatch.delitem(sys.modules, "tflearn", raising=False)
    with pytest.raises(RuntimeError, match="process of its own"):
        tflearn_compat.import_tflearn()
