"""The energy bootstrap on bursts whose place is known."""

from __future__ import annotations

import numpy as np
import pytest

from kws.hmm import place_by_energy

RATE = 16000


def noise(duration_s: float, deviation: float, seed: int = 0, rate: int = RATE) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal(round(duration_s * rate)) * deviation
    return values.astype(np.float32)


def recording(
    *bursts: tuple[float, float], floor: float = 0.0, rate: int = RATE, deviation: float = 2000.0
) -> np.ndarray:
    """3 s with bursts of noise from start to end (seconds) over a floor."""
    samples = noise(3.0, floor, seed=1, rate=rate)
    for start_s, end_s in bursts:
        first = round(start_s * rate)
        burst = noise(end_s - start_s, deviation, seed=2, rate=rate)
        samples[first : first + len(burst)] += burst
    return samples


@pytest.mark.parametrize("floor", [0.0, 0.5, 20.0, 200.0])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_a_word_in_silence_is_found(floor: float, rate: int) -> None:
    (span,) = place_by_energy(recording((1.2, 1.8), floor=floor, rate=rate), rate, ["computer"])
    assert span.word == "computer"
    # two frames: the window reaches half its length over an edge, and times are steps of 10 ms
    assert (span.start_s, span.end_s) == pytest.approx((1.2, 1.8), abs=0.0201)


def test_the_scale_does_not_matter() -> None:
    samples = recording((1.2, 1.8), floor=10.0)
    assert place_by_energy(samples, RATE, ["computer"]) == place_by_energy(
        samples * 8, RATE, ["computer"]
    )


def test_gaps_within_a_word_are_kept_and_clicks_are_passed_over() -> None:
    samples = recording((1.2, 1.4), (1.46, 1.8), floor=5.0)
    samples[4000:4100] += 20000.0 * np.sign(noise(0.1, 1.0)[:100])  # a click at 0.25 s
    (span,) = place_by_energy(samples, RATE, ["computer"])
    assert (span.start_s, span.end_s) == pytest.approx((1.2, 1.8), abs=0.0201)


def test_steady_noise_in_one_band_says_nothing() -> None:
    """A hum as strong as the word: the other bands decide."""
    samples = recording((1.2, 1.8), floor=5.0)
    samples += 3000 * np.sin(2 * np.pi * 300 * np.arange(len(samples)) / RATE).astype(np.float32)
    (span,) = place_by_energy(samples, RATE, ["computer"])
    assert (span.start_s, span.end_s) == pytest.approx((1.2, 1.8), abs=0.0301)


def test_several_phrases_keep_their_order() -> None:
    samples = recording((0.3, 0.9), (1.5, 1.9), (2.2, 2.8), floor=5.0)
    spans = place_by_energy(samples, RATE, ["computer", "jarvis", "computer"])
    assert [span.word for span in spans] == ["computer", "jarvis", "computer"]
    times = [time for span in spans for time in (span.start_s, span.end_s)]
    assert times == pytest.approx([0.3, 0.9, 1.5, 1.9, 2.2, 2.8], abs=0.0201)


def test_phrases_that_touch_do_not_overlap() -> None:
    first, second = place_by_energy(
        recording((1.0, 2.2), floor=5.0), RATE, ["computer", "computer"]
    )
    assert first.start_s == pytest.approx(1.0, abs=0.0201)
    assert first.end_s <= second.start_s
    assert second.end_s == pytest.approx(2.2, abs=0.0201)


def test_the_words_of_a_phrase_share_its_time_by_their_letters() -> None:
    view, glass = place_by_energy(recording((1.0, 1.9), floor=5.0), RATE, ["view glass"])
    assert (view.word, glass.word) == ("view", "glass")
    assert view.end_s == glass.start_s
    assert (view.end_s - view.start_s) / (glass.end_s - glass.start_s) == pytest.approx(4 / 5)


def test_a_word_is_neither_a_flash_nor_a_speech() -> None:
    (short,) = place_by_energy(recording((1.0, 1.1), floor=5.0), RATE, ["computer"])
    assert 0.3 < short.end_s - short.start_s < 0.5
    (long,) = place_by_energy(recording((0.5, 2.9), floor=5.0), RATE, ["computer"])
    assert 0.9 < long.end_s - long.start_s < 1.3


@pytest.mark.parametrize(
    "samples",
    [np.zeros(3 * RATE), noise(3.0, 0.3), noise(0.1, 1000.0), np.zeros(0), np.full(RATE, 77.0)],
    ids=["zeros", "rounding noise", "too short", "empty", "constant"],
)
def test_where_there_is_no_word_none_is_placed(samples: np.ndarray) -> None:
    assert place_by_energy(samples, RATE, ["computer"]) == []


def test_no_phrases_no_words() -> None:
    assert place_by_energy(recording((1.0, 2.0)), RATE, []) == []
