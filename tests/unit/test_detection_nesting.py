"""Keywords inside longer ones: one event, the longest, whatever the chunks are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kws.detection import Detection, Detector, Nesting
from kws.streaming import run, run_in_chunks

W_MAX = 40


@dataclass(frozen=True)
class Word:
    name: str
    units: tuple[int, ...]


STOP, STOP_MUSIC, MUSIC = Word("stop", (1,)), Word("stop music", (1, 2)), Word("music", (2,))
ALL = [STOP, STOP_MUSIC, MUSIC]


def said(num_frames: int, stops: list[int], musics: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Confidences and smoothed posteriors of words whose units peak at the frames given."""
    frames = np.arange(num_frames)
    smoothed = np.zeros((num_frames, 3))
    for column, peaks in ((1, stops), (2, musics)):
        for peak in peaks:
            smoothed[:, column] += 0.9 * np.exp(-(((frames - peak) / 4) ** 2))
    recent = np.array([smoothed[max(0, t - W_MAX + 1) : t + 1].max(axis=0) for t in frames])
    both = np.sqrt(recent[:, 1] * smoothed[:, 2])  # music now, stop before it
    return np.stack([smoothed[:, 1], both, smoothed[:, 2]], axis=1), smoothed


def events_of(
    scores: tuple[np.ndarray, np.ndarray], words: list[Word] = ALL, **options: bool
) -> list[str]:
    columns = [ALL.index(word) for word in words]
    detector = Detector(
        words, {w.name: 0.5 for w in words}, refractory_s=0.1, w_max=W_MAX, **options
    )
    confidences, smoothed = scores[0][:, columns], scores[1]
    return [
        f"{e.keyword} {e.peak_frame}"
        for e in chain.from_iterable(run(detector, (confidences, smoothed)))
    ]


def test_of_a_longer_keyword_one_event_is_told():
    scores = said(200, [60], [80])
    assert events_of(scores) == ["stop music 80"]
    assert events_of(scores, tell_nested=True) == ["stop 60", "stop music 80", "music 80"]


def test_the_shorter_one_by_itself_is_told():
    assert events_of(said(200, [60], [])) == ["stop 60"]
    assert events_of(said(200, [], [80])) == ["music 80"]


def test_both_one_after_the_other_are_told():
    """Each order; an event that ends before the longer one begins is none inside it."""
    assert events_of(said(300, [60, 90], [110])) == ["stop 60", "stop music 110"]
    assert events_of(said(300, [60, 130], [80])) == ["stop music 80", "stop 130"]


def test_what_a_longer_keyword_does_not_hold_is_told():
    assert events_of(said(200, [60], [80]), [STOP, MUSIC]) == ["stop 60", "music 80"]


@pytest.mark.parametrize(("music", "told_at"), [([], 57 + W_MAX), ([80], None)])
def test_the_shorter_one_waits_w_max_frames_after_its_trigger(music, told_at):
    scores = said(300, [60], music)
    detector = Detector(ALL, {w.name: 0.5 for w in ALL}, w_max=W_MAX)
    state, told = detector.init_state(), {}
    for frame in range(300):
        part = slice(frame, frame + 1)
        events, state = detector.step((scores[0][part], scores[1][part]), state)
        told |= {event.keyword: (frame, event) for event in events}
    if told_at is None:
        assert "stop" not in told
        assert told["stop music"][0] == told["stop music"][1].end_frame  # it does not wait
    else:
        frame, event = told["stop"]
        assert frame == event.trigger_frame + W_MAX == told_at
        assert event.end_frame < 70  # its end is that of the word


def test_the_end_of_the_stream_ends_the_waiting():
    scores = said(75, [60], [])
    detector = Detector(ALL, {w.name: 0.5 for w in ALL}, w_max=W_MAX)
    events, state = detector.step(scores, detector.init_state())
    assert events == []
    assert [event.keyword for event in detector.flush(state)] == ["stop"]


def test_which_keywords_lie_in_which():
    names = ["stop", "stop music", "Music!", "stopmusic now", "nonstop", "view", "re view"]
    nesting = Nesting(names, 10)
    assert nesting.longer == {0: (1,), 1: (3,), 2: (1,), 5: (6,)}
    assert nesting.waits == {0: (1,), 1: (3,)}
    assert not Nesting(["computer", "jarvis"], 10)


def by_the_rule(
    stepped: list[Detection],
    flushed: list[Detection],
    nesting: Nesting,
    names: list[str],
    num_frames: int,
) -> list[Detection]:
    """From the events of each keyword by itself those that are told, in their order.

    Those that the end of the stream ends, or whose waiting it ends, come last.
    """
    told, single = [], [*stepped, *flushed]
    for event in single:
        number = names.index(event.keyword)
        due = event.end_frame
        if number in nesting.waits:
            due = max(due, event.trigger_frame + nesting.w_max)
        outer = [
            other
            for other in single
            if names.index(other.keyword) in nesting.longer.get(number, ())
            and event.start_frame <= other.trigger_frame <= due
            and other.start_frame <= event.end_frame
        ]
        if not outer:
            is_last = event in flushed or due >= num_frames
            told.append((is_last, due, number, event.trigger_frame, event))
    return [event for *_, event in sorted(told, key=lambda entry: entry[:4])]


@settings(deadline=None, max_examples=200)
@example(seed=1, num_frames=2, refractory_frames=0, w_max=1)
@given(
    seed=st.integers(0, 2**31),
    num_frames=st.integers(0, 80),
    refractory_frames=st.integers(0, 12),
    w_max=st.integers(1, 15),
)
def test_the_rule_in_any_chunks(seed, num_frames, refractory_frames, w_max):
    random = np.random.default_rng(seed)
    words = [Word("a", (1,)), Word("a b", (1, 2)), Word("b", (2,)), Word("a b c", (1, 2, 3))]
    confidences = np.round(random.random((num_frames, 4)) ** 3, 1)
    smoothed = np.round(random.random((num_frames, 4)) ** 3, 1)
    options = {"refractory_s": refractory_frames * 0.01, "w_max": w_max}
    thresholds = {word.name: 0.6 for word in words}
    alone = Detector(words, thresholds, tell_nested=True, **options)
    stepped, flushed = run(alone, (confidences, smoothed))
    names = [word.name for word in words]
    expected = by_the_rule(stepped, flushed, Nesting(names, w_max), names, num_frames)
    detector = Detector(words, thresholds, **options)
    assert list(chain.from_iterable(run(detector, (confidences, smoothed)))) == expected
    cuts = np.sort(random.integers(0, num_frames + 1, size=6))
    chunks = zip(np.split(confidences, cuts), np.split(smoothed, cuts), strict=True)
    assert list(chain.from_iterable(run_in_chunks(detector, chunks))) == expected
    frames = [(confidences[t : t + 1], smoothed[t : t + 1]) for t in range(num_frames)]
    assert list(chain.from_iterable(run_in_chunks(detector, frames))) == expected
