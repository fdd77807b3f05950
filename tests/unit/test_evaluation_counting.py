"""Misses, false alarms and hours, counted by hand."""

from __future__ import annotations

import math

import pytest

from kws.data import Word
from kws.detection import Detection
from kws.evaluation.counting import Counts, judge, total
from kws.evaluation.references import Reference, Window, make_reference

KEYWORDS = ("jarvis", "view glass")


def event(keyword: str, peak_s: float, confidence: float = 0.9) -> Detection:
    times_s = peak_s - 0.3, peak_s + 0.1, peak_s, peak_s - 0.1
    frames = (round(100 * time_s) for time_s in times_s)
    return Detection(keyword, *times_s[:3], confidence, times_s[3], *frames)


def reference(text: str, *words: tuple[float, float, str], duration_s: float = 36.0) -> Reference:
    timed = [Word("u", start, end, word) for start, end, word in words]
    return make_reference("d", "u", duration_s, text, timed, KEYWORDS)


def counts(reference: Reference, *events: Detection) -> dict[str, Counts]:
    return {keyword: judge(events, reference, keyword).counts for keyword in KEYWORDS}


def test_a_negative_utterance() -> None:
    said = reference("good morning")
    assert counts(said) == {"jarvis": Counts(0, 0, 0.01, 0), "view glass": Counts(0, 0, 0.01, 0)}
    assert counts(said, event("jarvis", 3), event("jarvis", 9))["jarvis"] == Counts(0, 0, 0.01, 2)


def test_no_transcript_is_a_negative() -> None:
    assert counts(reference("<unk>"))["jarvis"] == Counts(0, 0, 0.01, 0)


def test_a_positive_utterance_without_an_event_is_a_miss() -> None:
    assert counts(reference("hey Jarvis!")) == {
        "jarvis": Counts(1, 1, 0.0, 0),  # no audio without it
        "view glass": Counts(0, 0, 0.01, 0),
    }


def test_a_positive_utterance_with_an_event_anywhere_is_a_hit() -> None:
    assert counts(reference("hey jarvis"), event("jarvis", 35.9))["jarvis"] == Counts(1, 0, 0.0, 0)


def test_further_events_in_a_positive_utterance_are_false_alarms() -> None:
    events = [event("jarvis", 5), event("jarvis", 1), event("jarvis", 9)]
    assert counts(reference("jarvis"), *events)["jarvis"] == Counts(1, 0, 0.0, 2)
    judgement = judge(events, reference("jarvis"), "jarvis")
    assert [hit.peak_s for _, hit in judgement.hits] == [1]  # the first one in time
    assert [alarm.peak_s for alarm in judgement.false_alarms] == [5, 9]


def test_an_event_of_another_keyword_is_a_false_alarm_of_that_keyword() -> None:
    found = counts(reference("jarvis"), event("view glass", 1))
    assert found["jarvis"] == Counts(1, 1, 0.0, 0)
    assert found["view glass"] == Counts(0, 0, 0.01, 1)


def test_an_utterance_that_holds_a_word_twice_is_one_positive_and_excuses_two_events() -> None:
    said = reference("jarvis hello jarvis")
    assert counts(said)["jarvis"] == Counts(1, 1, 0.0, 0)
    assert counts(said, event("jarvis", 1))["jarvis"] == Counts(1, 0, 0.0, 0)
    assert counts(said, event("jarvis", 1), event("jarvis", 4))["jarvis"] == Counts(1, 0, 0.0, 0)
    three = [event("jarvis", time) for time in (1, 4, 7)]
    assert counts(said, *three)["jarvis"] == Counts(1, 0, 0.0, 1)


@pytest.mark.parametrize(
    ("peak_s", "is_hit"),
    [(9.49, False), (9.5, True), (10.0, True), (10.6, True), (11.1, True), (11.11, False)],
)
def test_with_times_the_peak_lies_within_half_a_second_of_the_word(
    peak_s: float, is_hit: bool
) -> None:
    said = reference("jarvis", (10.0, 10.6, "jarvis"))
    hours = (36 - 1.6) / 3600  # less the word and half a second on both sides
    assert counts(said, event("jarvis", peak_s))["jarvis"] == (
        Counts(1, 0, pytest.approx(hours), 0) if is_hit else Counts(1, 1, pytest.approx(hours), 1)
    )


def test_with_times_every_word_is_a_positive() -> None:
    words = [(2.0, 2.5, "jarvis"), (5.0, 5.3, "view"), (5.3, 5.7, "glass"), (20.0, 20.6, "Jarvis")]
    said = reference("jarvis view glass jarvis", *words)
    found = counts(
        said,
        event("jarvis", 2.4),  # hit
        event("jarvis", 3.0),  # in the window of the same word
        event("jarvis", 12.0),  # nowhere near a word
        event("view glass", 5.6),  # hit
        event("view glass", 20.1),  # at another keyword
    )
    assert found["jarvis"] == Counts(2, 1, pytest.approx((36 - 1.5 - 1.6) / 3600), 2)
    assert found["view glass"] == Counts(1, 0, pytest.approx((36 - 1.7) / 3600), 1)


def test_two_words_close_together_need_two_events() -> None:
    said = reference("jarvis jarvis", (2.0, 2.5, "jarvis"), (2.8, 3.3, "jarvis"))
    hours = (36 - 2.3) / 3600  # from 1.5 to 3.8
    assert counts(said, event("jarvis", 2.4))["jarvis"] == Counts(2, 1, pytest.approx(hours), 0)
    both = [event("jarvis", 2.7), event("jarvis", 2.9)]
    assert counts(said, *both)["jarvis"] == Counts(2, 0, pytest.approx(hours), 0)


def test_a_keyword_within_a_longer_one_is_not_said() -> None:
    keywords = ("google", "okay google")
    timed = [
        Word("u", 2.0, 2.3, "okay"),
        Word("u", 2.3, 2.8, "google"),
        Word("u", 9, 9.5, "google"),
    ]
    for words in ((), timed):
        said = make_reference("d", "u", 36.0, "okay google, google", words, keywords)
        assert [said.num_positives(keyword) for keyword in keywords] == [1, 1]
        assert [window.is_trial for window in said.windows_of("okay google")] == [True]
    assert said.windows_of("okay google") == (Window(1.5, 3.3),)
    assert said.windows_of("google") == (Window(1.5, 3.3, is_trial=False), Window(8.5, 10.0))


@pytest.mark.parametrize("times", [True, False])
def test_within_a_longer_keyword_an_event_is_neither_hit_nor_false_alarm(times: bool) -> None:
    keywords = ("google", "okay google")
    words = [Word("u", 2.0, 2.3, "okay"), Word("u", 2.3, 2.8, "google")] if times else []
    said = make_reference("d", "u", 36.0, "okay google", words, keywords)
    hours = (36 - 1.8) / 3600 if times else 0.0
    for events in ([], [event("google", 2.5)]):
        counts = judge(events, said, "google").counts
        assert counts == Counts(0, 0, pytest.approx(hours), 0)
    twice = [event("google", 2.4), event("google", 2.6)]
    assert judge(twice, said, "google").counts.false_alarms == 1
    other = make_reference("d", "u", 36.0, "okay google", words, ("google", "okay"))
    assert other.num_positives("google") == 1


def test_a_longer_keyword_takes_no_event_of_the_shorter_one_beside_it() -> None:
    """Their windows overlap: what is a trial's own stays with it."""
    words = [
        Word("u", 2.0, 2.3, "stop"),
        Word("u", 2.3, 2.8, "music"),
        Word("u", 3.0, 3.3, "stop"),
        Word("u", 3.5, 3.8, "stop"),
        Word("u", 3.8, 4.2, "music"),
    ]
    said = make_reference("d", "u", 36.0, "", words, ("stop", "stop music"))
    assert said.windows_of("stop") == (
        Window(1.5, 2.5, is_trial=False),
        Window(2.5, 3.8),
        Window(3.8, 4.7, is_trial=False),
    )
    assert judge([event("stop", 3.1)], said, "stop").counts.misses == 0


def test_times_count_even_where_there_is_no_transcript() -> None:
    said = reference("<unk>", (2.0, 2.5, "jarvis"))
    assert counts(said)["jarvis"].positives == 1


def test_times_that_lack_a_keyword_of_the_text_are_not_used() -> None:
    said = reference("hello jarvis", (2.0, 2.5, "hello"))
    assert said.ignores_times
    assert said.windows_of("jarvis") == (Window(-math.inf, math.inf),)
    assert not reference("hello", (2.0, 2.5, "hello")).ignores_times


def test_a_window_beyond_the_audio_takes_no_more_hours_than_there_are() -> None:
    said = reference("jarvis", (35.8, 36.4, "jarvis"))
    assert said.seconds_without("jarvis") == pytest.approx(35.3)


def test_counts_of_several_utterances_add_up() -> None:
    judgements = [
        judge([], reference("jarvis"), "jarvis"),
        judge([event("jarvis", 1)], reference("hello"), "jarvis"),
        judge([], reference("hello"), "jarvis"),
    ]
    assert total(judgements) == Counts(1, 1, 0.02, 1)
