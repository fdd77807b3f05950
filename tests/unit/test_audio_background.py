"""What a detector hears behind a recording's end."""

import numpy as np
import pytest

from kws.audio import background, recent_samples

RATE = 16000
LENGTH = RATE // 2
STRETCH = RATE // 10


def noise(duration_s, level, seed=0):
    random = np.random.default_rng(seed)
    return (level * random.standard_normal(round(duration_s * RATE))).astype(np.float32)


def test_it_is_the_quietest_stretch_to_and_fro():
    samples = np.concatenate((noise(1, 100), noise(0.1, 3, seed=1), noise(0.4, 1000, seed=2)))
    quiet = samples[RATE : RATE + STRETCH]
    behind = background(samples, RATE)
    assert (behind.shape, behind.dtype) == ((LENGTH,), np.float32)
    expected = np.concatenate((quiet[::-1], quiet, quiet[::-1], quiet, quiet[::-1]))
    np.testing.assert_array_equal(behind, expected)


def test_only_the_last_seconds_are_looked_at():
    samples = np.concatenate((noise(1, 1), noise(2.5, 100, seed=1)))
    recent = samples[-recent_samples(RATE) :]
    assert len(recent) == 2 * RATE
    assert np.abs(background(samples, RATE)).max() > 50
    np.testing.assert_array_equal(background(samples, RATE), background(recent, RATE))


def test_after_a_noise_gate_it_is_digital_silence():
    gated = np.concatenate((np.zeros(RATE), noise(0.6, 1000))).astype(np.float32)
    np.testing.assert_array_equal(background(gated, RATE), np.zeros(LENGTH, np.float32))


def test_the_grid_begins_at_the_end():
    # a stretch of silence is found wherever the recording ends behind it
    for extra in range(0, 321, 7):
        samples = np.concatenate((noise(0.5, 50), np.zeros(STRETCH + 160), noise(0.3, 50, seed=1)))
        samples = np.concatenate((samples, noise(1, 50, seed=2)[:extra]))
        assert not background(samples.astype(np.float32), RATE).any()


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100])
def test_any_rate(rate):
    behind = background(np.ones(rate, np.float32), rate)
    np.testing.assert_array_equal(behind, np.ones(round(rate / 2), np.float32))


def test_what_is_shorter_than_a_stretch_has_none():
    assert len(background(noise(1, 9)[: STRETCH - 1], RATE)) == 0
    assert len(background(np.zeros(0, np.float32), RATE)) == 0
    assert len(background(noise(1, 9)[:STRETCH], RATE)) == LENGTH
