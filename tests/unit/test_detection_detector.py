import math
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.detection import (
    Detection,
    Detector,
    WordOffsets,
    event_triggers,
    frames_of,
    word_offsets,
)
from kws.errors import InputError
from kws.streaming import run, run_in_chunks


@dataclass(frozen=True)
class Word:
    name: str
    units: tuple[int, ...]


def detections_frame_by_frame(detector, confidences, smoothed):
    """The rule as it is told, over whole arrays and with nothing shared with the code."""
    num_frames = len(confidences)
    w_max = detector.w_max
    ended = []
    for k, keyword in enumerate(detector.keywords):
        first, last = smoothed[:, keyword.units[0]], smoothed[:, keyword.units[-1]]
        previous, fell = None, True
        for trigger in range(num_frames):
            above = confidences[trigger, k] >= detector.thresholds[k]
            ready = previous is None or trigger - previous >= detector.refractory_frames
            if not (above and ready and fell):
                fell = fell or not above
                continue
            previous, fell = trigger, False
            begin = max(0, trigger - w_max + 1)
            half = first[begin : trigger + 1].max() / 2
            start = trigger
            while start > begin and not (first[start] >= half > first[start - 1]):
                start -= 1
            end = trigger
            while (
                end < num_frames - 1
                and end < trigger + w_max
                and last[end] >= last[max(0, end - w_max + 1) : end + 1].max() / 2
            ):
                end += 1
            values = list(confidences[trigger : end + 1, k])
            peak = trigger + values.index(max(values))
            # an event that the stream's end has closed comes after those that ended by themselves
            closed = last[end] < last[max(0, end - w_max + 1) : end + 1].max() / 2
            flushed = not closed and end < trigger + w_max
            ended.append((flushed, end, k, trigger, start, peak, max(values)))
    return [
        Detection(
            detector.keywords[k].name,
            *(None, None),
            detector.frame_offset_s + peak * detector.frame_shift_s,
            confidence,
            detector.frame_offset_s + trigger * detector.frame_shift_s,
            *(start, end, peak, trigger),
        )
        for _, end, k, trigger, start, peak, confidence in sorted(ended)
    ]


def hump(num_frames, centre, width=5.0, height=0.9):
    frames = np.arange(num_frames)
    return height * np.exp(-(((frames - centre) / width) ** 2))


ONE = [Word("one", (1,))]


def test_an_event_counted_by_hand():
    smoothed = np.zeros((12, 2))
    smoothed[:, 1] = [0, 0.1, 0.3, 0.5, 0.6, 0.8, 0.7, 0.5, 0.41, 0.39, 0.1, 0]
    confidences = np.maximum.accumulate(smoothed[:, 1:])
    detector = Detector(ONE, {"one": 0.55}, frame_shift_s=0.01, frame_offset_s=0.0125)
    (event,) = list(chain.from_iterable(run(detector, (confidences, smoothed))))
    assert event.keyword == "one"
    assert event.trigger_s == pytest.approx(0.0125 + 0.04)
    assert event.start_frame == 2  # 0.3 = half of 0.6, the peak so far
    assert event.peak_s == pytest.approx(0.0125 + 0.05)  # the first frame of the largest
    assert event.end_frame == 9  # 0.39 < half of 0.8
    assert event.confidence == 0.8


def test_start_is_the_first_units_and_end_the_last_units():
    smoothed = np.zeros((200, 3))
    smoothed[:, 1], smoothed[:, 2] = hump(200, 60), hump(200, 100)
    confidences = np.sqrt(np.maximum.accumulate(smoothed[:, 1]) * smoothed[:, 2])[:, None]
    detector = Detector([Word("two", (1, 2))], {"two": 0.5})
    (event,) = list(chain.from_iterable(run(detector, (confidences, smoothed))))
    half_width = 5 * np.sqrt(np.log(2))
    assert event.start_frame == pytest.approx(60 - half_width, abs=1)
    assert event.end_frame == pytest.approx(100 + half_width, abs=1.1)


def test_posteriors_below_zero_have_a_start_and_an_end():
    """Those of a network without a softmax."""
    smoothed = np.full((40, 3), -5.0)
    smoothed[:, 1] -= np.abs(np.arange(40) - 20)
    confidences = np.zeros((40, 1))
    confidences[25] = 0.9
    (event,) = run(Detector([Word("two", (1, 2))], {"two": 0.5}), (confidences, smoothed))[0]
    assert (event.start_frame, event.trigger_frame, event.end_frame) == (20, 25, 25)


def test_an_event_ends_w_max_frames_after_its_trigger_at_the_latest():
    smoothed = np.full((300, 2), 0.9)
    confidences = np.full((300, 1), 0.9)
    confidences[150] = 0.95  # too late to be the peak
    events = run(Detector(ONE, {"one": 0.5}, w_max=100), (confidences, smoothed))
    (event,) = events[0]
    assert (event.trigger_frame, event.start_frame, event.peak_frame) == (0, 0, 0)
    assert event.end_frame == 100
    assert event.confidence == 0.9
    assert events[1] == []


def test_the_end_of_the_stream_ends_an_event():
    smoothed = np.full((30, 2), 0.9)
    confidences = np.linspace(0, 0.9, 30)[:, None]
    stepped, flushed = run(Detector(ONE, {"one": 0.5}), (confidences, smoothed))
    assert stepped == []
    assert [(e.end_frame, e.peak_frame, e.confidence) for e in flushed] == [(29, 29, 0.9)]


def test_the_word_lies_where_the_model_knows_it_beside_its_units():
    smoothed = np.zeros((200, 3))
    smoothed[:, 1], smoothed[:, 2] = hump(200, 60), hump(200, 100)
    both = np.maximum.accumulate(smoothed[:, 1]) * smoothed[:, 2]
    confidences = np.sqrt(np.stack([both, both], axis=1))
    words = [Word("two", (1, 2)), Word("deux", (1, 2))]
    thresholds = {"two": 0.5, "deux": 0.5}

    def event_with(start_s, end_s):
        detector = Detector(words, thresholds, offsets={"two": WordOffsets(start_s, end_s)})
        known, unknown = chain.from_iterable(run(detector, (confidences, smoothed)))
        assert (unknown.keyword, unknown.start_s, unknown.end_s) == ("deux", None, None)
        assert (unknown.start_frame, unknown.end_frame) == (known.start_frame, known.end_frame)
        return known

    event = event_with(-0.4, 0.25)
    assert event.start_s == pytest.approx(0.01 * event.start_frame - 0.4)
    assert event.end_s == pytest.approx(0.01 * event.end_frame + 0.25)
    # a word begins within its recording, does not end before it begins, and ends within it too
    assert event_with(-2.0, 0.0).start_s == 0
    assert event_with(0.5, -0.5).end_s == event_with(0.5, -0.5).start_s
    assert event.until(1.0).end_s == 1.0
    assert event.until(0.1).start_s == 0.1


def test_offsets_that_are_damaged_are_noticed():
    assert word_offsets({"one": {"start_s": -0.1, "end_s": 0, "words": 7}}) == {
        "one": WordOffsets(-0.1, 0.0)
    }
    for entry in ({"start_s": 1}, {"start_s": "x", "end_s": 1}, {"start_s": 0, "end_s": math.nan}):
        with pytest.raises((KeyError, ValueError)):
            word_offsets({"one": entry})


def test_one_burst_is_one_event_and_the_next_word_another():
    smoothed = np.zeros((900, 2))
    smoothed[:, 1] = hump(900, 200, 40) + hump(900, 600, 40)
    confidences = smoothed[:, 1:]
    events = list(
        chain.from_iterable(
            run(Detector(ONE, {"one": 0.2}, refractory_s=0.1), (confidences, smoothed))
        )
    )
    assert [round(event.peak_s, 2) for event in events] == [2.0, 6.0]


def test_events_come_in_the_order_of_their_ends():
    smoothed = np.zeros((300, 3))
    smoothed[:, 1], smoothed[:, 2] = hump(300, 100, 30), hump(300, 110, 5)
    words = [Word("slow", (1,)), Word("quick", (2,))]
    detector = Detector(words, {"slow": 0.5, "quick": 0.5})
    events = list(chain.from_iterable(run(detector, (smoothed[:, 1:], smoothed))))
    assert [event.keyword for event in events] == ["quick", "slow"]


tracks = st.integers(0, 2**31).map(lambda seed: np.random.default_rng(seed))


@settings(deadline=None, max_examples=200)
@given(
    random=tracks,
    num_frames=st.integers(0, 60),
    refractory_frames=st.integers(0, 12),
    w_max=st.integers(1, 15),
    power=st.sampled_from([1, 4]),
)
def test_the_rule_frame_by_frame_in_any_chunks(random, num_frames, refractory_frames, w_max, power):
    # coarse values: equal ones and exact halves do occur
    confidences = np.round(random.random((num_frames, 2)) ** power, 1)
    smoothed = np.round(random.random((num_frames, 3)) ** power, 1)
    words = [Word("one", (1,)), Word("two", (1, 2))]
    thresholds = {"one": 0.5, "two": 0.3}
    detector = Detector(
        words,
        thresholds,
        refractory_s=refractory_frames * 0.01,
        frame_shift_s=0.01,
        frame_offset_s=0.0125,
        w_max=w_max,
    )
    assert detector.refractory_frames == refractory_frames
    expected = detections_frame_by_frame(detector, confidences, smoothed)
    assert list(chain.from_iterable(run(detector, (confidences, smoothed)))) == expected

    cuts = np.sort(random.integers(0, num_frames + 1, size=6))
    chunks = list(zip(np.split(confidences, cuts), np.split(smoothed, cuts), strict=True))
    assert list(chain.from_iterable(run_in_chunks(detector, chunks))) == expected
    frames = [(confidences[t : t + 1], smoothed[t : t + 1]) for t in range(num_frames)]
    assert list(chain.from_iterable(run_in_chunks(detector, frames))) == expected

    for k, word in enumerate(words):
        triggers = event_triggers(confidences[:, k], thresholds[word.name], refractory_frames)
        trigger_times = sorted(e.trigger_s for e in expected if e.keyword == word.name)
        assert [0.0125 + t * 0.01 for t in triggers] == trigger_times


def test_a_step_leaves_the_state_it_was_given_alone():
    random = np.random.default_rng(5)
    smoothed = random.random((50, 2))
    detector = Detector(ONE, {"one": 0.5}, refractory_s=0.05, w_max=10)
    _, state = detector.step((smoothed[:25, 1:], smoothed[:25]), detector.init_state())
    rest = (smoothed[25:, 1:], smoothed[25:])
    first, _ = detector.step(rest, state)
    second, _ = detector.step(rest, state)
    assert first == second
    assert first


def test_nothing_of_the_past_outlives_w_max_frames():
    detector = Detector(ONE, {"one": 0.5}, w_max=10)
    state = detector.init_state()
    for num_frames in (3, 5000, 1, 8, 9):
        _, state = detector.step((np.zeros((num_frames, 1)), np.zeros((num_frames, 2))), state)
        assert len(state.smoothed) == min(state.num_frames, 9) * 2 * 8


def test_what_the_caller_does_to_its_arrays_afterwards_does_not_matter():
    random = np.random.default_rng(6)
    smoothed = random.random((60, 2))
    detector = Detector(ONE, {"one": 0.9}, w_max=30)
    expected = list(chain.from_iterable(run(detector, (smoothed[:, 1:], smoothed))))
    assert expected
    events, state = [], detector.init_state()
    for frame in smoothed:
        rows = frame[None].copy()
        ended, state = detector.step((rows[:, 1:], rows), state)
        events += ended
        rows[:] = 7
    assert events + detector.flush(state) == expected


def test_a_threshold_is_not_rounded_to_the_precision_of_the_confidences():
    confidence = np.float32(0.1)
    words = [*ONE, Word("loud", (1,))]
    confidences = np.array([[confidence, 0.0], [confidence, 0.9]], np.float32)
    smoothed = np.ones((2, 2), np.float32)
    for threshold, fires in ((float(confidence), True), (float(confidence) + 1e-10, False)):
        detector = Detector(words, {"one": threshold, "loud": 0.5})
        events = list(chain.from_iterable(run(detector, (confidences, smoothed))))
        assert ("one" in {event.keyword for event in events}) is fires
        frames = [(confidences[t : t + 1], smoothed[t : t + 1]) for t in range(2)]
        assert list(chain.from_iterable(run_in_chunks(detector, frames))) == events


@pytest.mark.parametrize(
    ("seconds", "frames"), [(0, 0), (0.3, 30), (1.0, 100), (0.29, 29), (0.005, 1), (1.001, 101)]
)
def test_frames_of_a_time(seconds, frames):
    assert frames_of(seconds, 0.01) == frames


def test_mistakes_are_told():
    with pytest.raises(InputError, match=r"^keyword 'one' has no threshold; give it one$"):
        Detector(ONE, {})
    with pytest.raises(InputError, match=r"^threshold for 'two': the keywords are 'one'$"):
        Detector(ONE, {"one": 0.5, "two": 0.5})
    for threshold in (-1e-9, math.nextafter(1, 2), math.nan, math.inf):
        with pytest.raises(
            InputError,
            match=rf"^threshold {threshold} of 'one': it must lie between 0 and 1; give another, "
            r"or solve it with `kws evaluate --dev`$",
        ):
            Detector(ONE, {"one": threshold})
    for refractory_s in (-1.0, 86401.0, math.nan, math.inf):
        with pytest.raises(
            InputError,
            match=rf"^refractory_s={refractory_s}: it must lie between 0 and 86400 s, a day$",
        ):
            Detector(ONE, {"one": 0.5}, refractory_s=refractory_s)
    with pytest.raises(InputError, match=r"^w_max=0: it must be 1 frame or more$"):
        Detector(ONE, {"one": 0.5}, w_max=0)
    detector = Detector(ONE, {"one": 0.5})
    with pytest.raises(InputError, match=r"they must be \(T, 1\) and \(T, units\)"):
        detector.step((np.zeros((5, 2)), np.zeros((5, 2))), detector.init_state())
    _, state = detector.step((np.zeros((5, 1)), np.zeros((5, 2))), detector.init_state())
    for other in (np.zeros((5, 3)), np.zeros((5, 2), np.float32)):
        with pytest.raises(InputError, match=r"had another type or number of units; keep both$"):
            detector.step((np.zeros((5, 1)), other), state)


@pytest.mark.parametrize("seed", range(8))
def test_frames_that_are_skipped_count_like_those_that_are_seen(seed):
    random = np.random.default_rng(seed)
    words = [Word("a b", (1, 2)), Word("b", (2,))]
    thresholds = {"a b": 0.5, "b": 0.6}
    detector = Detector(words, thresholds, refractory_s=0.1, w_max=20)
    size = int(random.choice([1, 3, 8]))
    num_frames = 600
    smoothed = random.random((num_frames, 3))
    # levels that last for a while, so that keywords stay above or below
    levels = random.choice([0.2, 0.55, 0.9], (60, 2), p=[0.6, 0.2, 0.2])
    confidences = np.repeat(levels, 10, axis=0).astype(np.float32)
    first = confidences[:size], smoothed[:size]
    events, seen = detector.step(first, detector.init_state())
    others, skipping = list(events), seen
    num_skipped = num_above = 0
    for start in range(size, num_frames, size):
        part = slice(start, start + size)
        found, seen = detector.step((confidences[part], smoothed[part]), seen)
        events += found
        values = confidences[part].ravel().tolist()
        is_below = max(values) < detector.quiet_below(skipping)
        is_quiet = detector.is_quiet(values, skipping)
        assert is_quiet >= is_below
        if is_quiet:
            skipping = detector.skip(smoothed[part].tobytes(), skipping)
            num_skipped += 1
            num_above += not is_below
        else:
            found, skipping = detector.step((confidences[part], smoothed[part]), skipping)
            others += found
        assert skipping == seen
    assert events == others
    assert events
    assert num_skipped > num_above > 0


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("frame", range(1, 12))
def test_no_number_ends_a_burst_and_begins_none(frame, size):
    detector = Detector([Word("a", (1,))], {"a": 0.5}, refractory_s=0.01, w_max=5)
    frames = np.array([0.1, *[0.9] * 8, *[0.1] * 30])
    frames[frame] = np.nan
    confidences = frames[:, None]
    smoothed = np.where(frames >= 0.5, 1.0, 0.1)[:, None] * np.ones(2)
    events, state = detector.step((confidences[:1], smoothed[:1]), detector.init_state())
    for start in range(1, len(frames), size):
        part = slice(start, start + size)
        if detector.is_quiet(frames[part].tolist(), state):
            state = detector.skip(smoothed[part].tobytes(), state)
        else:
            found, state = detector.step((confidences[part], smoothed[part]), state)
            events += found
    whole, rest = detector.step((confidences, smoothed), detector.init_state())
    assert events == whole
    assert (state.arming, state.open) == (rest.arming, rest.open)
    assert len(events) == (2 if 1 < frame < 8 else 1)
