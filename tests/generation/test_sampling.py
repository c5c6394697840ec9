"""From probabilities to a symbol: pure functions."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simpleml.generation.sampling import (
    SamplingOptions,
    log_probabilities,
    penalised,
    truncated,
    with_temperature,
)

P = np.array([0.5, 0.25, 0.125, 0.0625, 0.0625])
LOG_P = np.log(P)


@pytest.fixture(autouse=True)
def no_warnings() -> object:
    """An overflow or a division by zero that NumPy warns of is a failure here."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


def distribution(size: int = 12) -> st.SearchStrategy[np.ndarray]:
    weights = st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=size)
    return weights.map(lambda values: np.array(values) / np.sum(values))


# --- temperature ----------------------------------------------------------------------------------


def test_temperature_is_tflearns_formula() -> None:
    for temperature in (0.2, 0.5, 1.0, 3.0):
        a = np.exp(np.log(P) / temperature)
        np.testing.assert_allclose(with_temperature(LOG_P, temperature), a / a.sum(), rtol=1e-12)


def test_temperature_one_is_the_networks_own_distribution() -> None:
    np.testing.assert_allclose(with_temperature(LOG_P, 1.0), P, rtol=1e-12)


@given(distribution(), st.floats(0, 1e6, exclude_min=True))
def test_every_temperature_gives_a_distribution(p: np.ndarray, temperature: float) -> None:
    found = with_temperature(np.log(p), temperature)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    assert found.sum() == pytest.approx(1.0)
    np.random.RandomState(0).multinomial(1, found)  # NumPy takes it as one


@pytest.mark.parametrize("temperature", [1e-12, 1e-300, 5e-324])
def test_tiny_temperatures_take_the_likeliest_without_overflow(temperature: float) -> None:
    np.testing.assert_array_equal(with_temperature(LOG_P, temperature), [1, 0, 0, 0, 0])


def test_a_huge_temperature_makes_all_alike() -> None:
    np.testing.assert_allclose(with_temperature(LOG_P, 1e6), [0.2] * 5, atol=1e-6)


def test_a_probability_of_zero_stays_zero() -> None:
    log_p = log_probabilities(np.array([0.5, 0.5, 0.0, 1e-40], np.float32))
    assert log_p[2] == log_p[3] == -np.inf
    for temperature in (1e-12, 0.5, 1.0, 1e6):
        np.testing.assert_array_equal(with_temperature(log_p, temperature)[2:], [0, 0])


def test_rows_together_are_rows_alone() -> None:
    rng = np.random.default_rng(0)
    log_p = log_probabilities(rng.dirichlet(np.ones(81), 64).astype(np.float32))
    temperatures = rng.uniform(0.1, 2, 64)
    together = with_temperature(log_p, temperatures[:, None])
    for row in range(64):
        np.testing.assert_array_equal(
            together[row], with_temperature(log_p[row], temperatures[row])
        )


def test_the_input_is_not_changed() -> None:
    log_p = LOG_P.copy()
    with_temperature(log_p, 0.3)
    penalised(log_p, SamplingOptions(presence_penalty=1, logit_bias=((0, 5.0),)), [1], {1: 2})
    p = P.copy()
    truncated(p, SamplingOptions(top_k=1, top_p=0.5, min_p=0.5))
    np.testing.assert_array_equal(log_p, LOG_P)
    np.testing.assert_array_equal(p, P)


# --- truncation -----------------------------------------------------------------------------------


def kept(**options: float) -> list[int]:
    found = truncated(P, SamplingOptions(**options))  # type: ignore[arg-type]
    assert found.sum() == pytest.approx(1.0)
    chosen = np.flatnonzero(found)
    np.testing.assert_allclose(found[chosen], P[chosen] / P[chosen].sum())
    return [int(one) for one in chosen]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"top_k": 1}, [0]),
        ({"top_k": 3}, [0, 1, 2]),
        ({"top_k": 4}, [0, 1, 2, 3]),  # among equals the lower index
        ({"top_k": 5}, [0, 1, 2, 3, 4]),
        ({"top_k": 500}, [0, 1, 2, 3, 4]),
        ({"top_k": 0}, [0, 1, 2, 3, 4]),
        ({"top_p": 1e-9}, [0]),
        ({"top_p": 0.5}, [0]),
        ({"top_p": 0.51}, [0, 1]),
        ({"top_p": 0.75}, [0, 1]),
        ({"top_p": 0.9}, [0, 1, 2, 3]),
        ({"top_p": 1.0}, [0, 1, 2, 3, 4]),
        ({"min_p": 0.0}, [0, 1, 2, 3, 4]),
        ({"min_p": 0.2}, [0, 1, 2]),
        ({"min_p": 0.25}, [0, 1, 2]),
        ({"min_p": 0.5}, [0, 1]),
        ({"min_p": 1.0}, [0]),
        ({"top_k": 3, "top_p": 0.5}, [0]),
        ({"top_k": 2, "top_p": 0.99}, [0, 1]),
        ({"top_k": 4, "min_p": 0.2}, [0, 1, 2]),
        # top_p counts what the others left: 0.5 / 0.75 reaches 0.6 alone
        ({"min_p": 0.5, "top_p": 0.6}, [0]),
    ],
)
def test_truncation_keeps_the_likeliest(options: dict[str, float], expected: list[int]) -> None:
    assert kept(**options) == expected


@settings(max_examples=200)
@given(distribution(), st.integers(0, 15), st.floats(0, 1, exclude_min=True), st.floats(0, 1))
def test_truncation_always_leaves_a_distribution_with_the_likeliest(
    p: np.ndarray, top_k: int, top_p: float, min_p: float
) -> None:
    found = truncated(p, SamplingOptions(top_k=top_k, top_p=top_p, min_p=min_p))
    assert found[int(p.argmax())] > 0
    assert found.sum() == pytest.approx(1.0)
    left, gone = p[found > 0], p[found == 0]
    if len(gone):
        assert left.min() >= gone.max()
    if top_k:
        assert len(left) <= top_k
    assert (left >= min_p * p.max() * (1 - 1e-12)).all()


# --- bias and penalties ---------------------------------------------------------------------------


def test_bias_is_added_to_log_p() -> None:
    found = penalised(LOG_P, SamplingOptions(logit_bias=((1, 2.0), (4, -100.0))), [], {})
    np.testing.assert_allclose(found - LOG_P, [0, 2, 0, 0, -100])


def test_bias_of_minus_100_bans_and_of_100_forces() -> None:
    banned = penalised(LOG_P, SamplingOptions(logit_bias=((0, -100.0),)), [], {})
    assert with_temperature(banned, 1.0)[0] < 1e-40
    forced = penalised(LOG_P, SamplingOptions(logit_bias=((4, 100.0),)), [], {})
    assert with_temperature(forced, 1.0)[4] == pytest.approx(1.0)


def test_repetition_penalty_looks_at_the_last_symbols_once_each() -> None:
    found = penalised(LOG_P, SamplingOptions(repetition_penalty=1.5), [1, 1, 3], {})
    np.testing.assert_allclose(found / LOG_P, [1, 1.5, 1, 1.5, 1])


def test_repetition_penalty_under_one_seeks_repetition() -> None:
    found = penalised(LOG_P, SamplingOptions(repetition_penalty=0.5), [1], {})
    assert found[1] > LOG_P[1]


def test_presence_counts_once_and_frequency_every_time() -> None:
    options = SamplingOptions(presence_penalty=0.5, frequency_penalty=0.25)
    found = penalised(LOG_P, options, [], {0: 1, 2: 4})
    np.testing.assert_allclose(LOG_P - found, [0.75, 0, 1.5, 0, 0])


def test_negative_penalties_favour() -> None:
    found = penalised(LOG_P, SamplingOptions(presence_penalty=-1.0), [], {3: 1})
    assert found[3] == pytest.approx(LOG_P[3] + 1)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("top_k", 3), ("top_p", 0.9), ("min_p", 0.1), ("repetition_penalty", 1.1),
        ("presence_penalty", 0.1), ("frequency_penalty", 0.1), ("logit_bias", ((0, 1.0),)),
    ],
)  # fmt: skip
def test_only_a_temperature_is_plain(option: str, value: object) -> None:
    assert SamplingOptions(temperature=3.0).plain
    assert not SamplingOptions(**{option: value}).plain  # type: ignore[arg-type]
