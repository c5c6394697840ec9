"""The scheduler: who runs, who waits, how each request ends, and what one may do to others."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from asking import Asked
from waiting import wait_until

from simpleml import ModelLoader, SequenceGenerator
from simpleml.errors import (
    DeadlineError,
    GenerationFailedError,
    InvalidValueError,
    QueueFullError,
    StoppingError,
)
from simpleml.generation.batch import Batch
from simpleml.generation.engine import Engine
from simpleml.generation.request import new_streams
from simpleml.generation.text_stream import GenerationOptions

ROOT = Path(__file__).resolve().parents[2]
ENDLESS = 10**9


@pytest.fixture
def loader(models_dir: Path) -> ModelLoader:
    return ModelLoader(models_dir, threads=1)


@pytest.fixture
def tales(loader: ModelLoader) -> SequenceGenerator:
    return loader.load("tales")


@pytest.fixture
def flow(loader: ModelLoader) -> SequenceGenerator:
    return loader.load("flow")


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine for four texts and three waiting requests, emptied at the end."""
    made = Engine(max_rows=4, max_waiting=3)
    yield made
    for generation in (*made._running, *made._waiting):
        generation.cancel()
    for gate in Gate.made:
        gate.open.set()
    Gate.made.clear()
    wait_until(lambda: made.drained, 60, "the engine is empty")
    assert made.rows == 0


class Gate:
    """Holds a model's steps until it is opened."""

    made: ClassVar[list[Gate]] = []

    def __init__(self, generator: SequenceGenerator, patch: pytest.MonkeyPatch) -> None:
        self.reached = threading.Event()
        self.open = threading.Event()
        real = generator.network.run

        def run(binding: Any) -> None:
            self.reached.set()
            assert self.open.wait(60)
            real(binding)

        patch.setattr(generator.network, "run", run)
        Gate.made.append(self)


# --- the text -------------------------------------------------------------------------------------


def test_a_request_gives_the_generators_text(engine: Engine, tales: SequenceGenerator) -> None:
    asked = Asked(engine, tales, "le sultan", size=50, random_state=7)
    assert "le sultan" + asked.text() == tales.generate(50, 0.5, "le sultan", random_state=7)
    assert asked.reasons == ["length"]
    assert asked.generation.symbols_generated == 50
    assert asked.told == 1


def test_several_texts_are_those_of_requests_with_the_next_random_states(
    engine: Engine, tales: SequenceGenerator
) -> None:
    together = Asked(engine, tales, "le", each=4, size=30, random_state=2**32 - 2).texts()
    states = [2**32 - 2, 2**32 - 1, 0, 1]
    assert together == [
        Asked(engine, tales, "le", size=30, random_state=state).text() for state in states
    ]


def test_texts_of_one_request_end_each_at_its_time(
    engine: Engine, tales: SequenceGenerator
) -> None:
    asked = Asked(engine, tales, each=4, size=200, temperature=1.0, stop=("e",)).wait()
    lengths = {stream.generated for stream in asked.generation.streams}
    assert len(lengths) > 1
    assert asked.reasons == ["stop"] * 4


def test_a_size_of_zero_ends_without_a_step(engine: Engine, tales: SequenceGenerator) -> None:
    asked = Asked(engine, tales, "le", size=0)
    assert asked.text() == ""
    assert asked.reasons == ["length"]


def test_streaming_tells_of_pieces_and_of_the_end(engine: Engine, tales: SequenceGenerator) -> None:
    asked = Asked(engine, tales, size=ENDLESS, streaming=True)
    pieces = ""
    for _ in range(5):
        before = asked.told
        asked.generation.listen()
        if piece := asked.generation.streams[0].take():
            pieces += piece
            continue
        wait_until(lambda before=before: asked.told > before, 30, "news")
        pieces += asked.generation.streams[0].take()
    asked.generation.cancel()
    asked.wait()
    pieces += asked.generation.streams[0].take()
    assert pieces == tales.generate(len(pieces), random_state=1)
    assert asked.reasons == ["cancelled"]


# --- places ---------------------------------------------------------------------------------------


def test_no_more_texts_run_than_there_are_places(
    engine: Engine, tales: SequenceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    real = Batch.step

    def step(batch: Batch, symbols: Any) -> Any:
        seen.append(len(batch))
        return real(batch, symbols)

    monkeypatch.setattr(Batch, "step", step)
    gate = Gate(tales, monkeypatch)
    asked = [Asked(engine, tales, size=20)]
    assert gate.reached.wait(30)
    asked += [Asked(engine, tales, size=20, each=each) for each in (2, 2, 3)]
    gate.open.set()
    for one in asked:
        one.wait()
    wait_until(lambda: engine.drained, 30, "the engine is empty")
    assert max(seen) <= 4
    assert engine.rows == engine.running == engine.waiting == 0


def test_requests_of_one_model_start_in_their_order(
    engine: Engine, tales: SequenceGenerator
) -> None:
    asked = [Asked(engine, tales, each=3, size=5) for _ in range(3)]
    for one in asked:
        one.wait()
    started = [one.generation.started_at or 0.0 for one in asked]
    assert started == sorted(started)
    for one, at in zip(asked, started, strict=True):
        assert one.generation.queue_seconds == at - one.generation.submitted_at >= 0


def test_more_texts_than_places_are_refused(engine: Engine, tales: SequenceGenerator) -> None:
    with pytest.raises(InvalidValueError, match="asks for 5 texts at once; the server makes at"):
        Asked(engine, tales, each=5)
    assert len(Asked(engine, tales, each=4, size=1).texts()) == 4


def test_a_full_queue_refuses_at_once_and_takes_again_when_it_is_emptier(
    engine: Engine, tales: SequenceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(tales, monkeypatch)
    asked = [Asked(engine, tales, each=4, size=10)]
    assert gate.reached.wait(30)
    asked += [Asked(engine, tales, size=10) for _ in range(3)]
    assert (engine.running, engine.waiting, engine.rows) == (1, 3, 4)
    with pytest.raises(QueueFullError) as caught:
        Asked(engine, tales, size=10)
    assert 1 <= caught.value.retry_after <= 120
    assert caught.value.status == 429
    gate.open.set()
    assert [len(one.texts()) for one in asked] == [4, 1, 1, 1]
    assert len(Asked(engine, tales, size=10).text()) == 10


@pytest.mark.parametrize("size", [1, ENDLESS])
def test_retry_after_stays_within_its_bounds(
    engine: Engine, tales: SequenceGenerator, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(tales, monkeypatch)
    asked = [Asked(engine, tales, each=4, size=size)]
    assert gate.reached.wait(30)
    asked += [Asked(engine, tales, size=size) for _ in range(3)]
    with pytest.raises(QueueFullError) as caught:
        Asked(engine, tales, size=1)
    assert caught.value.retry_after == (1 if size == 1 else 120)
    for one in asked:
        one.generation.cancel()
    gate.open.set()


def test_without_a_queue_only_what_runs_at_once_is_taken(tales: SequenceGenerator) -> None:
    engine = Engine(max_rows=2, max_waiting=0)
    first = Asked(engine, tales, each=2, size=ENDLESS)
    wait_until(lambda: engine.running == 1, 30)
    with pytest.raises(QueueFullError):
        Asked(engine, tales)
    first.generation.cancel()
    first.wait()
    wait_until(lambda: engine.rows == 0, 30)
    assert len(Asked(engine, tales, size=3).text()) == 3


@pytest.mark.parametrize(("max_rows", "max_waiting", "taken"), [(4, 0, 3), (2, 1, 2)])
def test_what_finds_a_place_at_once_is_never_refused_and_takes_no_room_in_the_queue(
    tales: SequenceGenerator,
    monkeypatch: pytest.MonkeyPatch,
    max_rows: int,
    max_waiting: int,
    taken: int,
) -> None:
    """Though the engine is in the middle of a step, with one text, and has not looked yet."""
    engine = Engine(max_rows=max_rows, max_waiting=max_waiting)
    gate = Gate(tales, monkeypatch)
    asked = [Asked(engine, tales, size=5)]
    assert gate.reached.wait(30)
    asked += [Asked(engine, tales, size=5) for _ in range(taken)]
    with pytest.raises(QueueFullError):
        Asked(engine, tales, size=5)
    gate.open.set()
    assert [len(one.text()) for one in asked] == [5] * (1 + taken)


def test_who_has_been_told_of_the_end_may_ask_again_at_once(
    tales: SequenceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its place is free when it hears of it, not a moment later."""
    engine = Engine(max_rows=1, max_waiting=0)
    gate = Gate(tales, monkeypatch)
    following: list[Asked] = []

    class AskingAgain(Asked):
        def _listen(self) -> None:
            super()._listen()
            following.append(Asked(engine, tales, size=3))

    first = AskingAgain(engine, tales, size=5)
    gate.open.set()
    assert len(first.text()) == 5
    wait_until(lambda: following, 30, "the second request is taken")
    assert len(following[0].text()) == 3


def test_no_model_starves_another(
    engine: Engine, tales: SequenceGenerator, flow: SequenceGenerator
) -> None:
    """Three texts of one run for ever; one of another gets its turn, and the next one too."""
    hog = Asked(engine, tales, each=3, size=ENDLESS)
    wait_until(lambda: hog.generation.symbols_generated > 100, 30, "it is well under way")
    for size in (100, 100):
        before = hog.generation.symbols_generated
        assert len(Asked(engine, flow, size=size).text()) == size
        assert not hog.generation.done
        assert hog.generation.symbols_generated > before  # nor is the first one starved
    hog.generation.cancel()


def test_a_waiting_model_goes_before_the_crowd_of_another(
    tales: SequenceGenerator, flow: SequenceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(max_rows=4, max_waiting=9)
    gate = Gate(tales, monkeypatch)
    crowd = [Asked(engine, tales, size=5)]
    assert gate.reached.wait(30)
    crowd += [Asked(engine, tales, size=60) for _ in range(3)]
    crowd += [Asked(engine, tales, size=5) for _ in range(2)]  # for these there is no place
    late = Asked(engine, flow, size=5)
    gate.open.set()
    for one in (*crowd, late):
        one.wait()
    order = [one.generation.started_at or 0.0 for one in (late, crowd[4])]
    assert order == sorted(order)


# --- ends -----------------------------------------------------------------------------------------


def test_deadline_in_the_queue(engine: Engine, tales: SequenceGenerator) -> None:
    hog = Asked(engine, tales, each=4, size=ENDLESS)
    wait_until(lambda: engine.running == 1, 30)
    late = Asked(engine, tales, size=5, seconds=0.05)
    with pytest.raises(DeadlineError, match="ran out in the queue"):
        late.text()
    assert late.generation.symbols_generated == 0
    assert not hog.generation.done
    hog.generation.cancel()


def test_who_hears_in_the_queue_that_its_time_ran_out_may_ask_again_at_once(
    tales: SequenceGenerator,
) -> None:
    """The engine holds no lock while it tells a listener of the end."""
    engine = Engine(max_rows=1, max_waiting=3)
    hog = Asked(engine, tales, size=ENDLESS)
    wait_until(lambda: engine.running == 1, 30)
    following: list[Asked] = []

    class AskingAgain(Asked):
        def _listen(self) -> None:
            super()._listen()
            following.append(Asked(engine, tales, size=3))

    late = AskingAgain(engine, tales, size=5, seconds=0.05)
    with pytest.raises(DeadlineError):
        late.text()
    hog.generation.cancel()
    wait_until(lambda: following, 30, "the second request is taken")
    assert len(following[0].text()) == 3


def test_deadline_while_running_gives_what_there_is(
    engine: Engine, tales: SequenceGenerator
) -> None:
    asked = Asked(engine, tales, size=ENDLESS)
    wait_until(lambda: asked.generation.symbols_generated > 10, 30)
    asked.generation.deadline = 0.0
    text = asked.text()
    assert asked.generation.truncated_by == "time"
    assert asked.reasons == ["length"]
    assert text
    assert text == tales.generate(len(text), random_state=1)


def test_deadline_before_the_first_symbol(
    engine: Engine, flow: SequenceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(flow, monkeypatch)
    asked = Asked(engine, flow, "le sultan " * 10, size=5)
    assert gate.reached.wait(30)
    asked.generation.deadline = 0.0
    gate.open.set()
    with pytest.raises(DeadlineError, match="ran out reading the seed"):
        asked.text()


def test_what_was_held_back_for_a_stop_string_comes_at_the_deadline(
    engine: Engine, tales: SequenceGenerator
) -> None:
    plain = tales.generate(50, 0.5, random_state=1)
    asked = Asked(engine, tales, size=ENDLESS, stop=(plain + "\0",))
    wait_until(lambda: asked.generation.symbols_generated > 10, 30)
    asked.generation.deadline = 0.0
    text = asked.text()
    assert text[:50] == plain[: len(text)]
    assert len(text) == asked.generation.symbols_generated


def test_cancelling_frees_the_places(engine: Engine, tales: SequenceGenerator) -> None:
    hog = Asked(engine, tales, each=4, size=ENDLESS)
    waiting = Asked(engine, tales, size=20)
    wait_until(lambda: engine.rows == 4, 30)
    hog.generation.cancel()
    assert waiting.text() == Asked(engine, tales, size=20).text()
    assert hog.wait().reasons == ["cancelled"] * 4
    assert hog.generation.error is None
    wait_until(lambda: engine.rows == 0, 30)


def test_cancelling_what_waits_takes_it_out(
    engine: Engine, tales: SequenceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(tales, monkeypatch)
    running = Asked(engine, tales, each=4, size=5)
    assert gate.reached.wait(30)
    waiting = [Asked(engine, tales, size=5) for _ in range(3)]
    waiting[1].generation.cancel()
    gate.open.set()
    assert waiting[1].wait().reasons == ["cancelled"]
    assert waiting[1].generation.started_at is None
    assert [len(one.texts()) for one in (running, waiting[0], waiting[2])] == [4, 1, 1]


def test_cancelling_what_is_over_changes_nothing(engine: Engine, tales: SequenceGenerator) -> None:
    asked = Asked(engine, tales, size=5).wait()
    asked.generation.cancel()
    Asked(engine, tales, size=5).wait()
    assert asked.reasons == ["length"]
    assert len(asked.text()) == 5
    assert asked.told == 1


def test_stopping_finishes_what_runs_and_waits_and_takes_no_more(
    engine: Engine, tales: SequenceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(tales, monkeypatch)
    asked = [Asked(engine, tales, each=4, size=30) for _ in range(3)]
    assert gate.reached.wait(30)
    engine.stop()
    assert engine.stopping
    assert not engine.drained
    with pytest.raises(StoppingError) as caught:
        Asked(engine, tales)
    assert caught.value.status == 503
    gate.open.set()
    assert all(len(text) == 30 for one in asked for text in one.texts())
    wait_until(lambda: engine.drained, 30)


# --- faults ---------------------------------------------------------------------------------------


def test_crashed_step_fails_its_requests_and_the_next_one_works(
    engine: Engine, tales: SequenceGenerator, flow: SequenceGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    real = tales.network.run
    steps = iter(range(10**6))
    both = threading.Event()

    def run(binding: Any) -> None:
        assert both.wait(60)
        if next(steps) == 30:
            raise RuntimeError("a secret of the accelerator")
        real(binding)

    other = Asked(engine, flow, size=400)
    monkeypatch.setattr(tales.network, "run", run)
    asked = [Asked(engine, tales, each=2, size=100), Asked(engine, tales, size=100)]
    both.set()
    for one in asked:
        with pytest.raises(GenerationFailedError) as caught:
            one.texts()
        assert "secret" not in caught.value.message
        assert "secret" in str(caught.value.__cause__)
        assert one.told == 1
    assert other.text() == flow.generate(400, random_state=1)
    assert Asked(engine, tales, size=40).text() == tales.generate(40, random_state=1)


def test_a_model_whose_every_step_crashes_harms_no_other(
    engine: Engine, tales: SequenceGenerator, flow: SequenceGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def run(binding: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(tales.network, "run", run)
    for _ in range(20):
        with pytest.raises(GenerationFailedError):
            Asked(engine, tales).text()
    assert len(Asked(engine, flow, size=9).text()) == 9


def test_no_memory_for_the_rows_fails_that_request_alone(
    engine: Engine, tales: SequenceGenerator, flow: SequenceGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    other = Asked(engine, flow, size=300)

    def new_states(capacity: int) -> Any:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(tales.network, "new_states", new_states)
        with pytest.raises(GenerationFailedError):
            Asked(engine, tales).text()
    assert len(other.text()) == 300
    assert len(Asked(engine, tales, size=9).text()) == 9


def test_no_memory_for_more_rows_leaves_those_that_run(
    engine: Engine, tales: SequenceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Asked(engine, tales, size=3000)
    wait_until(lambda: running.generation.symbols_generated > 5, 30)

    def new_states(capacity: int) -> Any:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(tales.network, "new_states", new_states)
        with pytest.raises(GenerationFailedError):
            Asked(engine, tales, each=3).texts()
    assert running.text() == tales.generate(3000, random_state=1)


def test_a_text_that_cannot_be_drawn_fails_its_request_alone(
    engine: Engine, tales: SequenceGenerator
) -> None:
    beside = Asked(engine, tales, size=200)
    streams, seeds = new_streams(tales, [[]], GenerationOptions(random_state=1, size=50))

    def accept(*_: Any) -> None:
        raise ValueError("pvals < 0")

    streams[0].accept = accept  # type: ignore[method-assign]
    bad = engine.submit(tales, seeds, streams, seconds=60, streaming=False, listener=lambda: None)
    wait_until(lambda: bad.done, 30)
    assert isinstance(bad.error, GenerationFailedError)
    assert beside.text() == tales.generate(200, random_state=1)


def test_a_listener_that_raises_does_not_stop_the_engine(
    engine: Engine, tales: SequenceGenerator
) -> None:
    def listener() -> None:
        raise RuntimeError("the loop of this greenlet is gone")

    streams, seeds = new_streams(tales, [[]], GenerationOptions(random_state=1, size=5))
    deaf = engine.submit(tales, seeds, streams, seconds=60, streaming=True, listener=listener)
    wait_until(lambda: deaf.done, 30)
    assert len(Asked(engine, tales, size=9).text()) == 9
    assert engine.rows == 0


@pytest.mark.slow
def test_every_request_ends_exactly_once_whatever_happens(
    tales: SequenceGenerator, flow: SequenceGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ends by length, stop string, deadline, cancelling and crash, some at the same moment."""
    engine = Engine(max_rows=8, max_waiting=1000)
    real = tales.network.run
    steps = iter(range(10**9))

    def run(binding: Any) -> None:
        if next(steps) % 97 == 96:
            raise RuntimeError
        real(binding)

    monkeypatch.setattr(tales.network, "run", run)
    asked = []
    for number in range(120):
        one = Asked(
            engine,
            (tales, flow)[number % 2],
            size=(5, 40, 200)[number % 3],
            stop=("e",) if number % 5 == 0 else (),
            seconds=0.01 if number % 7 == 0 else 60.0,
            each=1 + number % 3,
        )
        if number % 11 == 0:
            one.generation.cancel()
        asked.append(one)
    for one in asked:
        one.wait()
    wait_until(lambda: engine.drained, 60)
    Asked(engine, flow, size=50).wait()  # time for a second end, if there were one
    assert engine.rows == 0
    assert [one.told for one in asked] == [1] * 120
    ends = {
        type(one.generation.error).__name__ if one.generation.error else one.reasons[0]
        for one in asked
    }
    assert ends >= {"length", "stop", "cancelled", "DeadlineError", "GenerationFailedError"}
    for one in asked:
        assert one.generation.error or all(one.reasons)


# --- threads --------------------------------------------------------------------------------------


def test_no_thread_starts_before_the_first_request(tales: SequenceGenerator) -> None:
    before = len(list(Path("/proc/self/task").iterdir()))
    engine = Engine()
    assert len(list(Path("/proc/self/task").iterdir())) == before
    Asked(engine, tales, size=3).wait()
    assert len(list(Path("/proc/self/task").iterdir())) == before + 1
    Asked(engine, tales, size=3).wait()
    assert len(list(Path("/proc/self/task").iterdir())) == before + 1


def test_many_threads_may_ask_at_once(tales: SequenceGenerator) -> None:
    engine = Engine(max_rows=8, max_waiting=100)
    found: dict[int, str] = {}

    def ask(state: int) -> None:
        found[state] = Asked(engine, tales, size=30, random_state=state).text()

    threads = [threading.Thread(target=ask, args=(state,)) for state in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == {state: tales.generate(30, random_state=state) for state in range(24)}


IDLE = """
from gevent import monkey
monkey.patch_all()
import gevent, sys
import simpleml.web.run as run
run.PING_SECONDS = 10_000.0  # nothing else may wake the hub
from simpleml import create_app
app = create_app(models_dir=sys.argv[1])
client = app.test_client()
for size in (20, 30):
    text = client.get(f"/tales/g/le/{size}").text
    assert len(text) == size + 2, text
    text = client.get(f"/flow/g/le/{size}?stream=1", headers={"Accept": "text/plain"}).text
    assert len(text) == size + 2, text
    engine = app.extensions["simpleml"].engine
    while not engine.drained:
        gevent.sleep(0)
print("awake")
"""


@pytest.mark.slow
def test_idle_hub_wakes_for_what_the_native_thread_made(models_dir: Path) -> None:
    """The only greenlet waits and nothing ticks: a lost wake-up would be a wait for ever."""
    said = subprocess.run(
        [sys.executable, "-c", IDLE, str(models_dir)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert said.stdout == "awake\n", said.stderr
