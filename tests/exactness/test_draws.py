"""The judge of differing draws: it excuses rounding and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from draws import distance_to_boundary, judge, tflearn_distribution

INDEX = {"a": 0, "b": 1, "c": 2, "d": 3}


def drawn(distribution: np.ndarray, seed: int) -> int:
    return int(np.random.RandomState(seed).multinomial(1, distribution).argmax())


@pytest.mark.parametrize("seed", range(40))
def test_boundary_is_where_numpy_really_changes_its_choice(seed: int) -> None:
    """Moving p over the computed boundary changes the draw; stopping short of it does not."""
    distribution = np.random.RandomState(seed).dirichlet(np.ones(4))
    chosen = drawn(distribution, seed)
    other = chosen + 1 if chosen < 3 else 2
    low = min(chosen, other)
    distance = distance_to_boundary(distribution, np.random.RandomState(seed), chosen, other)
    left = 1.0 - distribution[:low].sum()

    def moved(by: float) -> int:
        # give symbol `low` more or less, at the cost of those after it
        changed = distribution.copy()
        towards = -1.0 if chosen == low else 1.0
        changed[low] += towards * by * left
        changed[low + 1 :] *= (left - changed[low]) / distribution[low + 1 :].sum()
        return drawn(changed, seed)

    assert moved(distance * 0.99) == chosen
    assert moved(distance * 1.01) != chosen


def test_same_texts_need_no_judgement() -> None:
    assert judge("abca", "abca", INDEX, 1, np.empty((0, 4), np.float32), 1.0, 0) is None


def test_a_wrong_draw_is_a_defect() -> None:
    p = np.array([[0.25, 0.25, 0.25, 0.25]] * 3, np.float32)
    seed = next(s for s in range(99) if 0.1 < np.random.RandomState(s).random_sample() < 0.6)
    text = "a" + "".join("abcd"[k] for k in _draws(p, seed))
    wrong = text[:1] + ("a" if text[1] != "a" else "b") + text[2:]
    reason = judge(text, wrong, INDEX, 1, p, 1.0, seed)
    assert reason is not None
    assert "from the boundary" in reason


def test_a_draw_on_the_boundary_is_rounding() -> None:
    """Symbol a's probability is put where the uniform number fell, within 1e-6."""
    seed = 4
    uniform = np.random.RandomState(seed).random_sample()  # over 0.5: a is drawn above 1 - p
    assert uniform > 0.5
    share = np.float32(1.0 - uniform - 1e-7)
    p = np.array([[share, 1 - share, 0, 0]], np.float32)
    p[p == 0] = 1e-30
    chosen = "abcd"[_draws(p, seed)[0]]
    other = "b" if chosen == "a" else "a"
    assert judge("a" + chosen, "a" + other, INDEX, 1, p, 1.0, seed) is None


def test_differing_seeds_are_a_defect() -> None:
    assert judge("ab", "bb", INDEX, 1, np.full((1, 4), 0.25, np.float32), 1.0, 0) is not None


def _draws(p: np.ndarray, seed: int) -> list[int]:
    state = np.random.RandomState(seed)
    return [int(state.multinomial(1, tflearn_distribution(row, 1.0)).argmax()) for row in p]
