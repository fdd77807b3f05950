"""Near misses: bursts between the lower and the real threshold, and nothing else."""

from __future__ import annotations

import math

import numpy as np
import pytest
from explain_metadata import metadata

from kws.detection import Detector
from kws.errors import InputError
from kws.runtime import Keyword
from kws.runtime.near_misses import NearMisses

KEYWORDS = (Keyword("view", (1,)), Keyword("glass", (2,)))
THRESHOLDS = {"view": 0.6, "glass": 0.8}


def bumps(num_frames, *peaks):
    """A confidence with a triangle of 20 frames around each (frame, height)."""
    frames = np.arange(num_frames)
    return sum(height * np.clip(1 - np.abs(frames - k) / 10, 0, 1) for k, height in peaks)


def near_misses(tracks, chunk=8, threshold=None, w_max=30, duration_s=math.inf, refractory_s=None):
    """Those of whole tracks, given in chunks; the posteriors are the confidences."""
    data = metadata(KEYWORDS, w_max=w_max, refractory_s=0.3)
    found = NearMisses(data, THRESHOLDS, threshold, refractory_s)
    confidences = np.stack(tracks, axis=1).astype(np.float32)
    smoothed = np.concatenate([np.zeros((len(confidences), 1), np.float32), confidences], axis=1)
    events = []
    last = (len(confidences) - 1) // chunk * chunk
    for start in range(0, last, chunk):
        part = slice(start, start + chunk)
        events += found.step(confidences[part], smoothed[part])
    return events + found.finish(confidences[last:], smoothed[last:], duration_s)


def told(events):
    return [(e.keyword, round(e.peak_s, 4), round(e.confidence, 4)) for e in events]


def test_a_burst_below_the_threshold_is_one_and_others_are_not():
    view = bumps(600, (100, 0.5), (200, 0.29), (300, 0.61), (500, 0.59))
    glass = bumps(600, (150, 0.5))
    assert told(near_misses([view, glass])) == [
        ("view", 1.0, 0.5),
        ("glass", 1.5, 0.5),
        ("view", 5.0, 0.59),
    ]


def test_the_lower_threshold_can_be_given():
    view, glass = bumps(300, (100, 0.2)), bumps(300, (150, 0.5))
    assert told(near_misses([view, glass], threshold=0.1)) == [
        ("view", 1.0, 0.2),
        ("glass", 1.5, 0.5),
    ]
    assert told(near_misses([view, glass], threshold=0.45)) == [("glass", 1.5, 0.5)]


def test_the_refractory_period_can_be_given():
    tracks = [bumps(300, (50, 0.5), (100, 0.55)), np.zeros(300)]
    assert len(near_misses(tracks)) == 2
    assert told(near_misses(tracks, refractory_s=1.0)) == [("view", 0.5, 0.5)]


@pytest.mark.parametrize("lower", [0.0, 0.6, 0.9, float("nan")])
def test_a_lower_threshold_that_is_not_lower_is_refused(lower):
    with pytest.raises(InputError, match="it must be above 0 and below the threshold of 'view'"):
        NearMisses(metadata(KEYWORDS), THRESHOLDS, lower)


def test_a_threshold_of_0_has_no_near_misses():
    with pytest.raises(InputError, match=r"near-miss threshold 0: .* of 'view', 0$"):
        NearMisses(metadata(KEYWORDS), {"view": 0.0, "glass": 0.5})


def test_an_event_that_ends_before_its_burst_reaches_the_threshold_is_none():
    # the last unit falls to a third and rises again while the confidence stays above 0.3
    unit = np.zeros(200)
    unit[50:60], unit[60:75], unit[75:80] = 0.5, 0.1, 0.7
    view = np.zeros(200)
    view[50:75], view[75:100] = 0.5, 0.7
    data = metadata((KEYWORDS[0],), w_max=30, refractory_s=0.3)
    smoothed = np.stack([unit, unit, unit], axis=1)
    low = Detector(data.keywords, {"view": 0.3}, refractory_s=0.3, w_max=30)
    (event, *_), _ = low.step((view[:, None], smoothed), low.init_state())
    assert event.end_frame < 75  # the premise: the event is over before the threshold is reached
    found = NearMisses(data, {"view": 0.6})
    assert found.finish(view[:, None], smoothed, math.inf) == []


def test_a_peak_after_the_event_is_the_near_miss():
    unit = np.zeros(200)
    unit[50:60], unit[60:75], unit[75:80] = 0.4, 0.1, 0.5
    view = np.zeros(200)
    view[50:75], view[75:100] = 0.4, 0.5
    found = NearMisses(metadata((KEYWORDS[0],), w_max=30), {"view": 0.6})
    smoothed = np.stack([unit, unit, unit], axis=1)
    (event,) = found.finish(view[:, None], smoothed, math.inf)
    assert (event.confidence, event.peak_s, event.end_frame) == (0.5, 0.75, 75)


@pytest.mark.parametrize("chunk", [1, 7, 600])
@pytest.mark.parametrize("seed", range(5))
def test_chunks_do_not_matter(chunk, seed):
    random = np.random.default_rng(seed)
    tracks = [
        bumps(600, *zip(random.integers(20, 580, 12), random.uniform(0, 0.9, 12), strict=True))
        for _ in KEYWORDS
    ]
    tracks = [np.minimum(track, 1) for track in tracks]
    whole = near_misses(tracks, chunk=50)
    assert whole or seed  # the first seed has some
    order = lambda event: (event.keyword, event.peak_s)  # noqa: E731
    assert sorted(near_misses(tracks, chunk=chunk), key=order) == sorted(whole, key=order)


def test_a_burst_at_the_end_is_told_at_the_end():
    view = bumps(105, (100, 0.5))
    assert told(near_misses([view, np.zeros(105)])) == [("view", 1.0, 0.5)]
    # of frames behind the end of what was heard the times are its end
    early, late = near_misses([bumps(150, (90, 0.5)), bumps(150, (120, 0.6))], 100, duration_s=1.0)
    assert (early.peak_s, early.peak_frame) == (0.9, 90)
    assert (late.peak_s, late.trigger_s) == (1.0, 1.0)
    assert late.peak_frame == 120


def test_a_confidence_that_hovers_is_told_after_some_seconds():
    view = np.full(1000, 0.5)
    data = metadata(KEYWORDS[:1], w_max=30)
    found = NearMisses(data, {"view": 0.6})
    smoothed = np.zeros((1000, 3))
    events = found.step(view[:400, None], smoothed[:400])
    assert events == []
    events = found.step(view[400:600, None], smoothed[400:600])
    assert told(events) == [("view", 0.0, 0.5)]
    assert found.finish(view[600:, None], smoothed[600:], math.inf) == []
