"""Exact confidence bounds of a miss rate (binomial) and of a false-alarm rate (Poisson)."""

from __future__ import annotations

from dataclasses import dataclass

from scipy import special

LEVEL = 0.95  # of every interval and bound in this package


@dataclass(frozen=True)
class Estimate:
    """A rate with its two-sided bounds."""

    value: float
    lower: float
    upper: float


def binomial_estimate(count: int, trials: int, level: float = LEVEL) -> Estimate:
    """A proportion with its exact bounds (Clopper & Pearson 1934).

    The bounds are the proportions under which `count` or more, and `count` or fewer, have
    probability `(1 - level) / 2`: quantiles of Beta(count, trials - count + 1) and
    Beta(count + 1, trials - count).

    Args:
        count: how often it happened.
        trials: how often it could have.

    Raises:
        ValueError: no trials, or a count that they do not allow.
    """
    if trials < 1 or not 0 <= count <= trials:
        raise ValueError(f"a proportion of {count} in {trials} is undefined")
    tail = (1 - level) / 2
    lower = special.betaincinv(count, trials - count + 1, tail) if count > 0 else 0.0
    upper = special.betaincinv(count + 1, trials - count, 1 - tail) if count < trials else 1.0
    return Estimate(count / trials, float(lower), float(upper))


def poisson_estimate(count: int, exposure: float, level: float = LEVEL) -> Estimate:
    """A rate with its exact bounds (Garwood 1936).

    The bounds are the rates under which `count` or more, and `count` or fewer, have probability
    `(1 - level) / 2`: quantiles of Gamma(count) and Gamma(count + 1), over the exposure.

    Args:
        count: how often it happened.
        exposure: in how many hours (or any unit).

    Raises:
        ValueError: no exposure, or a negative count.
    """
    _check_rate(count, exposure)
    tail = (1 - level) / 2
    lower = special.gammaincinv(count, tail) if count > 0 else 0.0
    upper = special.gammainccinv(count + 1, tail)
    return Estimate(count / exposure, float(lower) / exposure, float(upper) / exposure)


def poisson_upper(count: int, exposure: float, level: float = LEVEL) -> float:
    """The one-sided upper bound of a rate: under it `count` or fewer have probability 1 - level.

    With a count of 0 it is the rule of three, `-ln 0.05 / exposure = 3 / exposure`.

    Args:
        count: how often it happened.
        exposure: in how many hours (or any unit).

    Raises:
        ValueError: no exposure, or a negative count.
    """
    _check_rate(count, exposure)
    return float(special.gammainccinv(count + 1, 1 - level)) / exposure


def _check_rate(count: int, exposure: float) -> None:
    if exposure <= 0 or count < 0:
        raise ValueError(f"a rate of {count} in {exposure} is undefined")
