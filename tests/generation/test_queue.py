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
from waiting import wait_until

from simpleml import ModelLoader
from simpleml.errors import QueueFullError
from simpleml.generation.engine import Engine
from simpleml.generation.queue import (
    Share,
    admissible,
    admission_order,
    is_full,
    share_is_full,
    symbols_before,
)

MAX_ROWS = 6


@dataclass(eq=False)
class Request:
    model: str
    texts_left: int
    visitor: str = ""


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


OF_VISITORS = st.lists(
    st.builds(Request, st.sampled_from("AB"), st.integers(1, 2), st.sampled_from("xyz"))
)


@given(OF_VISITORS)
def test_visitors_take_turns_whoever_came_first(waiting: list[Request]) -> None:
    """When one is taken, nobody else who waits has had less."""
    order = list(admission_order([], waiting))
    assert sorted(map(id, order)) == sorted(map(id, waiting))
    had = dict.fromkeys("xyz", 0)
    for at, one in enumerate(order):
        assert had[one.visitor] == min(had[each.visitor] for each in order[at:])
        had[one.visitor] += one.texts_left


@given(OF_VISITORS, st.integers(2, 3), st.integers(0, 2))
def test_a_share_is_never_exceeded_and_holds_up_nobody_else(
    waiting: list[Request], most: int, may_wait: int
) -> None:
    share = Share(most, may_wait)
    found = admissible([], waiting, 10**9, share)
    for name in "xyz":
        own = [one for one in waiting if one.visitor == name]
        taken = [one for one in found if one.visitor == name]
        assert sum(one.texts_left for one in taken) <= most
        room = most - sum(one.texts_left for one in taken)
        assert all(one.texts_left > room for one in own if one not in taken)
        new = Request("A", 1, name)
        held_back = [one for one in own if one not in admissible([], [*waiting, new], 10**9, share)]
        would_wait = new not in admissible([], [*waiting, new], 10**9, share)
        assert share_is_full([], waiting, new, share, 10**9) == (
            would_wait and len(held_back) >= may_wait
        )


def test_a_thousand_requests_of_one_delay_another_by_no_more_than_the_share() -> None:
    flood = [Request("A", 1, "flood") for _ in range(1000)]
    other = Request("A", 1, "other")
    share = Share(running=2, waiting=1)
    assert admissible([], [*flood, other], 64, share) == [flood[0], other, flood[1]]
    assert next(admission_order(flood[:2], [*flood[2:], other])) is other
    assert not share_is_full(flood[:2], flood[2:3], other, share, 3)
    assert share_is_full(flood[:2], flood[2:3], flood[3], share, 64)


@pytest.mark.parametrize(
    ("left", "place", "symbols"),
    [([], 1, 0), ([30, 10, 20], 1, 10), ([30, 10, 20], 3, 30), ([30, 10, 20], 4, 30), ([8], 3, 24)],
)
def test_the_wait_is_what_the_running_texts_still_write(
    left: list[int], place: int, symbols: float
) -> None:
    assert symbols_before(left, place) == symbols


def test_the_engine_admits_by_the_places_it_told(
    models_dir: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of admission, the place and the limit, asked of the engine itself."""
    loader = ModelLoader(models_dir, threads=1)
    tales, flow, words = (loader.load(name) for name in ("tales", "flow", "words"))
    holding = ModelLoader(models_dir, threads=1).load("tales")  # a model of its own
    engine = Engine(max_rows=8, max_waiting=7, shards=2)
    gate, held = Gate(tales, monkeypatch), Gate(holding, monkeypatch)
    first = Asked(engine, tales, each=2, size=5, stateful=True)  # few rows: in one shard
    six = Asked(engine, holding, each=6, size=1, stateful=True)
    assert gate.reached.wait(30)
    assert held.reached.wait(30)
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
    with pytest.raises(QueueFullError):
        Asked(engine, tales, size=5)
    # six places become free: f1, w1, t1, f2 and t2 take them; t3 and t4 wait
    held.open.set()
    wait_until(lambda: engine.waiting == 2, 30)
    gate.open.set()
    for one in (first, six, *asked.values()):
        one.wait()
    started = sorted(asked, key=lambda name: asked[name].generation.started_at or 0.0)
    assert started == sorted(told, key=lambda name: told[name] or 0)
    engine.close()
