"""The reason of a verdict, for each reason there is; and a recording as a whole."""

from __future__ import annotations

import numpy as np
import pytest
from explain_metadata import metadata
from runtime_level import bursts, heard, level_confidences, write_level

from kws.audio import Finding, Waveform
from kws.detection import Detector
from kws.errors import InputError
from kws.runtime import Detector as RuntimeDetector
from kws.runtime import Keyword, Stream
from kws.runtime.explain import explain
from kws.runtime.verdicts import report_keyword

KEYWORD = Keyword("view glass", (1, 2))
THRESHOLD = 0.5
SILENT = Finding("silent", "silent: zeros only", "switch it on")
QUIET = Finding("quiet", "too quiet: -55 dBFS at its loudest (at least -50)", "come closer")


def bump(height, time_s, num_frames=400):
    """A unit that rises and falls within 0.1 s."""
    return height * np.clip(1 - np.abs(np.arange(num_frames) - 100 * time_s) / 10, 0, 1)


def ordered_confidence(view, glass, w_max):
    """Chen's confidence with the order, window by window, as its definition says."""
    result = np.zeros(len(view))
    for last in range(len(view)):
        first = max(0, last - w_max + 1)
        before = np.maximum.accumulate(view[first:last])
        if len(before):
            result[last] = np.sqrt((before * glass[first + 1 : last + 1]).max())
    return result


def report(view, glass, found=(), threshold=THRESHOLD):
    data = metadata((KEYWORD,))
    smoothed = np.stack([1 - view, view, glass], axis=1)
    confidence = ordered_confidence(view, glass, data.w_max)
    detector = Detector(data.keywords, {KEYWORD.name: threshold}, w_max=data.w_max)
    events, state = detector.step((confidence[:, None], smoothed), detector.init_state())
    events += detector.flush(state)
    return report_keyword(data, KEYWORD, threshold, (confidence, smoothed), events, found)


def test_fired():
    said = report(bump(0.9, 1.0), bump(0.8, 1.5))
    assert said.reason == "fired"
    assert said.confidence == pytest.approx(np.sqrt(0.72))
    assert said.verdict == ("view glass fired: at 1.50 s with confidence 0.849 (threshold 0.500)")
    assert said.in_order
    assert [(unit.unit, unit.time_s) for unit in said.units] == [("view", 1.0), ("glass", 1.5)]
    assert said.ignored_s == ()


def test_an_event_within_the_refractory_period_is_told_as_ignored():
    view = np.maximum(bump(0.9, 0.5), bump(0.9, 1.2))
    glass = np.maximum(bump(0.9, 0.6), bump(0.9, 1.3))
    confidence = np.sqrt(view * glass) + bump(0.9, 0.7) + bump(0.9, 1.4)
    smoothed = np.stack([1 - view, view, glass], axis=1)
    data = metadata((KEYWORD,))
    detector = Detector(data.keywords, {KEYWORD.name: 0.5}, w_max=100)
    events, state = detector.step((confidence[:, None], smoothed), detector.init_state())
    events += detector.flush(state)
    said = report_keyword(data, KEYWORD, 0.5, (confidence, smoothed), events)
    assert (said.reason, len(said.events)) == ("fired", 1)
    # 0.9 at 1.40 s falls to 0.5 within 4.4 frames
    assert said.ignored_s == pytest.approx((1.36,))
    assert said.verdict.endswith(
        "; that it reached the threshold again at 1.36 s does not count: that is within the "
        "refractory period of 1 s"
    )


def test_many_events_are_not_all_named():
    view, glass = np.zeros(2000), np.zeros(2000)
    for i in range(6):
        view += bump(0.9, 3 * i + 1, 2000)
        glass += bump(0.9, 3 * i + 1.3, 2000)
    said = report(view, glass)
    assert len(said.events) == 6
    assert said.verdict.count(" s with confidence ") == 3
    assert " and 3 more times (threshold 0.500)" in said.verdict


def test_just_below():
    said = report(bump(0.5, 1.0), bump(0.45, 1.5))
    assert said.reason == "just_below"
    assert said.verdict == (
        "view glass did not fire: it is just below the threshold (confidence 0.474 at 1.50 s, "
        "threshold 0.500); weakest: unit 'glass' has 0.450 at 1.50 s"
    )


def test_one_unit_is_low():
    said = report(bump(0.9, 1.0), bump(0.1, 1.5))
    assert said.reason == "unit_low"
    assert said.verdict == (
        "view glass did not fire: unit 'glass' has 0.100 at 1.50 s at most: too low (confidence "
        "0.300 at 1.50 s, threshold 0.500)"
    )


def test_nothing_like_it_was_heard():
    said = report(bump(0.2, 1.0), bump(0.1, 1.5))
    assert said.reason == "unheard"
    assert "none of its units was heard; best: unit 'view' has 0.200 at 1.00 s" in said.verdict


def test_units_out_of_order():
    said = report(bump(0.9, 1.5), bump(0.9, 1.0))
    assert said.reason == "order"
    assert "its units came out of order: 'glass' at 1.00 s, 'view' at 1.50 s" in said.verdict
    assert not said.in_order


def test_units_too_far_apart():
    said = report(bump(0.9, 1.0), bump(0.9, 3.0))
    assert said.reason == "apart"
    assert (
        "its units came too far apart: 'view' at 1.00 s, 'glass' at 3.00 s; they must be within 1 s"
    ) in said.verdict


def test_what_is_wrong_with_the_audio_may_be_why():
    said = report(bump(0.9, 1.0), bump(0.1, 1.5), [QUIET])
    assert said.verdict.endswith(
        "; the audio may be why: too quiet: -55 dBFS at its loudest (at least -50)"
    )
    assert "the audio" not in report(bump(0.9, 1.0), bump(0.9, 1.5), [QUIET]).verdict


def test_a_silent_recording_needs_no_further_reason():
    said = report(bump(0.2, 1.0), bump(0.1, 1.5), [SILENT])
    assert (said.reason, said.verdict) == (
        "silent",
        "view glass did not fire: the recording is silent",
    )


def test_a_recording_without_a_frame():
    said = report(np.zeros(0), np.zeros(0))
    assert (said.reason, said.peak_s, said.units) == ("short", None, ())
    assert said.verdict == "view glass did not fire: the recording is shorter than one frame"


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    return RuntimeDetector(write_level(tmp_path_factory.mktemp("model") / "level.onnx"))


def test_a_recording_is_explained_with_the_detectors_own_frames_and_events(detector):
    samples = bursts(6)
    told = explain(detector, Waveform(samples.astype(np.float32), 16000))
    events = detector.stream().process(samples)
    last = detector.stream()
    last.process(samples)
    events += last.flush()
    assert sorted(
        (event.keyword, event.peak_s) for report in told.keywords for event in report.events
    ) == sorted((event.keyword, event.peak_s) for event in events)
    # float32 against float64: a few roundings of numbers below 1
    np.testing.assert_allclose(told.confidences, level_confidences(heard(samples)), atol=2e-6)
    assert told.times_s[0] == 0.0125
    assert len(told.times_s) == len(told.smoothed) == len(told.confidences)
    for k, report in enumerate(told.keywords):
        assert report.confidence == told.confidences[:, k].max()
        assert report.reason == "fired"
        assert np.prod([unit.posterior for unit in report.confidence_units]) > 0


def test_another_rate_is_converted_and_the_file_is_measured_as_it_is(detector):
    times = np.arange(3 * 8000) / 8000
    samples = (3000 * np.sin(2 * np.pi * 500 * times)).astype(np.float32)
    told = explain(detector, Waveform(samples, 8000))
    assert told.measures.sample_rate == 8000
    assert told.outline.duration_s == 3.0
    assert "band" in [finding.code for finding in told.findings]


def test_a_stream_that_was_used_before_explains_the_same(detector):
    waveform = Waveform(bursts(3).astype(np.float32), 16000)
    first = explain(detector, waveform)
    detector.process(bursts(2, seed=1))
    np.testing.assert_array_equal(explain(detector, waveform).confidences, first.confidences)


def test_a_refractory_period_that_was_given_is_the_one_that_is_told(detector):
    stream = Stream(detector.model, refractory_s=5.0)
    told = explain(stream, Waveform(bursts(6).astype(np.float32), 16000))
    verdicts = [report.verdict for report in told.keywords if report.ignored_s]
    assert verdicts
    assert all("within the refractory period of 5 s" in verdict for verdict in verdicts)


def test_20_ms_have_no_frame_and_less_cannot_be_measured(detector):
    told = explain(detector, Waveform(np.ones(320, np.float32), 16000))
    assert {report.reason for report in told.keywords} <= {"short", "silent"}
    with pytest.raises(InputError, match=r"0\.02 s"):
        explain(detector, Waveform(np.ones(319, np.float32), 16000))
