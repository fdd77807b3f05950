"""Noise at a signal-to-noise ratio, the same in every run."""

from __future__ import annotations

import numpy as np
import pytest

from kws.errors import InputError
from kws.evaluation.noise import NoiseMixer

RATE = 16000


def noise(seconds: float, level: float = 100.0, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (generator.standard_normal(round(seconds * RATE)) * level).astype(np.float32)


def power_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


def word_in_silence() -> np.ndarray:
    """One second of steady sound in the middle of 5 s of digital silence."""
    samples = np.zeros(5 * RATE, dtype=np.float32)
    samples[2 * RATE : 3 * RATE] = noise(1, 1000.0, seed=1)
    return samples


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_the_ratio_is_that_of_the_word_and_not_of_the_silence_around_it(snr_db: float) -> None:
    speech = word_in_silence()
    mixed = NoiseMixer([noise(60)], RATE, snr_db=snr_db, seed=0).mix(speech, "u")
    # white noise: frames of 20 ms scatter by 0.35 dB, a second of them by far less
    ratio = power_db(speech[2 * RATE : 3 * RATE]) - power_db(mixed - speech)
    assert ratio == pytest.approx(snr_db, abs=0.2)


def test_the_ratio_of_whole_files_counts_the_silence() -> None:
    speech = word_in_silence()
    mixer = NoiseMixer([noise(60)], RATE, snr_db=10.0, seed=0, level="mean")
    ratio = power_db(speech) - power_db(mixer.mix(speech, "u") - speech)
    assert ratio == pytest.approx(10.0, abs=0.1)
    with pytest.raises(InputError, match="--snr-level peak: it must be one of active, mean"):
        NoiseMixer([noise(1)], RATE, snr_db=10.0, seed=0, level="peak")


def test_loud_and_soft_noises_get_the_same_level() -> None:
    speech = word_in_silence()
    added = [
        NoiseMixer([noise(60, level)], RATE, snr_db=10, seed=0).mix(speech, "u") - speech
        for level in (3.0, 3000.0)
    ]
    # float32 sums of speech and noise: a thousandth of a dB
    assert power_db(added[0]) == pytest.approx(power_db(added[1]), abs=0.01)


def test_what_is_drawn_depends_on_seed_and_name_alone() -> None:
    noises = [noise(7, seed=i) for i in range(5)]
    speech = word_in_silence()
    mixer = NoiseMixer(noises, RATE, snr_db=10, seed=3)
    first, other = mixer.mix(speech, "first"), mixer.mix(speech, "other")
    again = NoiseMixer(noises, RATE, snr_db=10, seed=3)
    np.testing.assert_array_equal(again.mix(speech, "other"), other)
    np.testing.assert_array_equal(again.mix(speech, "first"), first)
    assert not np.array_equal(first, other)
    assert not np.array_equal(
        NoiseMixer(noises, RATE, snr_db=10, seed=4).mix(speech, "first"), first
    )


def test_short_noises_follow_one_another_until_the_end() -> None:
    speech = word_in_silence()
    added = NoiseMixer([noise(0.3)], RATE, snr_db=10, seed=0).mix(speech, "u") - speech
    frames = np.square(added[: len(added) // 800 * 800].reshape(-1, 800)).mean(axis=1)
    assert frames.min() > 0.5 * frames.mean()


def test_an_utterance_of_zeros_gets_the_noise_as_it_was_recorded() -> None:
    mixed = NoiseMixer([noise(60, 100.0)], RATE, snr_db=10, seed=0).mix(
        np.zeros(RATE, dtype=np.float32), "u"
    )
    assert power_db(mixed) == pytest.approx(40.0, abs=0.2)


def test_silent_noises_are_passed_over_and_need_company() -> None:
    silent = np.zeros(RATE, dtype=np.float32)
    mixed = NoiseMixer([silent, noise(9)], RATE, snr_db=10, seed=0).mix(word_in_silence(), "u")
    assert (mixed[:RATE] != 0).all()
    with pytest.raises(InputError, match="no recording that is not zero"):
        NoiseMixer([silent], RATE, snr_db=10, seed=0)
