"""Draws of many texts at once are those of numpy's RandomState, number for number."""

from __future__ import annotations

import numpy as np
import pytest

from simpleml.generation import draws as module
from simpleml.generation.draws import Draws, Float64Array, draw_all


def distributions(random: np.random.Generator, rows: int, size: int) -> Float64Array:
    """Flat ones, peaked ones, and ones with zeros, as temperatures make them."""
    found = random.dirichlet(np.full(size, random.choice([0.01, 0.1, 1.0])), size=rows)
    if random.random() < 0.5:
        found[found < 1e-3] = 0.0
    found /= found.sum(axis=1, keepdims=True)
    return found


@pytest.mark.parametrize("near", [module.NEAR, 2.0], ids=["compared", "each as numpy does it"])
def test_draws_together_are_numpys(near: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NEAR", near)
    random = np.random.default_rng(1)
    for trial in range(60):
        rows, size = int(random.integers(1, 40)), int(random.integers(2, 120))
        ours = [Draws(100 * trial + row) for row in range(rows)]
        theirs = [np.random.RandomState(100 * trial + row) for row in range(rows)]
        for _ in range(40):
            chances = distributions(random, rows, size)
            expected = [
                int(one.multinomial(1, row).argmax())
                for one, row in zip(theirs, chances, strict=True)
            ]
            assert draw_all(chances, ours) == expected
        assert [float(one.ahead(1)[0]) for one in ours] == [one.random_sample() for one in theirs]


def test_a_text_alone_goes_on_where_it_was_among_others() -> None:
    random = np.random.default_rng(2)
    ours, theirs = Draws(7), np.random.RandomState(7)
    for turn in range(600):
        chances = distributions(random, 1, 81)
        found = (
            draw_all(chances, [ours])[0]
            if turn // 50 % 2
            else int(ours.multinomial(1, chances[0]).argmax())
        )
        assert found == int(theirs.multinomial(1, chances[0]).argmax())


@pytest.mark.parametrize(
    "chances",
    [
        [1.0, 0.0, 0.0],
        [0.0, 0.0, 1.0],
        [0.0, 1.0, 0.0],
        [1e-300, 0.0, 1.0 - 1e-16, 0.0],
        [0.5, 0.5],
    ],
)
def test_what_is_certain_takes_as_many_numbers_as_numpys(chances: list[float]) -> None:
    ours, theirs = Draws(3), np.random.RandomState(3)
    row = np.array(chances)
    for _ in range(20):
        assert draw_all(row[None], [ours]) == [int(theirs.multinomial(1, row).argmax())]
    assert ours.ahead(1)[0] == theirs.random_sample()


@pytest.mark.parametrize("looked_ahead", [False, True])
def test_what_is_no_number_is_refused(looked_ahead: bool) -> None:
    ours = Draws(3)
    if looked_ahead:
        ours.ahead(1)
    with pytest.raises(ValueError):
        ours.multinomial(1, np.array([np.nan, 1.0]))
    with pytest.raises(ValueError):
        ours.multinomial(2, np.array([0.5, 0.5]))
