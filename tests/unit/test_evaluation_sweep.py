"""The sweep counts what the detector does."""

from __future__ import annotations

import math
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.detection import Detector
from kws.evaluation import sweep as sweep_module
from kws.evaluation.counting import NO_COUNTS, Counts, judge, total
from kws.evaluation.references import Reference, Window
from kws.evaluation.sweep import Curve, EventRule, KeywordTrack, pooled, sweep
from kws.posterior import Keyword

RULE = EventRule(refractory_frames=3, w_max=4, frame_shift_s=1.0, frame_offset_s=0.0)


def track(
    confidence: list[float], *windows: Window, last_unit: list[float] | None = None
) -> KeywordTrack:
    values = np.array(confidence, dtype=np.float64)
    unit = values if last_unit is None else np.array(last_unit)
    reference = Reference("d", "u", float(len(values)), {"k": windows})
    return KeywordTrack(values, unit, windows, reference.seconds_without("k"))


def whole() -> Window:
    return Window(-math.inf, math.inf)


def table(curve: Curve) -> list[tuple[float, int, int]]:
    columns = curve.thresholds, curve.misses, curve.false_alarms
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_one_burst_is_one_alarm_at_every_threshold() -> None:
    curve = sweep([track([0, 0.2, 0.5, 0.9, 0.8, 0.5, 0.1])], RULE, max_false_alarms=10)
    assert table(curve) == [(t, 0, 1) for t in (0.9, 0.8, 0.5, 0.2, 0.1, 0.0)]
    assert curve.complete
    assert curve.hours == 7 / 3600


def test_two_bursts_become_one_below_the_valley_between_them() -> None:
    curve = sweep([track([0, 0.9, 0.3, 0.2, 0.3, 0.7, 0])], RULE, max_false_alarms=10)
    assert table(curve) == [(0.9, 0, 1), (0.7, 0, 2), (0.3, 0, 2), (0.2, 0, 1), (0.0, 0, 1)]


def test_a_second_burst_within_the_refractory_period_is_not_heard() -> None:
    # frames 1 and 3 stand 2 apart, the refractory period is 3 frames
    curve = sweep([track([0, 0.9, 0, 0.9, 0, 0, 0])], RULE, max_false_alarms=10)
    assert table(curve)[0] == (0.9, 0, 1)


def test_a_burst_that_outlasts_the_refractory_period_is_heard_at_its_end() -> None:
    curve = sweep([track([0, 0.9, 0, 0.9, 0.9, 0, 0])], RULE, max_false_alarms=10)
    assert table(curve)[0] == (0.9, 0, 2)


def test_a_positive_utterance_forgives_one_event() -> None:
    tracks = [track([0, 0.6, 0, 0, 0, 0.8, 0], whole()), track([0, 0.7, 0, 0])]
    curve = sweep(tracks, RULE, max_false_alarms=10)
    assert table(curve)[:3] == [(0.8, 0, 0), (0.7, 0, 1), (0.6, 0, 2)]
    assert curve.positives == 1
    assert curve.hours == 4 / 3600  # the negative alone


def test_an_event_outside_the_window_of_the_word_is_an_alarm_and_a_miss() -> None:
    curve = sweep([track([0, 0.6, 0, 0, 0, 0.8, 0], Window(0.5, 1.5))], RULE, max_false_alarms=10)
    assert table(curve)[:2] == [(0.8, 1, 1), (0.6, 0, 1)]
    assert curve.hours == 6 / 3600  # the word's one second is not without it


def test_the_peak_counts_and_not_the_trigger() -> None:
    # at 0.5 the event triggers in frame 1 and has its peak in frame 3, which the window holds
    curve = sweep([track([0, 0.5, 0.6, 0.9, 0.1, 0], Window(2.5, 3.5))], RULE, max_false_alarms=10)
    assert curve.at(0.5) == Counts(1, 0, 5 / 3600, 0)


def test_two_events_in_one_window_are_a_hit_and_an_alarm_however_far_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sweep_module, "SPARE_PEAKS", 0)
    values = [0.01] * 50
    values[5] = values[40] = 0.9
    values[20] = 0.5
    # 0.9 is as low as the sweep has to look: nothing but the window joins the two events
    curve = sweep([track(values, Window(0, 45))], RULE, max_false_alarms=0)
    assert table(curve) == [(0.9, 0, 1)]


def test_an_event_whose_unit_never_falls_lasts_w_max_frames() -> None:
    # from the trigger in frame 1 to frame 5: 0.9 is its peak, 0.95 comes too late
    values = [0, 0.5, 0.5, 0.5, 0.5, 0.9, 0.95, 0]
    steady = [1.0] * 8
    inside = sweep([track(values, Window(4.5, 5.5), last_unit=steady)], RULE, 10)
    assert inside.at(0.5).misses == 0
    beyond = sweep([track(values, Window(5.5, 6.5), last_unit=steady)], RULE, 10)
    assert beyond.at(0.5).misses == 1


def test_an_event_ends_where_its_unit_is_below_half_of_its_last_w_max_frames() -> None:
    # in frame 4 the 1.0 is forgotten (four frames are 1 to 4), in frame 3 it would not be
    unit = [1.0, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4]
    late = sweep([track([0, 0, 0, 0, 0.5, 0.9, 0], Window(4.5, 5.5), last_unit=unit)], RULE, 10)
    assert late.at(0.5).misses == 0
    early = sweep([track([0, 0, 0, 0.5, 0.9, 0, 0], Window(3.5, 4.5), last_unit=unit)], RULE, 10)
    assert early.at(0.5).misses == 1


def test_the_curve_ends_where_alarms_become_too_many() -> None:
    curve = sweep([track([0, value, 0, 0]) for value in (0.9, 0.8, 0.7, 0.6)], RULE, 2)
    assert table(curve) == [(0.9, 0, 1), (0.8, 0, 2), (0.7, 0, 3)]
    assert not curve.complete
    with pytest.raises(ValueError, match=r"ends at 0\.7"):
        curve.at(0.65)


def test_counts_between_and_above_the_thresholds() -> None:
    curve = sweep([track([0, 0.8, 0], whole()), track([0, 0.4, 0])], RULE, 10)
    assert curve.at(0.81).misses == 1
    assert curve.at(0.8).misses == 0
    assert curve.at(0.41).false_alarms == 0
    assert curve.at(0.39).false_alarms == 1


def test_nothing_to_sweep() -> None:
    curve = sweep([], RULE, 10)
    assert table(curve) == []
    assert curve.at(0.5) == NO_COUNTS


def test_an_empty_track_has_no_event() -> None:
    assert table(sweep([track([]), track([0.5]), track([])], RULE, 10)) == [(0.5, 0, 1)]


def test_pooled_adds_counts_at_a_common_threshold() -> None:
    first = sweep([track([0, 0.8, 0], whole()), track([0, 0.4, 0])], RULE, 10)
    second = sweep([track([0, 0.6, 0], whole()), track([0, 0.7, 0])], RULE, 10)
    both = pooled([first, second])
    assert table(both)[:4] == [(0.8, 1, 0), (0.7, 1, 1), (0.6, 0, 1), (0.4, 0, 2)]
    assert both.positives == 2
    assert both.hours == 6 / 3600


def test_pooled_ends_where_the_first_curve_ends() -> None:
    short = sweep([track([0, value, 0, 0]) for value in (0.9, 0.8, 0.7)], RULE, 2)
    long = sweep([track([0, 0.85, 0.5, 0])], RULE, 2)
    both = pooled([short, long])
    assert both.thresholds.tolist() == [0.9, 0.85, 0.8, 0.7]
    assert not both.complete


# confidences of a network without a softmax too, beyond [0, 1]
levels = st.integers(-2, 15).map(lambda level: level / 12)
posteriors = st.integers(0, 12).map(lambda level: level / 12)
spans = st.lists(st.tuples(st.integers(-3, 60), st.integers(0, 12)), max_size=4)


@st.composite
def utterances(draw: st.DrawFn) -> tuple[np.ndarray, tuple[Window, ...], float]:
    """Confidence and last unit, windows, and the duration: frames may go on behind it."""
    duration_s = draw(st.one_of(st.just(math.inf), st.integers(0, 250).map(lambda n: n / 4)))
    num_frames = draw(st.integers(0, 60))
    frames = st.lists(st.tuples(levels, posteriors), min_size=num_frames, max_size=num_frames)
    values = np.array(draw(frames), dtype=np.float64).reshape(num_frames, 2)
    if draw(st.booleans()):  # smooth, as confidences are
        values = np.maximum(values, np.roll(values, 1, axis=0))
    if draw(st.booleans()):
        copies = draw(st.integers(0, 2))
        windows = tuple(Window(-math.inf, math.inf, i == 0) for i in range(copies))
        return values, windows, duration_s
    places = draw(spans)
    starts = sorted(start for start, _ in places)
    ends = sorted(start + length for start, length in places)
    return values, tuple(map(Window, starts, ends)), duration_s


@settings(max_examples=150, deadline=None)
@given(st.lists(utterances(), max_size=4), st.integers(0, 9), st.integers(1, 9), st.integers(0, 30))
def test_the_sweep_counts_what_the_detector_does(
    given_utterances: list[tuple[np.ndarray, tuple[Window, ...], float]],
    refractory: int,
    w_max: int,
    most: int,
) -> None:
    rule = EventRule(refractory, w_max, frame_shift_s=1.0, frame_offset_s=0.25)
    tracks = [
        KeywordTrack(values[:, 0], values[:, 1], windows, 60.0, duration_s)
        for values, windows, duration_s in given_utterances
    ]
    # so that the sweep has to look further and further down
    with mock.patch.object(sweep_module, "SPARE_PEAKS", 1):
        curve = sweep(tracks, rule, max_false_alarms=most)
    assert ((curve.thresholds >= 0) & (curve.thresholds <= 1)).all()
    occurring = {level for values, *_ in given_utterances for level in values[:, 0].tolist()}
    around = {1.0, *occurring, *(level + 0.01 for level in occurring)}
    for threshold in sorted(level for level in around if 0 <= level <= 1):
        detector = Detector(
            [Keyword("k", (1,))],
            {"k": threshold},
            refractory_s=float(refractory),
            frame_shift_s=1.0,
            frame_offset_s=0.25,
            w_max=w_max,
        )
        judgements = []
        for values, windows, duration_s in given_utterances:
            scores = values[:, :1], values
            events = detector.finish(scores, detector.init_state(), duration_s)
            judgements.append(judge(events, Reference("d", "u", 60.0, {"k": windows}), "k"))
        expected = total(judgements)
        if curve.complete or threshold >= curve.thresholds[-1]:
            counts = curve.at(threshold)
            assert (counts.positives, counts.misses, counts.false_alarms) == (
                expected.positives,
                expected.misses,
                expected.false_alarms,
            )
    assert (curve.false_alarms[:-1] <= most).all()
    if curve.complete:
        expected_thresholds = {min(level, 1.0) for level in occurring if level >= 0}
        assert curve.thresholds.tolist() == sorted(expected_thresholds, reverse=True)
    else:
        assert curve.false_alarms[-1] > most


def test_where_the_curve_ends_does_not_change_it() -> None:
    generator = np.random.default_rng(0)
    tracks = []
    for i in range(40):
        values = np.convolve(generator.random(1000), np.ones(9) / 9, "same")
        windows = (Window(300.0, 340.0),) if i % 4 == 0 else ()
        tracks.append(KeywordTrack(values, values, windows, 1000.0))
    short, long = sweep(tracks, RULE, 200), sweep(tracks, RULE, 100_000)
    assert not short.complete
    assert 100 < len(short.thresholds) < len(long.thresholds) / 2
    assert table(short) == table(long)[: len(short.thresholds)]
