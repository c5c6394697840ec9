"""A model's folder is found, checked and described; what is wrong is told with the file's name."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import ALPHABET, change_card, random_weights, small_meta, write_model

from simpleml import ModelLoader
from simpleml.errors import InvalidValueError, ModelBrokenError, ModelNotFoundError
from simpleml.models.artifact import find_artifact, read_artifact, write_artifact
from simpleml.models.card import RESERVED_NAMES, Card, check_name
from simpleml.models.checkpoint import read_checkpoint, write_checkpoint
from simpleml.models.vocabulary import Vocabulary
from simpleml.models.weights import NetworkWeights

DATA = "x.tfl.data-00000-of-00001"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole model `x`, with a card."""
    return write_model(tmp_path / "ML", "x")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A whole model `x` without a card."""
    return write_model(tmp_path / "ML", "x", card=False)


def broken(folder: Path) -> str:
    """What loading the model says."""
    loader = ModelLoader(folder.parent)
    with pytest.raises(ModelBrokenError) as caught:
        loader.load(folder.name)
    message = caught.value.message
    assert (caught.value.status, caught.value.code) == (500, "model_broken")
    assert message.startswith(f"The model {folder.name} cannot be used: ")
    assert "\n" not in message
    assert str(folder.parent) not in message
    assert loader.names() == [folder.name]  # it is there, and broken
    return message.removeprefix(f"The model {folder.name} cannot be used: ")


def rewrite(folder: Path, **changes: np.ndarray | None) -> None:
    """Write the checkpoint of the model again with some variables changed or, None, left out."""
    prefix = folder / f"{folder.name}.tfl"
    tensors = dict(read_checkpoint(prefix))
    for name, array in changes.items():
        if array is None:
            del tensors[name]
        else:
            tensors[name] = array
    write_checkpoint(prefix, tensors)


# --- what is found --------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [1, 2, 3, 5])
@pytest.mark.parametrize("card", [True, False])
def test_sizes_come_from_the_files(tmp_path: Path, layers: int, card: bool) -> None:
    write_model(tmp_path, "x", layers=layers, units=20 + layers, seq_maxlen=17, card=card)
    paths = find_artifact(tmp_path, "x")
    assert paths is not None
    found = read_artifact(paths)
    assert found.card.layers == layers == len(found.weights.layers)
    assert found.card.units == 20 + layers == found.weights.units
    assert found.card.vocabulary_size == len(ALPHABET) == len(found.vocabulary)
    assert found.card.seq_maxlen == 17
    assert found.card.stateful is False
    expected = random_weights(len(ALPHABET), layers, 20 + layers)
    assert found.card.weights_sha256 == found.weights.sha256() == expected.sha256()


def test_layers_of_different_sizes_load(tmp_path: Path) -> None:
    write_model(tmp_path, "x", layers=3, units=[40, 24, 16])
    generator = ModelLoader(tmp_path).load("x")
    assert generator.network.units == [40, 24, 16]
    assert len(generator.generate(20, random_state=1)) == 20


def test_more_than_ten_layers_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """LSTM_10 comes after LSTM_9, though its name sorts before LSTM_2."""
    units = list(range(8, 20))
    write_model(tmp_path, "x", layers=12, units=units, card=False)
    assert ModelLoader(tmp_path).load("x").network.units == units


def test_a_model_without_graph_and_card_has_windows_of_25(old: Path) -> None:
    (old / "x.tfl.meta").unlink()
    assert ModelLoader(old.parent).load("x").card.seq_maxlen == 25


def test_optimiser_slots_and_counters_are_passed_over(old: Path) -> None:
    expected = ModelLoader(old.parent).load("x").next_probabilities("le sultan di")
    variables = read_checkpoint(old / "x.tfl")
    extra = {f"{name}/Adam": np.full_like(array, np.nan) for name, array in variables.items()}
    extra |= {f"{name}/Adam_1": array * 2 for name, array in variables.items()}
    extra |= {"Global_Step": np.array(7.0, "f4"), "is_training": np.array(False)}
    rewrite(old, **extra)
    found = ModelLoader(old.parent).load("x").next_probabilities("le sultan di")
    np.testing.assert_array_equal(found, expected)


def test_files_may_have_other_names_where_only_one_can_be_meant(old: Path) -> None:
    for path in old.glob("x.tfl.*"):
        path.rename(old / path.name.replace("x.tfl", "my_model_v2.tfl"))
    (old / "char_idx_x.pickle").rename(old / "char_idx.pickle")
    (old / "notes.txt").write_text("hello")
    (old / "another.pickle").write_bytes(b"hello")
    loader = ModelLoader(old.parent)
    assert loader.names() == ["x"]
    assert len(loader.load("x").generate(9, random_state=1)) == 9


def test_among_several_candidates_the_models_own_name_wins(old: Path) -> None:
    expected = ModelLoader(old.parent).load("x").card.weights_sha256
    for path in write_model(old.parent, "elsewhere", seed=5).iterdir():
        path.rename(old / path.name)
    (old.parent / "elsewhere").rmdir()
    loader = ModelLoader(old.parent)
    assert loader.load("x").card.weights_sha256 == expected
    (old / "x.tfl.index").unlink()
    (old / "x.tfl.data-00000-of-00001").unlink()
    (old / "char_idx_x.pickle").unlink()
    assert loader.load("x").card.weights_sha256 != expected


@pytest.mark.parametrize(
    ("copies", "message"),
    [
        (
            ("a.tfl.index", "b.tfl.index"),
            "the folder x has several files that could be its checkpoint (.tfl.index): "
            "a.tfl.index, b.tfl.index; name the right one x.tfl.index",
        ),
        (
            ("char_idx.pickle", "char_idx_2.pickle"),
            "the folder x has several files that could be its vocabulary (char_idx*.pickle): "
            "char_idx.pickle, char_idx_2.pickle; name the right one char_idx_x.pickle",
        ),
    ],
)
def test_several_candidates_are_told(old: Path, copies: tuple[str, str], message: str) -> None:
    own = "x.tfl.index" if copies[0].endswith(".index") else "char_idx_x.pickle"
    whole = (old / own).read_bytes()
    (old / own).unlink()
    for copy in copies:
        (old / copy).write_bytes(whole)
    assert broken(old) == message


def test_a_missing_alphabet_is_told(folder: Path) -> None:
    (folder / "char_idx_x.pickle").unlink()
    assert broken(folder) == "the folder x has no vocabulary (char_idx_x.pickle)"


def test_a_missing_checkpoint_is_told(folder: Path) -> None:
    (folder / "x.tfl.index").unlink()
    assert broken(folder) == "the folder x has no checkpoint (x.tfl.index)"


def test_missing_data_is_told(folder: Path) -> None:
    (folder / DATA).unlink()
    assert broken(folder) == f"{DATA} cannot be read: No such file or directory"


def test_folders_and_files_that_are_no_models_are_passed_over(folder: Path) -> None:
    models = folder.parent
    (models / "empty").mkdir()
    (models / "notes.txt").write_text("hello")
    (models / ".hidden").mkdir()
    write_model(models, "tmp").rename(models / ".tmp")
    write_model(models, "tmp").rename(models / "a name with spaces")
    write_model(models, "tmp").rename(models / "livez")
    assert ModelLoader(models).names() == ["x"]


def test_a_missing_models_folder_holds_no_models(tmp_path: Path) -> None:
    loader = ModelLoader(tmp_path / "nowhere")
    assert loader.names() == []
    with pytest.raises(ModelNotFoundError, match=r"There is no model 'x'\. There are none yet\."):
        loader.load("x")


NO_NAMES = [
    "", ".", "..", "../x", "x/../x", "x/", "/x", "x\0", "\0", "%2e%2e", "..%2fx", "x y", ".x", "-x",
    "_x", "x" * 65, "x" * 10_000, "é", "x\n", "\nx", "x\\..\\x", "~", "*", "x?",
    *sorted(RESERVED_NAMES),
]  # fmt: skip


@pytest.mark.parametrize("name", NO_NAMES, ids=lambda name: repr(name[:20]))
def test_what_cannot_be_a_name_finds_nothing(folder: Path, name: str) -> None:
    loader = ModelLoader(folder.parent)
    with pytest.raises(ModelNotFoundError) as caught:
        loader.load(name)
    assert caught.value.message.endswith("Available: x.")
    assert len(caught.value.message) < 200
    with pytest.raises(InvalidValueError):
        check_name(name)


@pytest.mark.parametrize("name", ["x", "X9", "a.b-c_d", "9", "x" * 64, "v10", "models2"])
def test_fit_names_are_served(tmp_path: Path, name: str) -> None:
    write_model(tmp_path, name, units=8, layers=1)
    assert ModelLoader(tmp_path).load(name).name == name


def test_a_link_out_of_the_models_folder_leads_nowhere(tmp_path: Path) -> None:
    outside = write_model(tmp_path / "outside", "secret")
    models = write_model(tmp_path / "ML", "x").parent
    (models / "secret").symlink_to(outside, target_is_directory=True)
    loader = ModelLoader(models)
    assert loader.names() == ["x"]
    with pytest.raises(ModelNotFoundError):
        loader.load("secret")


def test_a_link_within_the_models_folder_and_to_it_are_followed(folder: Path) -> None:
    (folder.parent / "alias").symlink_to("x", target_is_directory=True)
    there = folder.parent.with_name("also ML")
    there.symlink_to(folder.parent, target_is_directory=True)
    loader = ModelLoader(there)
    assert loader.names() == ["alias", "x"]
    assert loader.load("alias").card.weights_sha256 == loader.load("x").card.weights_sha256


def test_broken_models_do_not_concern_the_others(tmp_path: Path) -> None:
    write_model(tmp_path, "whole")
    expected = ModelLoader(tmp_path).load("whole").generate(20, random_state=1)
    breakages: dict[str, Callable[[Path], object]] = {
        "index": lambda path: path.with_suffix(".tfl.index").write_bytes(b""),
        "data": lambda path: path.with_suffix(".tfl.data-00000-of-00001").write_bytes(b""),
        "vocabulary": lambda path: (path.parent / f"char_idx_{path.name}.pickle").write_bytes(b""),
        "card": lambda path: path.with_suffix(".json").write_bytes(b""),
        "missing": lambda path: path.with_suffix(".tfl.index").unlink(),
    }
    for name, breakage in breakages.items():
        breakage(write_model(tmp_path, name, layers=1, units=8) / name)
    loader = ModelLoader(tmp_path)
    assert loader.names() == sorted(["whole", *breakages])
    for name in breakages:
        with pytest.raises(ModelBrokenError, match=f"^The model {name} cannot be used: "):
            loader.load(name)
    assert loader.load("whole").generate(20, random_state=1) == expected
    assert loader.loaded() == ["whole"]


# --- broken files ---------------------------------------------------------------------------------


def test_an_alphabet_of_another_length_is_told(old: Path) -> None:
    Vocabulary.of(ALPHABET + "€").write(old / "char_idx_x.pickle")
    size = len(ALPHABET)
    said = f"char_idx_x.pickle has {size + 1} symbols, the network in x.tfl has {size}"
    assert broken(old) == said


def test_a_card_without_its_weights_is_told(folder: Path) -> None:
    rewrite(folder, **dict(random_weights(len(ALPHABET), seed=77).arrays()))
    assert broken(folder) == "x.json belongs to other weights than those in x.tfl"


def test_a_pickle_that_calls_os_system_breaks_its_model_alone(folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "it ran"
    command = f"touch '{trace}'".encode()
    (folder / "char_idx_x.pickle").write_bytes(b"cposix\nsystem\n(S'" + command + b"'\ntR.")
    assert "char_idx_x.pickle: it asks for posix.system" in broken(folder)
    assert not trace.exists()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "name",
    [
        "LSTM/LSTM/BasicLSTMCell/Linear/Matrix",
        "LSTM_1/LSTM_1/BasicLSTMCell/Linear/Bias",
        "FullyConnected/W",
        "FullyConnected/b",
    ],
)
def test_weights_that_are_no_numbers_are_told(folder: Path, name: str, value: float) -> None:
    array = read_checkpoint(folder / "x.tfl")[name].copy()
    array.flat[-1] = value
    rewrite(folder, **{name: array})
    assert broken(folder) == f"{name} in x.tfl holds values that are not numbers"


def _gru() -> dict[str, np.ndarray]:
    gates = np.ones((40, 32), "f4")
    return {"GRU/GRU/GRUCell/Gates/Linear/Matrix": gates, "FullyConnected/W": gates}


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"Conv2D/W": np.ones((3, 3, 1, 32), "f4"), "Conv2D/b": np.ones(32, "f4")},
        {"FullyConnected/W": np.ones((4, 4), "f4"), "FullyConnected/b": np.ones(4, "f4")},
        {"Embedding/W": np.ones((9, 4), "f4"), "FullyConnected/b": np.ones(4, "f4")},
        _gru(),
    ],
    ids=["empty", "convolution", "dense", "embedding", "GRU"],
)
def test_a_network_that_is_no_lstm_stack_is_told(old: Path, tensors: dict[str, np.ndarray]) -> None:
    write_checkpoint(old / "x.tfl", tensors)
    message = broken(old)
    assert message.startswith("x.tfl.index holds no stack of LSTM layers under a softmax layer")
    assert all(name in message for name in tensors)


BIAS = "LSTM_1/LSTM_1/BasicLSTMCell/Linear/Bias"
MATRIX = "LSTM_1/LSTM_1/BasicLSTMCell/Linear/Matrix"


def test_a_layer_without_its_bias_is_told(old: Path) -> None:
    rewrite(old, **{BIAS: None})
    assert broken(old) == f"x.tfl.index lacks {BIAS}"


def test_a_gap_between_the_layers_is_told(tmp_path: Path) -> None:
    old = write_model(tmp_path, "x", layers=3, units=[8, 12, 16], card=False)
    rewrite(old, **{BIAS: None, MATRIX: None})
    assert "LSTM_2/LSTM_2/BasicLSTMCell/Linear/Matrix in x.tfl.index has shape" in broken(old)


@pytest.mark.parametrize(
    ("name", "shape", "reason"),
    [
        (BIAS, (127,), "LSTM layer over 32 inputs has (inputs + H, 4H) and (4H,)"),
        (BIAS, (128, 1), "LSTM layer over 32 inputs has (inputs + H, 4H) and (4H,)"),
        (MATRIX, (64, 127), "LSTM layer over 32 inputs has (inputs + H, 4H) and (4H,)"),
        (MATRIX, (65, 128), "LSTM layer over 32 inputs has (inputs + H, 4H) and (4H,)"),
        (MATRIX, (128,), "LSTM layer over 32 inputs has (inputs + H, 4H) and (4H,)"),
        (MATRIX, (64, 0), "LSTM layer over 32 inputs has (inputs + H, 4H) and (4H,)"),
        (MATRIX, (), "LSTM layer over 32 inputs has (inputs + H, 4H) and (4H,)"),
        ("FullyConnected/W", (31, len(ALPHABET)), "FullyConnected/W in x.tfl.index has shape (31,"),
        ("FullyConnected/W", (32, 5), "FullyConnected/W in x.tfl.index has shape (32, 5)"),
        ("FullyConnected/b", (1, len(ALPHABET)), "x.tfl.index has shape"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_told(
    old: Path, name: str, shape: tuple[int, ...], reason: str
) -> None:
    rewrite(old, **{name: np.ones(shape, "f4")})
    message = broken(old)
    assert name.split("/")[0] in message or "LSTM/" in message
    assert reason in message


def test_weights_of_another_type_are_told(old: Path) -> None:
    rewrite(old, **{"FullyConnected/b": np.zeros(len(ALPHABET), "f8")})
    assert broken(old) == "FullyConnected/b in x.tfl.index is float64, not float32"


def test_a_broken_graph_is_told_where_it_is_needed(old: Path) -> None:
    (old / "x.tfl.meta").write_bytes(small_meta(12, 56)[:-3])
    assert broken(old).startswith("x.tfl.meta is not a TensorFlow graph")


def test_a_broken_graph_does_not_matter_beside_a_card(folder: Path) -> None:
    (folder / "x.tfl.meta").write_bytes(b"\xff\xff")
    assert ModelLoader(folder.parent).load("x").card.seq_maxlen == 12


# --- cards ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"layers": 3}, "says (layers, units, vocabulary_size) (3, 32, "),
        ({"units": 64}, "says (layers, units, vocabulary_size) (2, 64, "),
        ({"vocabulary_size": 9}, "says (layers, units, vocabulary_size) (2, 32, 9)"),
        ({"layers": 0}, "layers is 0, not a positive number"),
        ({"layers": -1}, "layers is -1, not a positive number"),
        ({"layers": "2"}, "layers is '2', not a positive number"),
        ({"layers": 2.0}, "layers is 2.0, not a positive number"),
        ({"layers": True}, "layers is True, not a positive number"),
        ({"layers": None}, "layers is None, not a positive number"),
        ({"layers": 10**30}, "layers is 1000000"),
        ({"seq_maxlen": 0}, "seq_maxlen is 0, not a positive number"),
        ({"seq_maxlen": 200_000}, "seq_maxlen is 200000"),
        ({"level": "syllable"}, "level is 'syllable', not char or word"),
        ({"level": 1}, "level is 1"),
        ({"level": None}, "level is None"),
        ({"stateful": "yes"}, "stateful is 'yes'"),
        ({"stateful": 1}, "stateful is 1"),
        ({"lower": "no"}, "lower is 'no'"),
        ({"metrics": [1.5]}, "metrics is [1.5]"),
        ({"corpus": "tales"}, "corpus is 'tales'"),
        ({"weights_sha256": 12}, "weights_sha256 is 12"),
        ({"weights_sha256": "00"}, "belongs to other weights than those in x.tfl"),
        ({"unknown_symbol": "€"}, "the unknown symbol '€' is not in the vocabulary"),
        ({"unknown_symbol": 3}, "unknown_symbol is 3"),
    ],
    ids=repr,
)
def test_a_card_with_wrong_values_is_told(
    folder: Path, changes: dict[str, Any], reason: str
) -> None:
    change_card(folder, **changes)
    message = broken(folder)
    assert reason in message
    assert message.startswith(("x.json", "char_idx_x.pickle"))


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"[1, 2]", b"null", b'{"layers": 2', b"\xff\xfe", b"[" * 100_000, b'"x"'],
    ids=lambda content: repr(content[:10]),
)
def test_a_card_that_is_no_json_object_is_told(folder: Path, content: bytes) -> None:
    (folder / "x.json").write_bytes(content)
    assert broken(folder).startswith("x.json")


def test_a_card_without_sizes_is_told(folder: Path) -> None:
    (folder / "x.json").write_text("{}")
    assert broken(folder) == "x.json: layers is None, not a positive number"


def test_keys_of_newer_versions_are_passed_over(folder: Path) -> None:
    change_card(folder, invented_later={"a": 1}, stateful=True)
    assert ModelLoader(folder.parent).load("x").card.stateful is True


def test_a_card_may_be_shorter_than_ours(folder: Path) -> None:
    sizes = {"layers": 2, "units": 32, "vocabulary_size": len(ALPHABET)}
    (folder / "x.json").write_text(json.dumps(sizes))
    card = ModelLoader(folder.parent).load("x").card
    assert (card.seq_maxlen, card.level, card.stateful) == (25, "char", False)
    assert len(card.weights_sha256) == 64


def test_a_card_goes_through_json_unchanged() -> None:
    card = Card(
        2, 32, 56, seq_maxlen=9, level="word", stateful=True, lower=True, unknown_symbol="<unk>",
        metrics={"nats": 1.5}, corpus={"licence": "CC0"}, training={"seconds": 3},
        weights_sha256="ab", notes={"seeds": ["é"]},
    )  # fmt: skip
    assert Card.from_json(json.loads(json.dumps(card.to_json()))) == card


# --- writing --------------------------------------------------------------------------------------


def _write(models: Path, name: str, weights: NetworkWeights) -> None:
    vocabulary = Vocabulary.of(ALPHABET)
    card = Card(2, 32, len(vocabulary), seq_maxlen=12, weights_sha256=weights.sha256())
    write_artifact(
        models, name, tensors=dict(weights.arrays()), meta=small_meta(12, len(vocabulary)),
        vocabulary=vocabulary, card=card,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["v1", "../x", "", ".x", "x" * 65])
def test_a_model_that_could_not_be_served_is_not_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidValueError):
        _write(tmp_path, name, random_weights(len(ALPHABET)))
    assert list(tmp_path.iterdir()) == []


def test_files_with_old_names_do_not_stay_beside_the_new_ones(old: Path) -> None:
    """They would be candidates for a checkpoint of the same model."""
    (old / "char_idx_x.pickle").rename(old / "char_idx.pickle")
    (old / "notes.txt").write_text("mine")
    _write(old.parent, "x", random_weights(len(ALPHABET), seed=4))
    assert sorted(path.name for path in old.iterdir()) == sorted(
        ["char_idx_x.pickle", "notes.txt", "x.json", DATA, "x.tfl.index", "x.tfl.meta"]
    )


@pytest.mark.parametrize(
    "fault",
    ["write_checkpoint", "exchange_folders", "sync_folder"],
    ids=lambda name: name.strip("_"),
)
def test_a_failed_write_leaves_the_old_model(
    folder: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ModelLoader(folder.parent).load("x").card.weights_sha256

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"simpleml.models.artifact.{fault}", fail)
    with pytest.raises(OSError, match="No space left"):
        _write(folder.parent, "x", random_weights(len(ALPHABET), seed=4))
    assert ModelLoader(folder.parent).load("x").card.weights_sha256 == before
    assert [path.name for path in folder.parent.iterdir()] == ["x"]


@pytest.mark.parametrize("listed", [[], FileNotFoundError], ids=["nothing", "gone"])
def test_a_model_that_is_replaced_while_its_folder_is_listed_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch, listed: Any
) -> None:
    """What a system lists of a folder that was opened, and then deleted."""
    real, asked = os.listdir, []

    def replaced(path: Path) -> list[str]:
        asked.append(path)
        if len(asked) > 1:
            return real(path)
        _write(folder.parent, "x", random_weights(len(ALPHABET), seed=4))
        if listed == []:
            return []
        raise listed

    with monkeypatch.context() as patch:
        patch.setattr("simpleml.models.artifact.os.listdir", replaced)
        assert find_artifact(folder.parent, "x") is not None
    assert asked == [folder, folder]


def test_models_are_replaced_where_the_system_cannot_exchange_folders(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OldLibrary:
        """A C library without renameat2."""

    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: OldLibrary())
    new = random_weights(len(ALPHABET), seed=4)
    _write(folder.parent, "x", new)
    paths = find_artifact(folder.parent, "x")
    assert paths is not None
    assert read_artifact(paths).weights.sha256() == new.sha256()
    assert [path.name for path in folder.parent.iterdir()] == ["x"]


def test_a_pickle_of_the_alphabet_is_what_tflearn_users_have(folder: Path) -> None:
    with (folder / "char_idx_x.pickle").open("rb") as file:
        loaded: Callable[[Any], Any] = pickle.load
        assert loaded(file) == {symbol: n for n, symbol in enumerate(sorted(ALPHABET))}
