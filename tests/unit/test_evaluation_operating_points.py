"""Thresholds solved on dev and points read off a curve, on curves counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws.detection import check_threshold
from kws.errors import InputError
from kws.evaluation.counting import Counts
from kws.evaluation.operating_points import (
    OperatingPoint,
    curve_points,
    fewest_misses,
    solve,
)
from kws.evaluation.sweep import Curve


def curve(
    *rows: tuple[float, int, int], positives: int = 4, hours: float = 2.0, complete: bool = True
) -> Curve:
    """Rows of threshold, misses, false alarms."""
    columns = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    return Curve(
        columns[0],
        columns[1].astype(np.int64),
        columns[2].astype(np.int64),
        positives,
        hours,
        complete,
    )


# 4 positives, 2 hours
TYPICAL = curve(
    (0.9, 3, 0), (0.8, 2, 0), (0.7, 2, 1), (0.6, 1, 1), (0.5, 1, 2), (0.4, 0, 2), (0.3, 0, 3)
)


def test_the_fewest_misses_within_the_rate_with_room_on_both_sides() -> None:
    # 2 alarms in 2 h are allowed: 0.4 is the lowest with 2, 0.3 has 3; the counts are those of
    # 0.4 from just above 0.3 up to 0.4
    solution = solve(TYPICAL, "jarvis", 1.0)
    assert solution.threshold == pytest.approx(0.35)
    assert solution.counts == Counts(4, 0, 2.0, 2)
    assert solution.note == ""


def test_a_rate_between_two_counts_allows_the_lower_one() -> None:
    # 0.9 per hour is 1.8 alarms: 1; the counts of 0.6 hold from just above 0.5 up to 0.6
    solution = solve(TYPICAL, "jarvis", 0.9)
    assert solution.threshold == pytest.approx(0.55)
    assert solution.counts == Counts(4, 1, 2.0, 1)


def test_the_middle_is_between_thresholds_of_other_counts() -> None:
    flat = curve((0.9, 0, 0), (0.8, 0, 0), (0.5, 0, 0), (0.2, 0, 5))
    assert solve(flat, "jarvis", 1.0).threshold == pytest.approx((0.2 + 0.9) / 2)


def test_alarms_that_save_no_miss_are_not_spent() -> None:
    # 2 alarms are allowed, but 0.8 misses nothing without any: between 0.3, which has 3, and 0.8
    apart = curve((0.9, 1, 0), (0.8, 0, 0), (0.5, 0, 1), (0.4, 0, 2), (0.3, 0, 3))
    solution = solve(apart, "jarvis", 1.0)
    assert solution.threshold == pytest.approx(0.55)
    assert solution.counts == Counts(4, 0, 2.0, 0)


def test_alarms_that_fall_again_far_below_do_not_count() -> None:
    # below 0.2 the detector is always on: one alarm
    falls = curve((0.9, 2, 0), (0.5, 1, 3), (0.2, 0, 1), (0.1, 0, 1))
    assert solve(falls, "jarvis", 0.5).counts == Counts(4, 2, 2.0, 0)


def test_neighbouring_floats_leave_no_middle() -> None:
    upper = math.nextafter(0.5, 1.0)
    tight = curve((upper, 0, 0), (0.5, 0, 9))
    assert solve(tight, "jarvis", 1.0).threshold == upper


def test_fewer_hours_than_the_target_needs() -> None:
    # half an hour cannot show one alarm per hour; no alarm shows less than 3 / 0.5 per hour
    short = curve((0.9, 1, 0), (0.5, 0, 1), hours=0.5)
    solution = solve(short, "jarvis", 1.0)
    assert solution.counts == Counts(4, 1, 0.5, 0)
    assert solution.fa_per_hour_upper == pytest.approx(3 / 0.5, rel=0.002)
    assert "0.5 h of dev audio are fewer than the 1 h" in solution.note
    assert "below 5.99 per hour" in solution.note


def test_when_the_highest_confidence_is_a_false_alarm_too_many() -> None:
    solution = solve(curve((0.8, 4, 1), (0.5, 0, 9)), "jarvis", 0.1)
    assert solution.counts == Counts(4, 4, 2.0, 0)
    assert solution.threshold == pytest.approx(0.9)  # between 0.8 and 1


def test_when_even_the_highest_threshold_has_too_many_alarms() -> None:
    for certain in (curve((1.0, 4, 1)), curve((1.0, 2, 1), (0.5, 0, 9))):
        solution = solve(certain, "jarvis", 0.1)
        assert solution.threshold == 1.0
        assert solution.counts == certain.counts(0)  # what a detector at 1 does
        assert solution.note == (
            "no threshold keeps to the target on dev: even one of 1, the highest, has 1 false "
            "alarms"
        )
    # alarms that are allowed, and nothing that is found
    allowed = solve(curve((1.0, 4, 1), (0.5, 4, 9)), "jarvis", 1.0)
    assert (allowed.threshold, allowed.counts) == (0.75, Counts(4, 4, 2.0, 1))


@given(
    st.lists(st.sampled_from([0.0, 0.3, math.nextafter(1, 0), 1.0]), max_size=4),
    st.lists(st.integers(0, 4), min_size=4, max_size=4),
    st.lists(st.integers(0, 6), min_size=4, max_size=4),
    st.sampled_from([0.1, 1.0, 2.0]),
)
def test_a_solved_threshold_is_one_that_every_detector_takes(
    thresholds: list[float], misses: list[int], false_alarms: list[int], target: float
) -> None:
    falling = sorted(set(thresholds), reverse=True)
    rows = list(zip(falling, misses, false_alarms, strict=False))
    solution = solve(curve(*rows), "jarvis", target)
    check_threshold("jarvis", solution.threshold)
    assert solution.counts == curve(*rows).at(solution.threshold)
    is_kept = solution.counts.false_alarms <= target * 2.0
    assert is_kept == ("keeps to the target" not in solution.note)


def test_when_nothing_exceeds_the_rate() -> None:
    # 20 alarms are allowed, 3 is all there is: no more alarms than the fewest misses need
    solution = solve(TYPICAL, "jarvis", 10.0)
    assert solution.counts == Counts(4, 0, 2.0, 2)
    assert solution.threshold == pytest.approx(0.35)
    assert "no threshold exceeds the target" in solution.note


def test_without_other_speech_there_is_nothing_to_solve() -> None:
    with pytest.raises(InputError, match="no audio without 'jarvis'"):
        solve(curve((0.9, 0, 0), hours=0.0), "jarvis", 1.0)


def test_without_positives_the_false_alarms_alone_decide() -> None:
    negatives = curve((0.9, 0, 1), (0.8, 0, 2), (0.7, 0, 3), positives=0)
    solution = solve(negatives, "jarvis", 1.0)
    assert solution.threshold == pytest.approx(0.75)
    assert solution.to_metadata(["dev"], "clean")["miss_rate"] is None


def test_what_goes_into_the_model() -> None:
    entry = solve(TYPICAL, "jarvis", 1.0).to_metadata(["data/dev"], "clean")
    assert entry["threshold"] == pytest.approx(0.35)
    assert entry["fa_per_hour"] == 1.0
    assert entry["fa_per_hour_upper"] == pytest.approx(6.2958 / 2, abs=1e-4)  # chi2(0.95, 6) / 2
    assert entry["miss_rate"] == 0.0
    assert entry["hours"] == 2.0
    assert entry["target_fa_per_hour"] == 1.0
    assert entry["solved_on"] == ["data/dev"]


def test_the_fewest_misses_at_so_many_alarms() -> None:
    assert [fewest_misses(TYPICAL, most) for most in (0, 1, 2, 5)] == [1, 3, 5, 5]
    assert fewest_misses(curve((0.8, 4, 1)), 0) == -1
    assert fewest_misses(curve((0.8, 4, 0), (0.7, 4, 1)), 1) == -1  # alarms and no hit


def test_points_of_a_curve() -> None:
    points = curve_points(TYPICAL, "jarvis", "test", "clean", (0, 1, 5))
    assert [(p.source, p.threshold, p.counts.misses, p.counts.false_alarms) for p in points] == [
        ("curve-at-0", 0.8, 2, 0),
        ("curve-at-1", 0.6, 1, 1),
        ("curve-at-5", 0.4, 0, 2),
    ]
    assert all(point.is_reading for point in points)
    [none] = curve_points(curve((0.8, 4, 1)), "jarvis", "test", "clean", (0,))
    assert none.threshold is None
    assert none.counts == Counts(4, 4, 2.0, 0)


def test_undefined_rates_say_so() -> None:
    point = OperatingPoint("jarvis", "test", "clean", "stored", 0.5, Counts(0, 0, 0.0, 0))
    assert point.miss_rate is None
    assert point.fa_per_hour is None
    assert point.notes == (
        "miss rate undefined: no positives; "
        "false alarms per hour undefined: no audio without the keyword"
    )
