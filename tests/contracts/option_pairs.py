"""Extreme values of everything that a training can be told, and rows of them that hold all pairs.

The options and their values follow from the declarations (`key()`): an option that is new is tried
without a word here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kws.config import INT32_MAX, Key, _plain_kind, keys_of

Factors = dict[str, list[str]]  # the values to try, as texts, by option
# where more is only more work: each would be a process, or much longer audio
FEW = {
    "num-jobs-nnet": ["1", "2"],
    "num-threads": ["1"],
    "num-hidden-layers": ["0", "1", "3"],
    "utterances-per-epoch": ["0", "1", "5"],
    "min-length-s": ["0", "1e-09", "2"],
    "crop-s": ["0.1", "1", "3"],
    "sample-frequency": ["4000", "16000", "22050"],
    "frame-shift": ["2", "10", "1000"],
}
LARGE = 1e38  # among float32
TUPLES = ((0,), (1, 1), (1, 2, 3), (50,), (200, 50), (INT32_MAX,))


def factors_of(*classes: type) -> Factors:
    """The extreme values that option classes allow, by option."""
    return {name: _values(key) for cls in classes for name, key in keys_of(cls).items()}


def refused_alone(key: Key) -> list[str]:
    """Texts that the option must not take: nothing, no number, and what lies beyond its limits."""
    kind = _plain_kind(key.kind)
    if kind is bool or kind is str:
        return ["", "x"]
    beyond = ["-1e39", "1e39"] if kind is float else [str(-(10**12)), str(10**12)]
    return ["", "x", "1:", "nan", "inf", *beyond]


def _values(key: Key) -> list[str]:
    if key.name in FEW:
        return FEW[key.name]

    def holds(value: Any) -> bool:
        return key.check is None or key.check.holds(value)

    kind = _plain_kind(key.kind)
    values: Sequence[Any]
    if kind is bool:
        values = (True, False)
    elif kind is str:
        assert key.check is not None
        values = key.check.rule.removeprefix("must be one of ").split(", ")
    elif kind is int:
        ends = [_furthest(holds, key.default, end, int) for end in (-INT32_MAX, INT32_MAX)]
        values = [key.default, ends[0], *filter(holds, (2,)), ends[1]]
    elif kind is float:
        ends = [_furthest(holds, key.default, end, _short) for end in (-LARGE, LARGE)]
        values = [key.default, ends[0], *filter(holds, (1.0,)), ends[1]]
    else:
        values = [value for value in TUPLES if holds(value)]
    return list(dict.fromkeys(key.format(value) for value in values))


def _furthest(
    holds: Callable[[Any], bool], valid: Any, end: Any, rounded: Callable[[float], Any]
) -> Any:
    """The last value on the way from `valid` to `end` that holds."""
    if holds(end):
        return end
    beyond = end
    while (middle := rounded((valid + beyond) / 2)) not in (valid, beyond):
        valid, beyond = (middle, beyond) if holds(middle) else (valid, middle)
    return valid


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def covering_rows(factors: Factors, seed: int = 0) -> list[dict[str, str]]:
    """Rows of one value each, in which every two values of different factors meet.

    Greedy: factor after factor, in random order, takes the value with the most new pairs.
    """
    random = np.random.default_rng(seed)
    names = list(factors)
    firsts = np.cumsum([0, *(len(values) for values in factors.values())])
    is_new = np.ones((firsts[-1], firsts[-1]), bool)
    for first, end in itertools.pairwise(firsts):
        is_new[first:end, first:end] = False
    rows = []
    while is_new.any():
        chosen = [int(random.choice(np.flatnonzero(is_new.any(axis=1))))]
        begun = int(np.searchsorted(firsts, chosen[0], side="right")) - 1
        for factor in random.permutation([i for i in range(len(names)) if i != begun]):
            options = np.arange(firsts[factor], firsts[factor + 1])
            gains = is_new[np.ix_(options, chosen)].sum(axis=1) + 0.5 * random.random(len(options))
            chosen.append(int(options[gains.argmax()]))
        is_new[np.ix_(chosen, chosen)] = False
        row = {}
        for value in chosen:
            factor = int(np.searchsorted(firsts, value, side="right")) - 1
            row[names[factor]] = factors[names[factor]][value - firsts[factor]]
        rows.append(row)
    return rows


def lines_of(row: Mapping[str, str], *classes: type) -> str:
    """The option lines of those of a row's values that option classes declare."""
    known = {name for cls in classes for name in keys_of(cls)}
    return "".join(f"--{name}={value}\n" for name, value in row.items() if name in known)
