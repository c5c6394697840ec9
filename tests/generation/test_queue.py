"""The order of admission: what is told is what happens, and nobody waits for ever."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import pytest
from asking import Asked
from hypothesis import given
from hypothesis import strategies as st
from test_engine import Gate

from simpleml import ModelLoader
from simpleml.errors import QueueFullError
from simpleml.generation.engine import Engine
from simpleml.generation.queue import admissible, admission_order, is_full

MAX_ROWS = 6


@dataclass(eq=False)
class Request:
    model: str
    texts_left: int


REQUESTS = st.lists(st.builds(Request, st.sampled_from("ABC"), st.integers(0, MAX_ROWS)))


def running_ones(data: st.DataObject) -> list[Request]:
    """Requests that have places: no more texts than there are."""
    running: list[Request] = []
    for one in data.draw(REQUESTS):
        if sum(each.texts_left for each in [*running, one]) <= MAX_ROWS:
            running.append(one)
    return running


@given(st.data())
def test_the_place_told_is_the_order_of_admission(data: st.DataObject) -> None:
    running, waiting = running_ones(data), data.draw(REQUESTS)
    told = list(admission_order(running, waiting))
    assert sorted(map(id, told)) == sorted(map(id, waiting))
    admitted = []
    while waiting:  # one at a time, with a place for everybody
        following = admissible(running, waiting, 10**9)[0]
        waiting.remove(following)
        running.append(following)
        admitted.append(following)
    assert admitted == told


@given(st.data())
def test_those_admitted_now_are_the_first_of_the_order_as_far_as_there_are_places(
    data: st.DataObject,
) -> None:
    running, waiting = running_ones(data), data.draw(REQUESTS)
    found = admissible(running, waiting, MAX_ROWS)
    order = list(admission_order(running, waiting))
    assert order[: len(found)] == found
    free = MAX_ROWS - sum(one.texts_left for one in (*running, *found))
    assert free >= 0
    assert len(found) == len(order) or order[len(found)].texts_left > free


@given(st.data())
def test_within_a_model_first_come_first_served(data: st.DataObject) -> None:
    waiting = data.draw(REQUESTS)
    order = list(admission_order(running_ones(data), waiting))
    for model in "ABC":
        assert [o for o in order if o.model == model] == [o for o in waiting if o.model == model]


@given(st.data(), st.integers(0, 4))
def test_a_queue_is_full_exactly_for_one_that_would_wait_with_so_many_others(
    data: st.DataObject, max_waiting: int
) -> None:
    running, waiting = running_ones(data), data.draw(REQUESTS)
    new = Request(data.draw(st.sampled_from("ABC")), data.draw(st.integers(0, MAX_ROWS)))
    everybody = [*waiting, new]
    waits = [one for one in everybody if one not in admissible(running, everybody, MAX_ROWS)]
    assert is_full(running, waiting, new, max_rows=MAX_ROWS, max_waiting=max_waiting) == (
        new in waits and len(waits) - 1 >= max_waiting
    )


@given(st.data())
def test_nobody_starves_though_others_never_stop_coming(data: st.DataObject) -> None:
    """Every request runs for at most 5 steps; small ones of all models come in every step."""
    victim = Request(data.draw(st.sampled_from("ABC")), data.draw(st.integers(1, MAX_ROWS)))
    running = running_ones(data)
    ends = {id(one): data.draw(st.integers(1, 5)) for one in running}
    waiting: deque[Request] = deque([*data.draw(REQUESTS), victim])
    patience = 6 * (len(waiting) + 5)
    for step in range(patience):
        running = [one for one in running if ends[id(one)] > step]
        for one in admissible(running, waiting, MAX_ROWS):
            waiting.remove(one)
            running.append(one)
            ends[id(one)] = step + data.draw(st.integers(1, 5))
        if victim in running:
            return
        waiting.extend(Request(model, 1) for model in "ABC")
    raise AssertionError(f"it still waits after {patience} steps")


def test_the_engine_admits_by_the_places_it_told(
    models_dir: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of admission, the place and the limit, asked of the engine itself in one step."""
    loader = ModelLoader(models_dir, threads=1)
    tales, flow, words = (loader.load(name) for name in ("tales", "flow", "words"))
    engine = Engine(max_rows=8, max_waiting=2)
    gate = Gate(tales, monkeypatch)
    first = Asked(engine, tales, each=2, size=5)
    assert gate.reached.wait(30)
    asked = {
        name: Asked(engine, model, each=each, size=5, request_id=name)
        for name, model, each in (
            ("t1", tales, 1), ("t2", tales, 1), ("f1", flow, 2), ("f2", flow, 1),
            ("w1", words, 1), ("t3", tales, 2), ("t4", tales, 1),
        )
    }  # fmt: skip
    told = {name: engine.place(name) for name in asked}
    # f1 and w1 have nothing running; then tales with two against flow with two, the oldest first
    assert told == {"f1": 1, "w1": 2, "f2": 4, "t1": 3, "t2": 5, "t3": 6, "t4": 7}
    assert engine.place("nobody") is None
    assert engine.place("") is None
    # six places are free: f1, w1, t1, f2 and t2 take them; t3 and t4 wait
    with pytest.raises(QueueFullError):
        Asked(engine, tales, size=5)
    gate.open.set()
    for one in (first, *asked.values()):
        one.wait()
    started = sorted(asked, key=lambda name: asked[name].generation.started_at or 0.0)
    assert started == sorted(told, key=lambda name: told[name] or 0)
    engine.close()
