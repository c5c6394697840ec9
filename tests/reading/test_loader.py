"""ModelLoader: one object per model until its files change, a bounded number, one load each."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from models import change_card, write_model
from waiting import wait_until

import simpleml.loader as loader_module
from simpleml import ModelLoader
from simpleml.errors import InvalidValueError, ModelBrokenError, ModelNotFoundError


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A models folder with a, b and c."""
    for seed, name in enumerate("abc"):
        write_model(tmp_path, name, seed=seed, layers=1, units=16)
    return tmp_path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each model's files are read whole."""
    counts: Counter[str] = Counter()
    real = loader_module.read_artifact

    def count(paths: Any) -> Any:
        counts[paths.name] += 1
        return real(paths)

    monkeypatch.setattr(loader_module, "read_artifact", count)
    return counts


def test_nothing_is_read_before_it_is_asked_for(models: Path, reads: Counter[str]) -> None:
    loader = ModelLoader(models)
    assert loader.names() == ["a", "b", "c"]
    assert loader.loaded() == []
    assert loader.card("a").units == 16
    assert reads == {}


def test_loading_twice_gives_the_same_object(models: Path, reads: Counter[str]) -> None:
    loader = ModelLoader(models)
    first = loader.load("a")
    assert loader.load("a") is first
    assert loader.kept("a") is first
    assert loader.kept("b") is None
    assert reads == {"a": 1}


def test_a_new_model_is_found_without_a_restart(models: Path) -> None:
    loader = ModelLoader(models)
    with pytest.raises(ModelNotFoundError, match=r"Available: a, b, c\."):
        loader.load("d")
    write_model(models, "d")
    assert loader.load("d").name == "d"


def test_new_files_are_loaded_and_a_running_generation_ends_on_the_old(models: Path) -> None:
    loader = ModelLoader(models)
    old = loader.load("a")
    whole = old.generate(60, 1.0, "le sultan", random_state=1)
    running = old.stream(60, 1.0, "le sultan", random_state=1)
    begun = "".join(next(running) for _ in range(10))

    write_model(models, "a", seed=50, layers=2, units=24)
    new = loader.load("a")
    assert new is not old
    assert new.card.layers == 2
    assert new.generate(60, 1.0, "le sultan", random_state=1) != whole
    assert "le sultan" + begun + "".join(running) == whole
    assert loader.load("a") is new


def test_an_alphabet_or_a_card_that_changes_is_read_again(models: Path) -> None:
    loader = ModelLoader(models)
    first = loader.load("a")
    assert first.window() == 12
    change_card(models / "a", stateful=True)
    second = loader.load("a")
    assert second is not first
    assert second.window() is None
    (models / "a" / "char_idx_a.pickle").write_bytes(b"broken")
    with pytest.raises(ModelBrokenError):
        loader.load("a")


def test_files_that_are_not_the_models_change_nothing(models: Path) -> None:
    loader = ModelLoader(models)
    first = loader.load("a")
    (models / "a" / "training.csv").write_text("epoch,loss\n")
    (models / "a" / "a.tfl.meta").write_bytes(b"")
    assert loader.load("a") is first


def test_a_model_that_was_deleted_is_gone(models: Path) -> None:
    loader = ModelLoader(models)
    loader.load("a")
    shutil.rmtree(models / "a")
    with pytest.raises(ModelNotFoundError):
        loader.load("a")
    with pytest.raises(ModelNotFoundError):
        loader.kept("a")
    with pytest.raises(ModelNotFoundError):
        loader.card("a")


def test_a_broken_model_loads_once_it_is_mended(models: Path) -> None:
    data = models / "a" / "a.tfl.data-00000-of-00001"
    whole = data.read_bytes()
    loader = ModelLoader(models)
    data.write_bytes(whole[:-1])
    for _ in range(2):
        with pytest.raises(ModelBrokenError, match="is cut short"):
            loader.load("a")
    assert loader.load("b").name == "b"
    data.write_bytes(whole)
    assert loader.load("a").name == "a"


def test_the_least_recently_used_model_goes(models: Path, reads: Counter[str]) -> None:
    loader = ModelLoader(models, most_loaded=2)
    a = loader.load("a")
    b = loader.load("b")
    assert loader.load("a") is a
    loader.load("c")
    assert loader.loaded() == ["a", "c"]
    assert loader.load("a") is a
    assert loader.load("b") is not b
    assert loader.loaded() == ["a", "b"]
    assert b.generate(5, random_state=1)  # whoever holds it may go on
    assert reads == {"a": 1, "b": 2, "c": 1}


def test_many_threads_cause_one_load(
    models: Path, reads: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them are on their way before the first load may end."""
    inside, go_on = threading.Semaphore(0), threading.Event()
    counting = loader_module.read_artifact

    def slow(paths: Any) -> Any:
        inside.release()
        assert go_on.wait(30)
        return counting(paths)

    monkeypatch.setattr(loader_module, "read_artifact", slow)
    loader = ModelLoader(models)
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(loader.load("a"))) for _ in range(12)]
    for thread in threads:
        thread.start()
    assert inside.acquire(timeout=30)
    other = threading.Thread(target=lambda: found.append(loader.load("b")))
    other.start()
    assert inside.acquire(timeout=30)  # another model does not wait for this one
    assert not inside.acquire(timeout=0.2)  # but nobody else reads this one
    go_on.set()
    for thread in (*threads, other):
        thread.join(30)
    assert len(found) == 13
    assert len({id(one) for one in found}) == 2
    assert reads == {"a": 1, "b": 1}


def test_a_failed_load_does_not_hold_back_the_next(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = ModelLoader(models)

    def fail(*_: object) -> Any:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(loader_module, "SequenceGenerator", fail)
        with pytest.raises(MemoryError):
            loader.load("a")
    done = threading.Thread(target=loader.load, args=("a",))
    done.start()
    wait_until(lambda: not done.is_alive(), 30, "the second load ends")
    assert loader.loaded() == ["a"]


def test_files_replaced_while_they_are_read_are_read_again(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replacement between two reads gives the new model whole, never half of each."""
    real = loader_module.read_artifact
    attempts: list[str] = []

    def replace_first(paths: Any) -> Any:
        attempts.append(paths.name)
        if len(attempts) == 1:
            write_model(models, "a", seed=60, layers=2, units=24)
            (models / "a" / "a.json").touch()
            raise ModelBrokenError("half of each")
        return real(paths)

    monkeypatch.setattr(loader_module, "read_artifact", replace_first)
    loader = ModelLoader(models)
    generator = loader.load("a")
    assert generator.card.layers == 2
    assert len(attempts) == 2
    assert loader.load("a") is generator


def test_precision_is_the_loaders(models: Path) -> None:
    assert ModelLoader(models).load("a").precision == "float32"
    assert ModelLoader(models, "int8").load("a").precision == "int8"
    with pytest.raises(InvalidValueError, match="precision is 'int4'; it can be float32 or int8"):
        ModelLoader(models, "int4").load("a")  # type: ignore[arg-type]


def test_models_dir_is_ML_where_nothing_is_said() -> None:
    assert ModelLoader().models_dir == Path("ML")
