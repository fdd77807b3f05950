"""Which frames made a confidence: against all choices of frames, counted one by one."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from explain_metadata import metadata

from kws.runtime import Keyword
from kws.runtime.unit_peaks import UnitPeak, confidence_peaks, in_order, unit_peaks


def best_by_trying(values):
    """The largest product of frames in order, over all choices."""
    num_frames, num_units = values.shape
    choices = itertools.combinations(range(num_frames), num_units)
    return max(choices, key=lambda frames: np.prod([values[k, i] for i, k in enumerate(frames)]))


def smoothed_of(view, glass):
    return np.stack([np.zeros(len(view)), view, glass], axis=1)


def test_each_unit_has_its_largest_value_and_its_time():
    smoothed = smoothed_of([0.1, 0.9, 0.2], [0.3, 0.2, 0.8])
    peaks = unit_peaks(smoothed, 50, Keyword("view glass", (1, 2)), metadata())
    assert peaks == (UnitPeak("view", 0.9, 0.51), UnitPeak("glass", 0.8, 0.52))


def test_chen_takes_the_largest_values_in_any_order():
    smoothed = smoothed_of([0.1, 0.2, 0.9], [0.8, 0.2, 0.3])
    keyword = Keyword("view glass", (1, 2))
    peaks = confidence_peaks(smoothed, 0, keyword, metadata(confidence="chen"))
    assert [peak.posterior for peak in peaks] == [0.9, 0.8]
    assert not in_order(peaks)


def test_ordered_takes_the_best_ones_in_order():
    smoothed = smoothed_of([0.1, 0.6, 0.9], [0.8, 0.2, 0.5])
    peaks = confidence_peaks(smoothed, 0, Keyword("view glass", (1, 2)), metadata())
    assert [(peak.posterior, peak.time_s) for peak in peaks] == [(0.6, 0.01), (0.5, 0.02)]
    assert in_order(peaks)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("num_units", [1, 2, 3, 4])
def test_the_best_frames_are_those_of_all_choices(seed, num_units):
    values = np.random.default_rng(seed).random((7, num_units)) * (seed % 3 > 0)
    keyword = Keyword("word", tuple(range(num_units)))
    named = dataclasses.replace(metadata(), units=tuple("abcd"))
    peaks = confidence_peaks(values, 0, keyword, named)
    best = best_by_trying(values)
    expected = np.prod([values[k, i] for i, k in enumerate(best)])
    assert np.prod([peak.posterior for peak in peaks]) == pytest.approx(expected, rel=1e-12)
    assert in_order(peaks)


def test_fewer_frames_than_units_give_each_its_largest():
    peaks = confidence_peaks(
        smoothed_of([0.4], [0.7]), 3, Keyword("view glass", (1, 2)), metadata()
    )
    assert [peak.posterior for peak in peaks] == [0.4, 0.7]
    assert not in_order(peaks)


def test_one_unit_is_always_in_order():
    assert in_order((UnitPeak("a", 0.5, 1.0),))
