"""Levels, clipping, gaps, bandwidth and hum of sounds whose values are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kws.audio import measure, resample
from kws.errors import InputError

RATE = 16000
FULL = 32768


def noise(duration_s=3.0, level=0.1, rate=RATE, seed=0):
    random = np.random.default_rng(seed)
    return level * FULL * random.standard_normal(round(duration_s * rate))


def tone(frequency, duration_s=3.0, amplitude=0.1, rate=RATE):
    times = np.arange(round(duration_s * rate)) / rate
    return amplitude * FULL * np.sin(2 * np.pi * frequency * times)


def words_in_a_room(room=0.001):
    """Half a second of loud noise, half a second of the room, and so on."""
    x = noise(4, level=room)
    for start in range(0, len(x), RATE):
        x[start : start + RATE // 2] += noise(0.5, level=0.1, seed=1)
    return x


def test_levels_of_a_sine_are_those_of_its_amplitude():
    measures = measure(tone(1000, amplitude=0.1), RATE)
    assert measures.duration_s == 3
    assert measures.peak_dbfs == pytest.approx(-20, abs=0.01)
    # a sine's power is half of its amplitude's square: 3.01 dB below; a frame is 20 whole periods
    assert measures.level_dbfs == pytest.approx(-23.01, abs=0.01)
    assert measures.snr_db == pytest.approx(0, abs=0.01)
    assert measures.clipped_share == 0
    assert measures.dc_offset == pytest.approx(0, abs=1e-9)
    assert measures.still_share == 0


def test_speech_level_and_noise_floor_are_told_apart():
    measures = measure(words_in_a_room(), RATE)
    # half of the frames have either level; the variance of 320 samples scatters by 8 % = 0.3 dB,
    # and a tenth percentile is some 0.4 dB below the middle
    assert measures.level_dbfs == pytest.approx(-20, abs=1)
    assert measures.noise_floor_dbfs == pytest.approx(-60, abs=1)
    assert measures.snr_db == pytest.approx(40, abs=2)


def test_a_word_in_a_minute_of_silence_has_its_own_level():
    x = noise(8, level=0.001)
    x[RATE : RATE + RATE // 2] += noise(0.5, level=0.1, seed=1)
    assert measure(x, RATE).level_dbfs == pytest.approx(-20, abs=1)


def test_zeros_have_no_level():
    measures = measure(np.zeros(RATE), RATE)
    assert measures.peak_dbfs == measures.level_dbfs == -math.inf
    assert measures.noise_floor_dbfs is measures.snr_db is measures.bandwidth_hz is None
    assert measures.still_share == 0


def test_a_constant_is_a_dc_offset_and_no_sound():
    measures = measure(np.full(RATE, 0.25 * FULL), RATE)
    assert measures.dc_offset == 0.25
    assert measures.level_dbfs == -math.inf
    assert measures.noise_floor_dbfs is None


def test_dc_does_not_count_as_level():
    offset = measure(tone(1000) + 0.3 * FULL, RATE)
    assert offset.dc_offset == pytest.approx(0.3, abs=1e-6)
    assert offset.level_dbfs == pytest.approx(measure(tone(1000), RATE).level_dbfs, abs=1e-6)


@pytest.mark.parametrize("top", [1.0, 0.5])
def test_cut_peaks_are_counted(top):
    limit = round(top * (FULL - 1))
    x = np.clip(np.round(tone(200, amplitude=2 * top)), -limit, limit)
    # |sin| >= 1/2 in two thirds of a period
    assert measure(x, RATE).clipped_share == pytest.approx(2 / 3, abs=0.02)


def test_a_loud_sine_that_touches_no_limit_is_not_clipped():
    x = np.round(tone(200, amplitude=0.99))
    assert measure(x, RATE).clipped_share == 0


def test_gaps_between_sounds_are_counted_and_padding_is_not():
    x = words_in_a_room()
    x[x.size // 2 - RATE // 2 : x.size // 2] = 0  # half a second that was the room
    assert measure(x, RATE).still_share == pytest.approx(0.5 / 4, abs=0.01)
    padded = np.concatenate((np.zeros(RATE), words_in_a_room(), np.zeros(RATE)))
    assert measure(padded, RATE).still_share == 0


def test_one_bit_that_toggles_is_still_and_short_gaps_are_not_counted():
    x = words_in_a_room()
    x[8000:16000] = np.arange(8000) % 2
    assert measure(x, RATE).still_share == pytest.approx(0.5 / 4, abs=0.01)
    stop = words_in_a_room()
    stop[8000 : 8000 + 640] = 0  # 40 ms
    assert measure(stop, RATE).still_share == 0


@pytest.mark.parametrize(("rate", "edge_hz"), [(8000, 4000), (11025, 5512)])
@pytest.mark.parametrize("to_rate", [16000, 48000])
def test_the_bandwidth_of_what_was_recorded_at_a_lower_rate(rate, edge_hz, to_rate):
    x = np.round(resample(noise(3, rate=rate).astype(np.float32), rate, to_rate))
    # the cliff is found where its middle is, a little below: the filter is 5 to 10 % wide
    assert 0.9 * edge_hz < measure(x, to_rate).bandwidth_hz <= edge_hz


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_noise_has_the_bandwidth_of_its_rate(rate):
    assert measure(noise(2, rate=rate), rate).bandwidth_hz == rate / 2


def test_a_spectrum_that_falls_smoothly_has_no_edge():
    brown = np.cumsum(noise(3))  # 6 dB per octave
    assert measure(brown - brown.mean(), RATE).bandwidth_hz == RATE / 2


@pytest.mark.parametrize("base", [50, 60])
def test_hum_is_found_at_its_frequency_and_level(base):
    lines = [tone(base * harmonic, amplitude=0.01, duration_s=4) for harmonic in (1, 2, 3)]
    measures = measure(words_in_a_room() + sum(lines), RATE)
    assert measures.hum_hz == base
    # three lines of -43.01 dBFS; the quartile over 15 windows in noise, half of them loud, and
    # lines that end in the rise of the loud part: within 1.5 dB
    assert measures.hum_dbfs == pytest.approx(-43.01 + 10 * math.log10(3), abs=1.5)


def test_a_voice_is_no_hum():
    times = np.arange(4 * RATE) / RATE
    pitch = 110 + 15 * np.sin(2 * np.pi * 0.7 * times)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 20))
    assert measure(0.1 * FULL * voice + noise(4, level=0.001), RATE).hum_hz is None


def test_a_short_recording_tells_nothing_about_hum():
    assert measure(tone(50, duration_s=1) + tone(100, duration_s=1), RATE).hum_hz is None


@pytest.mark.parametrize("samples", [np.zeros(319), np.zeros((2, 1600)), np.zeros(0)])
def test_what_cannot_be_measured_is_refused(samples):
    with pytest.raises(InputError, match=r"must be one row of 320 samples \(0\.02 s\) or more"):
        measure(samples, RATE)
