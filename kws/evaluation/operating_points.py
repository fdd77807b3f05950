"""Operating points: the threshold that meets a target on dev, and what thresholds give on a set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kws.errors import InputError
from kws.evaluation.bounds import Estimate, binomial_estimate, poisson_estimate, poisson_upper
from kws.evaluation.counting import Counts
from kws.evaluation.sweep import Curve

CURVE_FALSE_ALARMS = (0, 1, 5)  # where points are read off the curve of a set


@dataclass(frozen=True)
class Latencies:
    """From the end of a word to the moment its event is known, over the hits with times."""

    median_s: float
    percentile95_s: float


@dataclass(frozen=True)
class OperatingPoint:
    """One row of operating_points.csv."""

    keyword: str
    set_name: str
    condition: str
    source: str
    """where the threshold is from: dev-solved, stored, given, or curve-at-N"""
    threshold: float | None
    """None: every keyword has its own"""
    counts: Counts
    latencies: Latencies | None = None
    note: str = ""

    @property
    def is_reading(self) -> bool:
        """Whether it is read off the set's own curve, and not where the model operates."""
        return self.source.startswith("curve")

    @property
    def miss_rate(self) -> Estimate | None:
        """With exact binomial 95 % bounds; None without positives."""
        counts = self.counts
        return binomial_estimate(counts.misses, counts.positives) if counts.positives else None

    @property
    def fa_per_hour(self) -> Estimate | None:
        """With exact Poisson 95 % bounds; None without hours."""
        counts = self.counts
        return poisson_estimate(counts.false_alarms, counts.hours) if counts.hours > 0 else None

    @property
    def notes(self) -> str:
        """What there is to say, undefined rates included."""
        parts = [self.note] if self.note else []
        if self.miss_rate is None:
            parts.append("miss rate undefined: no positives")
        if self.fa_per_hour is None:
            parts.append("false alarms per hour undefined: no audio without the keyword")
        return "; ".join(parts)


@dataclass(frozen=True)
class Solution:
    """A keyword's threshold, solved on dev."""

    keyword: str
    threshold: float
    target_fa_per_hour: float
    counts: Counts
    note: str = ""

    @property
    def fa_per_hour_upper(self) -> float:
        """The one-sided 95 % bound of the dev rate: 3 / hours where there was no alarm."""
        return poisson_upper(self.counts.false_alarms, self.counts.hours)

    def to_metadata(self, solved_on: Sequence[str], condition: str) -> dict[str, Any]:
        """The entry under "thresholds" in a model's metadata."""
        counts = self.counts
        return {
            "threshold": self.threshold,
            "target_fa_per_hour": self.target_fa_per_hour,
            "fa_per_hour": counts.false_alarms / counts.hours,
            "fa_per_hour_upper": self.fa_per_hour_upper,
            "false_alarms": counts.false_alarms,
            "hours": counts.hours,
            "miss_rate": counts.misses / counts.positives if counts.positives else None,
            "positives": counts.positives,
            "solved_on": list(solved_on),
            "condition": condition,
            "note": self.note,
        }


def solve(curve: Curve, keyword: str, target_fa_per_hour: float) -> Solution:
    """The threshold with the fewest misses that, with all above it, keeps to a rate of alarms.

    It is the middle of all thresholds of which that is true, from the lowest that keeps to the rate
    to the highest that misses no more: neither does it lean on one recording, nor does it spend
    alarms that save no miss. Where no threshold exceeds the rate (there are fewer things that can
    alarm than alarms allowed), it is as high as the fewest misses let it; where there is nothing to
    miss, as low as the rate lets it. It always lies in [0, 1]: where even 1 exceeds the rate, since
    confidences of 1 are too many false alarms, it is 1, with the counts that it has, and a note.

    Args:
        curve: of the dev set.
        keyword: its name.
        target_fa_per_hour: the rate.

    Raises:
        InputError: dev has no audio without the keyword.
    """
    if curve.hours <= 0:
        raise InputError(
            f"--dev: there is no audio without {keyword!r}, so no false alarm can be counted; add "
            "a data dir of other speech"
        )
    allowed = int(np.floor(target_fa_per_hour * curve.hours + 1e-9))
    admitted = _num_admitted(curve, allowed)
    best = fewest_misses(curve, allowed)
    if admitted == len(curve.thresholds):
        threshold = _middle(curve, best)
    elif best < 0:
        threshold = _middle(curve, admitted - 1)
    else:
        threshold = _between(float(curve.thresholds[admitted]), float(curve.thresholds[best]))
    counts = curve.at(threshold)
    notes = []
    if counts.false_alarms > allowed:
        notes.append(
            f"no threshold keeps to the target on dev: even one of 1, the highest, has "
            f"{counts.false_alarms} false alarms"
        )
    elif target_fa_per_hour * curve.hours < 1:
        notes.append(
            f"{curve.hours:.3g} h of dev audio are fewer than the {1 / target_fa_per_hour:.3g} h "
            f"that {target_fa_per_hour:g} false alarms per hour need; the threshold has no alarm "
            f"on dev, which shows no more than a rate below {poisson_upper(0, curve.hours):.3g} "
            "per hour"
        )
    if admitted == len(curve.thresholds):
        notes.append("no threshold exceeds the target on dev")
    return Solution(keyword, threshold, target_fa_per_hour, counts, "; ".join(notes))


def fewest_misses(curve: Curve, max_false_alarms: int) -> int:
    """The highest threshold of those with the fewest misses; -1: above all confidences.

    Args:
        curve: of a set.
        max_false_alarms: neither it nor a threshold above it has more.
    """
    misses = curve.misses[: _num_admitted(curve, max_false_alarms)]
    if len(misses) == 0 or misses.min() == curve.positives:
        return -1
    return int(misses.argmin())


def curve_points(
    curve: Curve, keyword: str, set_name: str, condition: str, readings: Sequence[int]
) -> list[OperatingPoint]:
    """The points of a set's own curve with at most so many false alarms.

    They describe the curve; nothing is solved on the set: no threshold of theirs is used again.

    Args:
        curve: of the set.
        keyword: its name, or `pooled`.
        set_name: of the set.
        condition: of the set.
        readings: the numbers of false alarms.
    """
    points = []
    for most in readings:
        chosen = fewest_misses(curve, most)
        threshold, note = None, "no occurring confidence is a threshold with so few false alarms"
        if chosen >= 0:
            threshold, note = float(curve.thresholds[chosen]), "read off this set's own curve"
        points.append(
            OperatingPoint(
                keyword,
                set_name,
                condition,
                f"curve-at-{most}",
                threshold,
                curve.counts(chosen),
                note=note,
            )
        )
    return points


def _num_admitted(curve: Curve, max_false_alarms: int) -> int:
    """How many thresholds, from the highest on, have no more false alarms."""
    too_many = np.flatnonzero(curve.false_alarms > max_false_alarms)
    return int(too_many[0]) if len(too_many) else len(curve.thresholds)


def _middle(curve: Curve, chosen: int) -> float:
    """The middle of the thresholds around entry `chosen` that give the same counts."""
    counts = np.stack((curve.misses, curve.false_alarms), axis=1)
    if chosen < 0:
        highest = float(curve.thresholds[0]) if len(curve.thresholds) else 0.0
        lower, upper = highest, 1.0
    else:
        others = np.flatnonzero((counts != counts[chosen]).any(axis=1))
        above, below = others[others < chosen], others[others > chosen]
        upper = float(curve.thresholds[above[-1] + 1 if len(above) else 0])
        lower = float(curve.thresholds[below[0]]) if len(below) else 0.0
    return _between(lower, upper)


def _between(lower: float, upper: float) -> float:
    """The middle of two thresholds, strictly above the lower one unless they are equal."""
    middle = (lower + upper) / 2
    return middle if middle > lower else upper
