"""Tracks compared by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from kws.detection import Detection
from kws.verification.comparison import FLOAT_TOLERANCE, Grid, Track, compare

GRID = Grid(("a", "b"), 0.01, 0.0125)
NUM_FRAMES = 50


def time_s(frame):
    return 0.0125 + 0.01 * frame


def event(**frames):
    times = {"start": 10, "end": 30, "peak": 20, "trigger": 15} | frames
    named = {f"{name}_s": time_s(frame) for name, frame in times.items()}
    return Detection("b", confidence=0.8, **named)


def track(*events, **values):
    confidences = np.zeros((NUM_FRAMES, 2))
    confidences[20:24, 1] = 0.8
    whole = {
        "features": np.ones((NUM_FRAMES, 3)),
        "posteriors": np.full((NUM_FRAMES, 4), 0.25),
        "confidences": confidences,
    }
    return Track(**(whole | values), events=events)


def test_equal_tracks():
    same = compare(track(event()), track(event()), GRID)
    assert (same.features, same.posteriors, same.confidences) == (0, 0, 0)
    assert same.is_within(0)
    assert same.events_agree


def test_the_largest_differences_and_where():
    features, posteriors = track().features.copy(), track().posteriors.copy()
    confidences = track().confidences.copy()
    features[3, 1] -= 0.5
    posteriors[4, 0] += 0.125
    confidences[7, 0] += 0.25
    confidences[9, 1] -= 0.125
    changed = track(features=features, posteriors=posteriors, confidences=confidences)
    found = compare(track(), changed, GRID)
    assert (found.features, found.posteriors, found.confidences) == (0.5, 0.125, 0.25)
    assert found.time_s == pytest.approx(time_s(7))
    assert found.is_within(0.25)
    assert not found.is_within(0.249)


def test_what_is_no_number_is_not_within_anything():
    confidences = track().confidences.copy()
    confidences[7, 0] = math.nan
    found = compare(track(), track(confidences=confidences), GRID)
    assert math.isnan(found.confidences)
    assert found.time_s == pytest.approx(time_s(7))
    assert not found.is_within(1)


def test_a_frame_too_few_is_not_within_anything():
    shorter = {
        name: getattr(track(), name)[:-1] for name in ("features", "posteriors", "confidences")
    }
    found = compare(track(), track(**shorter), GRID)
    assert (found.num_frames, found.num_frames_expected) == (49, 50)
    assert found.confidences == 0
    assert not found.is_within(1)


@pytest.mark.parametrize("name", ["start", "end", "trigger"])
def test_an_event_a_frame_away_is_another(name):
    moved = event(**{name: {"start": 11, "end": 31, "trigger": 16}[name]})
    found = compare(track(event()), track(moved), GRID)
    assert (found.missing, found.extra) == ((event(),), (moved,))
    assert not found.events_agree


def test_an_event_of_another_keyword_is_another():
    found = compare(track(event()), track(replace(event(), keyword="a")), GRID)
    assert len(found.missing) == len(found.extra) == 1


def test_a_peak_of_equal_height_is_the_same_and_a_lower_one_is_not():
    assert compare(track(event()), track(event(peak=23)), GRID).events_agree
    assert not compare(track(event()), track(event(peak=24)), GRID).events_agree
    confidences = track().confidences.copy()
    confidences[24, 1] = 0.8 - FLOAT_TOLERANCE / 2
    nearly = {"confidences": confidences}
    assert compare(track(event(), **nearly), track(event(peak=24), **nearly), GRID).events_agree


def test_events_that_only_one_has():
    second = event(start=35, trigger=40, peak=42, end=45)
    lacking = compare(track(event(), second), track(event()), GRID)
    assert (lacking.missing, lacking.extra) == ((second,), ())
    adding = compare(track(event()), track(event(), second), GRID)
    assert (adding.missing, adding.extra) == ((), (second,))


def test_where_confidences_differ_by_intention_events_that_overlap_are_the_same():
    moved = event(start=12, trigger=17, peak=22, end=29)
    assert compare(track(event()), track(moved), GRID, is_lossy=True).events_agree
    assert not compare(track(event()), track(moved), GRID).events_agree
    later = event(start=31, trigger=40, peak=42, end=45)
    found = compare(track(event()), track(later), GRID, is_lossy=True)
    assert (found.missing, found.extra) == ((event(),), (later,))
    other = compare(track(event()), track(replace(event(), keyword="a")), GRID, is_lossy=True)
    assert not other.events_agree
