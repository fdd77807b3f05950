"""Tracks compared by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from kws.detection import Detection
from kws.verification.comparison import FLOAT_TOLERANCE, Grid, Tolerance, Track, compare, worst

GRID = Grid(("a", "b"), 0.01, 0.0125)
NUM_FRAMES = 50


def time_s(frame):
    return 0.0125 + 0.01 * frame


def event(**frames):
    times = {"start": 10, "end": 30, "peak": 20, "trigger": 15} | frames
    named = {f"{name}_s": time_s(frame) for name, frame in times.items()}
    exact = {f"{name}_frame": frame for name, frame in times.items()}
    return Detection("b", confidence=0.8, **named, **exact)


def track(*events, **values):
    confidences = np.zeros((NUM_FRAMES, 2))
    confidences[20:24, 1] = 0.8
    whole = {
        "features": np.ones((NUM_FRAMES, 3)),
        "posteriors": np.full((NUM_FRAMES, 4), 0.25),
        "smoothed": np.full((NUM_FRAMES, 4), 0.25),
        "confidences": confidences,
    }
    return Track(**(whole | values), events=events)


def test_equal_tracks():
    same = compare(track(event()), track(event()), GRID)
    assert (same.features, same.posteriors, same.smoothed, same.confidences) == (0, 0, 0, 0)
    assert same.is_within(Tolerance(0, 0))
    assert same.events_agree


def test_the_largest_differences_and_where():
    features, posteriors = track().features.copy(), track().posteriors.copy()
    smoothed, confidences = track().smoothed.copy(), track().confidences.copy()
    features[3, 1] -= 0.5
    posteriors[4, 0] += 0.125
    smoothed[4, 3] -= 0.0625
    confidences[7, 0] += 0.25
    confidences[9, 1] -= 0.125
    values = {"posteriors": posteriors, "smoothed": smoothed, "confidences": confidences}
    found = compare(track(), track(features=features, **values), GRID)
    assert (found.features, found.posteriors, found.smoothed) == (0.5, 0.125, 0.0625)
    assert found.confidences == 0.25
    assert found.time_s == pytest.approx(time_s(7))
    assert found.is_within(Tolerance(0.25, 0.125))
    assert not found.is_within(Tolerance(0.249, 0.125))
    assert not found.is_within(Tolerance(0.25, 0.124))
    assert compare(track(), track(features=None), GRID).features is None


def test_smoothed_posteriors_are_held_to_the_tolerance_of_posteriors():
    found = compare(track(), track(smoothed=track().smoothed + 0.5), GRID)
    assert found.is_within(Tolerance(0, 0.5))
    assert not found.is_within(Tolerance(0, 0.49))


@pytest.mark.parametrize("name", ["posteriors", "smoothed", "confidences"])
def test_what_is_no_number_is_not_within_anything(name):
    values = getattr(track(), name).copy()
    values[7, 0] = math.nan
    found = compare(track(), track(**{name: values}), GRID)
    assert math.isnan(getattr(found, name))
    assert not found.is_within(Tolerance(math.inf, math.inf))
    if name == "confidences":
        assert found.time_s == pytest.approx(time_s(7))


def test_a_frame_too_few_is_not_within_anything():
    names = ("features", "posteriors", "smoothed", "confidences")
    found = compare(track(), track(**{name: getattr(track(), name)[:-1] for name in names}), GRID)
    assert (found.num_frames, found.num_frames_expected) == (49, 50)
    assert found.confidences == 0
    assert not found.is_within(Tolerance(1, 1))


def test_the_worst_of_several_is_the_largest_of_each():
    confidences = track().confidences.copy()
    confidences[30, 0] = 0.5
    first = compare(track(event()), track(smoothed=track().smoothed + 0.5), GRID)
    second = compare(track(), track(event(), confidences=confidences), GRID)
    found = worst([first, second])
    assert (found.features, found.posteriors, found.smoothed) == (0, 0, 0.5)
    assert (found.confidences, found.time_s) == (0.5, pytest.approx(time_s(30)))
    assert (found.missing, found.extra) == ((event(),), (event(),))
    broken = compare(track(), track(posteriors=track().posteriors * math.nan), GRID)
    assert math.isnan(worst([first, broken, second]).posteriors)
    names = ("posteriors", "smoothed", "confidences")
    shorter = track(features=None, **{name: getattr(track(), name)[:-1] for name in names})
    found = worst([first, compare(track(), shorter, GRID), second])
    assert (found.num_frames, found.num_frames_expected) == (49, 50)
    assert found.features is None


@pytest.mark.parametrize("name", ["start", "end", "trigger"])
def test_an_event_a_frame_away_is_another(name):
    moved = event(**{name: {"start": 11, "end": 31, "trigger": 16}[name]})
    found = compare(track(event()), track(moved), GRID)
    assert (found.missing, found.extra) == ((event(),), (moved,))
    assert not found.events_agree


@pytest.mark.parametrize("name", ["start_s", "end_s"])
def test_an_event_at_another_time_of_the_same_frame_is_another(name):
    moved = replace(event(), **{name: getattr(event(), name) + 0.004})
    assert not compare(track(event()), track(moved), GRID).events_agree


def test_an_event_of_another_confidence_is_another():
    nearly = replace(event(), confidence=0.8 - FLOAT_TOLERANCE / 2)
    assert compare(track(event()), track(nearly), GRID).events_agree
    another = replace(event(), confidence=0.8 - 2 * FLOAT_TOLERANCE)
    assert not compare(track(event()), track(another), GRID).events_agree
    assert compare(track(event()), track(another), GRID, tolerance=1e-3).events_agree
    # not where all confidences differ as much, which is said once
    lower = track(another, confidences=track().confidences - 2 * FLOAT_TOLERANCE)
    assert compare(track(event()), lower, GRID, tolerance=1e-4).events_agree


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
