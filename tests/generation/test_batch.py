"""The step against plain NumPy, and texts in one batch that cannot tell who is beside them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from models import plain_probabilities, random_weights

from simpleml.generation.batch import Batch, Slot
from simpleml.generation.network import Precision, StepNetwork
from simpleml.models.weights import NetworkWeights

V = 23
SHAPES = [(1, 16), (2, 32), (3, 33), (2, 50), (4, 7), (3, [40, 24, 16])]


def shown(shape: object) -> str:
    return str(shape).replace(" ", "")


@pytest.fixture(scope="module", params=SHAPES, ids=shown)
def weights(request: pytest.FixtureRequest) -> NetworkWeights:
    layers, units = request.param
    return random_weights(V, layers, units, seed=5)


def distributions(batch: Batch, seed: Sequence[int], forced: Sequence[int]) -> list[np.ndarray]:
    """The distribution after the seed and after each of `forced`, alone in a batch."""
    slot = batch.join(seed)
    found = []
    while slot.reading:
        last = batch.step([0])[0].copy()
    found.append(last)
    for symbol in forced:
        found.append(batch.step([symbol])[0].copy())
    batch.leave(slot)
    return found


SEEDS = {
    "empty": [],
    "one": [4],
    "shorter": [1, 5, 2],
    "as long": [3, 1, 4, 1, 5, 9],
    "longer": [2, 7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5, 9],
}
FORCED = [5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4]
WINDOW = 6


@pytest.mark.parametrize("seed", SEEDS.values(), ids=SEEDS.keys())
def test_staggered_windows_are_each_window_computed_anew(
    weights: NetworkWeights, seed: list[int]
) -> None:
    """Zero vectors stand on the left of what is shorter than the window."""
    found = distributions(Batch(StepNetwork(weights, threads=1), WINDOW), seed, FORCED)
    text = [None] * WINDOW + seed
    for step, probabilities in enumerate(found):
        window = (text + FORCED[:step])[-WINDOW:]
        expected = plain_probabilities(weights, window)
        np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-5)
        assert probabilities.sum() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("seed", SEEDS.values(), ids=SEEDS.keys())
def test_stateful_steps_are_the_whole_text_computed_anew(
    weights: NetworkWeights, seed: list[int]
) -> None:
    """An empty seed reads one zero vector."""
    found = distributions(Batch(StepNetwork(weights, threads=1), None), seed, FORCED)
    text: list[int | None] = list(seed) or [None]
    for step, probabilities in enumerate(found):
        expected = plain_probabilities(weights, text + FORCED[:step])
        np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-5)


def test_a_window_of_one_sees_one_symbol(weights: NetworkWeights) -> None:
    found = distributions(Batch(StepNetwork(weights, threads=1), 1), [7, 8], FORCED)
    for symbol, probabilities in zip([8, *FORCED], found, strict=True):
        expected = plain_probabilities(weights, [symbol])
        np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("window", [None, WINDOW], ids=["stateful", "window"])
def test_int8_is_close_to_float32(weights: NetworkWeights, window: int | None) -> None:
    exact = distributions(Batch(StepNetwork(weights, threads=1), window), SEEDS["longer"], FORCED)
    close = distributions(
        Batch(StepNetwork(weights, "int8", threads=1), window), SEEDS["longer"], FORCED
    )
    assert not np.array_equal(exact, close)
    # random weights as large as these make the most of every error
    assert np.abs(np.array(exact) - np.array(close)).mean() < 0.02
    assert np.abs(np.array(exact)[0] - np.array(close)[0]).max() < 0.1


class Story:
    """A text whose distributions are recorded while others come and go."""

    def __init__(self, batch: Batch, rng: np.random.Generator) -> None:
        self.seed = list(rng.integers(0, V, int(rng.integers(0, 15))))
        self.forced = list(rng.integers(0, V, 40))
        self.slot: Slot = batch.join(self.seed)
        self.found: list[np.ndarray] = []


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize("window", [None, WINDOW], ids=["stateful", "window"])
def test_a_text_is_bit_for_bit_the_same_whoever_joins_and_leaves(
    weights: NetworkWeights, precision: Precision, window: int | None, threads: int
) -> None:
    network = StepNetwork(weights, precision, threads)
    batch = Batch(network, window)
    rng = np.random.default_rng(3)
    running: list[Story] = []
    over: list[Story] = []
    for turn in range(70):
        for _ in range(int(rng.integers(0, 4)) if turn < 40 else 0):
            running.append(Story(batch, rng))
        if running and rng.random() < 0.3:  # someone leaves, wherever it stands
            gone = running.pop(int(rng.integers(len(running))))
            batch.leave(gone.slot)
            over.append(gone)
        if not running:
            continue
        symbols = [0] * len(batch)
        for story in running:
            if story.found:
                symbols[story.slot.index] = story.forced[len(story.found) - 1]
        probabilities = batch.step(symbols)
        assert probabilities.shape == (len(running), V)
        for story in running:
            if story.slot.ready:
                story.found.append(probabilities[story.slot.index].copy())
        for story in list(running):
            if len(story.found) == len(story.forced):
                running.remove(story)
                batch.leave(story.slot)
                over.append(story)
    over += running
    assert len(over) > 30
    alone = Batch(network, window)
    compared = 0
    for story in over:
        if story.found:
            expected = distributions(alone, story.seed, story.forced[: len(story.found) - 1])
            np.testing.assert_array_equal(story.found, expected)
            compared += len(expected)
    assert compared > 300


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_many_windows_go_through_several_native_calls_unchanged(precision: Precision) -> None:
    """More rows than one call takes: 60 texts of 25 rows."""
    weights = random_weights(V, 2, 33, seed=8)
    network = StepNetwork(weights, precision, 1)
    batch, alone = Batch(network, 25), Batch(network, 25)
    rng = np.random.default_rng(0)
    seeds = [list(rng.integers(0, V, 30)) for _ in range(60)]
    slots = [batch.join(seed) for seed in seeds]
    while slots[0].reading:
        probabilities = batch.step([0] * 60)
    for slot, seed in zip(slots, seeds, strict=True):
        np.testing.assert_array_equal(probabilities[slot.index], distributions(alone, seed, [])[0])


def test_when_many_join_at_once_nobody_waits_for_all_of_their_windows() -> None:
    """40 texts of 25 windows read their seeds in groups; one that joins later is not behind them
    with its first distribution, and all are as alone."""
    network = StepNetwork(random_weights(V, 2, 33, seed=8), threads=1)
    batch, alone = Batch(network, 25), Batch(network, 25)
    rng = np.random.default_rng(1)
    running = [Story(batch, rng) for _ in range(40)]
    late: Story | None = None
    went_on = []
    for turn in range(12):
        if turn == 2:
            late = Story(batch, rng)
            running.append(late)
        symbols = [0] * len(batch)
        for story in running:
            if story.found:
                symbols[story.slot.index] = story.forced[len(story.found) - 1]
        probabilities = batch.step(symbols)
        ready = [story for story in running if story.slot.ready]
        went_on.append(len(ready))
        for story in ready:
            story.found.append(probabilities[story.slot.index].copy())
        if turn == 2:
            assert late is not None and len(late.found) == 1
    assert went_on[0] == 40  # the first distributions of all come together
    assert 0 < went_on[1] < went_on[2] < 41  # their windows follow, a group a step
    assert went_on[-1] == 41
    for story in running:
        expected = distributions(alone, story.seed, story.forced[: len(story.found) - 1])
        np.testing.assert_array_equal(story.found, expected)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_sixty_four_texts_of_a_large_layer_are_each_as_alone(precision: Precision) -> None:
    """512 units, where the products take other paths for one row and for many."""
    network = StepNetwork(random_weights(81, 1, 512, seed=8), precision, 2)
    batch, alone = Batch(network, None), Batch(network, None)
    rng = np.random.default_rng(0)
    texts = [list(rng.integers(0, 81, 6)) for _ in range(64)]
    for count in (64, 63, 33, 17, 5, 2):
        slots = [batch.join(text) for text in texts[:count]]
        while slots[0].reading:
            probabilities = batch.step([0] * count)
        for slot, text in zip(slots[:: count // 2], texts[:: count // 2], strict=False):
            np.testing.assert_array_equal(
                probabilities[slot.index], distributions(alone, text, [])[0]
            )
        for slot in slots:
            batch.leave(slot)


def test_leaving_rows_are_not_seen_by_those_who_take_their_place() -> None:
    weights = random_weights(V, 2, 32)
    batch = Batch(StepNetwork(weights, threads=1), None)
    first = distributions(batch, [1, 2, 3], [4, 5])
    assert len(batch) == 0
    np.testing.assert_array_equal(distributions(batch, [1, 2, 3], [4, 5]), first)
