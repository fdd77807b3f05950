"""Exact bounds, against published values and against what they are defined by."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from kws.evaluation.bounds import binomial_estimate, poisson_estimate, poisson_upper


@pytest.mark.parametrize(
    ("count", "trials", "lower", "upper"),
    [
        # Clopper & Pearson's bounds as printed in tables
        (0, 10, 0.0, 0.3085),
        (1, 10, 0.0025, 0.4450),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
    ],
)
def test_binomial_bounds_as_in_tables(count: int, trials: int, lower: float, upper: float) -> None:
    estimate = binomial_estimate(count, trials)
    assert estimate.value == count / trials
    assert estimate.lower == pytest.approx(lower, abs=5e-5)  # four printed digits
    assert estimate.upper == pytest.approx(upper, abs=5e-5)


@pytest.mark.parametrize(
    ("count", "lower", "upper"),
    # Garwood's bounds as printed in tables
    [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (5, 1.6235, 11.6683), (10, 4.7954, 18.3904)],
)
def test_poisson_bounds_as_in_tables(count: int, lower: float, upper: float) -> None:
    estimate = poisson_estimate(count, 2.0)
    assert estimate.value == count / 2
    assert estimate.lower == pytest.approx(lower / 2, abs=5e-5)
    assert estimate.upper == pytest.approx(upper / 2, abs=5e-5)


@pytest.mark.parametrize(("count", "trials"), [(1, 150), (3, 40), (39, 40), (700, 1000)])
def test_binomial_bounds_are_where_the_tails_have_2_5_percent(count: int, trials: int) -> None:
    estimate = binomial_estimate(count, trials)
    at_least = stats.binom.sf(count - 1, trials, estimate.lower)
    at_most = stats.binom.cdf(count, trials, estimate.upper)
    assert at_least == pytest.approx(0.025, rel=1e-6)
    assert at_most == pytest.approx(0.025, rel=1e-6)


@pytest.mark.parametrize("count", [1, 4, 60, 2000])
def test_poisson_bounds_are_where_the_tails_have_2_5_percent(count: int) -> None:
    estimate = poisson_estimate(count, 3.5)
    assert stats.poisson.sf(count - 1, estimate.lower * 3.5) == pytest.approx(0.025, rel=1e-6)
    assert stats.poisson.cdf(count, estimate.upper * 3.5) == pytest.approx(0.025, rel=1e-6)
    assert stats.poisson.cdf(count, poisson_upper(count, 3.5) * 3.5) == pytest.approx(
        0.05, rel=1e-6
    )


def test_no_alarm_in_t_hours_bounds_the_rate_at_3_over_t() -> None:
    assert poisson_upper(0, 4.0) == pytest.approx(-math.log(0.05) / 4, rel=1e-12)
    assert poisson_upper(0, 1.0) == pytest.approx(3.0, abs=0.005)


def test_the_undefined_is_not_a_number() -> None:
    with pytest.raises(ValueError, match="0 in 0 is undefined"):
        binomial_estimate(0, 0)
    with pytest.raises(ValueError, match="4 in 3 is undefined"):
        binomial_estimate(4, 3)
    with pytest.raises(ValueError, match=r"2 in 0\.0 is undefined"):
        poisson_estimate(2, 0.0)
    with pytest.raises(ValueError, match="is undefined"):
        poisson_upper(0, 0.0)
