"""How texts are divided among the shards of an engine."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from asking import Asked
from test_engine import Gate
from waiting import wait_until

from simpleml import ModelLoader, SequenceGenerator
from simpleml.errors import GenerationFailedError, StoppingError
from simpleml.generation.division import parts, shard_for, turn_cost
from simpleml.generation.engine import Engine


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = Engine(max_rows=64, max_waiting=64, shards=2)
    yield engine
    for gate in Gate.made:
        gate.open.set()
    engine.close()


@pytest.fixture
def tales(models_dir: Any) -> SequenceGenerator:
    return ModelLoader(models_dir, threads=2).load("tales")


@pytest.mark.parametrize(
    ("texts", "rows_each", "precision", "shards", "among"),
    [
        (1, 1, "float32", 2, 1),
        (1, 24, "float32", 2, 1),
        (15, 1, "float32", 2, 1),
        (16, 1, "float32", 2, 2),
        (2, 24, "float32", 2, 2),
        (3, 1, "int8", 2, 1),
        (4, 1, "int8", 2, 2),
        (64, 1, "float32", 8, 8),
        (64, 1, "float32", 16, 1),
        (64, 1, "int8", 16, 16),
        (64, 1, "int8", 1, 1),
    ],
)
def test_few_rows_take_all_cores_together_and_many_take_one_each(
    texts: int, rows_each: int, precision: Any, shards: int, among: int
) -> None:
    assert parts(texts, rows_each, precision, shards) == among


@pytest.mark.parametrize(
    ("shards", "among", "shard"),
    [
        ([{}, {}], 1, 0),
        ([{"b": 3}, {}], 1, 1),
        ([{"a": 1}, {}], 1, 0),  # together, where the others of the model are
        ([{"a": 1}, {}], 2, 1),
        ([{"a": 2, "b": 3}, {"a": 2}], 2, 1),
        ([{"a": 4}, {}, {"a": 3}], 2, 2),
        ([{"a": 7, "b": 8}, {}], 1, 1),  # to the shard that has nothing to do
        ([{"a": 8, "b": 7}, {}], 1, 0),  # it is the other one that goes there
        ([{"a": 7, "b": 8}, {"c": 8}], 1, 0),  # nothing would be gained
    ],
)
def test_a_text_goes_to_those_of_its_model_or_where_least_is_done(
    shards: list[dict[str, int]], among: int, shard: int
) -> None:
    assert shard_for("a", shards, among) == shard


@pytest.mark.parametrize("seed", range(5))
def test_models_spread_evenly_over_the_shards_while_texts_end_and_others_begin(seed: int) -> None:
    dice = random.Random(seed)
    texts = [("a", 0)] * 8 + [(model, 1) for model in "bcd" for _ in range(7)]
    for _ in range(400):
        model, _shard = texts.pop(dice.randrange(len(texts)))
        shards = [Counter(lane for lane, at in texts if at == shard) for shard in (0, 1)]
        texts.append((model, shard_for(model, shards, 1)))
    held = [{lane for lane, at in texts if at == shard} for shard in (0, 1)]
    assert sorted(map(len, held)) == [2, 2]
    assert not held[0] & held[1]


@pytest.mark.parametrize(("fixed", "each"), [(1.8, 0.27), (0.15, 0.28)], ids=["float32", "int8"])
def test_a_model_is_not_stepped_less_often_for_one_text_more(fixed: float, each: float) -> None:
    seven, eight = (turn_cost(fixed + each * texts, texts) for texts in (7, 8))
    assert eight / seven < 1.07, "by seconds alone it would be up to 1.14"
    assert turn_cost(1.0, 8) == 2 * turn_cost(0.5, 8), "a larger network pays for its time"


def test_the_texts_of_one_request_are_those_of_one_thread_in_whichever_shard(
    engine: Engine, tales: SequenceGenerator
) -> None:
    asked = [Asked(engine, tales, each=20, size=60, random_state=100 * n) for n in range(3)]
    expected = [[tales.generate(60, random_state=100 * n + k) for k in range(20)] for n in range(3)]
    assert [one.texts() for one in asked] == expected
    assert [one.told for one in asked] == [1, 1, 1]


def test_a_shard_goes_on_while_another_is_held(
    engine: Engine, tales: SequenceGenerator, models_dir: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(tales, monkeypatch)
    held = Asked(engine, tales)
    assert gate.reached.wait(30)
    other = ModelLoader(models_dir, threads=2).load("flow")
    assert Asked(engine, other, size=50).text() == other.generate(50, random_state=1)
    assert not held.generation.done
    gate.open.set()
    held.wait()


def test_a_failure_in_one_shard_ends_the_request_in_all(
    engine: Engine, tales: SequenceGenerator
) -> None:
    streams = []

    def broken(*_: Any) -> None:
        raise ValueError("pvals < 0")

    beside = Asked(engine, tales, each=10, size=300)
    bad = Asked(engine, tales, each=30, size=10**6)
    streams = bad.generation.streams
    streams[-1].write = broken  # type: ignore[method-assign]
    with pytest.raises(GenerationFailedError):
        bad.texts()
    assert beside.texts() == [tales.generate(300, random_state=1 + k) for k in range(10)]
    wait_until(lambda: engine.rows == 0, 30)
    assert bad.told == 1


def test_what_is_cancelled_leaves_every_shard(engine: Engine, tales: SequenceGenerator) -> None:
    asked = Asked(engine, tales, each=40, size=10**6)
    wait_until(lambda: asked.generation.symbols_generated > 400, 30)
    asked.generation.cancel()
    asked.wait()
    assert set(asked.reasons) == {"cancelled"}
    assert len(Asked(engine, tales, each=64, size=5).texts()) == 64


def test_a_deadline_cuts_the_texts_of_every_shard(engine: Engine, tales: SequenceGenerator) -> None:
    asked = Asked(engine, tales, each=40, size=10**6)
    streams = asked.generation.streams
    wait_until(lambda: min(one.generated for one in streams) >= 3, 30, "three of each")
    asked.generation.deadline = 0.0
    texts = asked.texts()
    assert asked.generation.truncated_by == "time"
    assert set(asked.reasons) == {"length"}
    assert asked.told == 1
    assert [text[:3] for text in texts] == [
        tales.generate(3, random_state=1 + k) for k in range(40)
    ]


def test_closing_ends_the_threads_of_all_shards(engine: Engine, tales: SequenceGenerator) -> None:
    asked = Asked(engine, tales, each=40, size=10**6)
    wait_until(lambda: asked.generation.symbols_generated > 100, 30)
    engine.close()
    with pytest.raises(StoppingError):
        asked.texts()
