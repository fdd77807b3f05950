"""Noises, rooms and the mixing of utterances."""

import numpy as np
import pytest

from kws.audio import write_audio
from kws.data.synthesis.mixing import GATED_SHARE, Noises, finish, join, rms
from kws.data.synthesis.mouth import SAMPLE_RATE, Spoken
from kws.data.synthesis.noise import LEVEL, MAKERS, coloured, mix_of_voices
from kws.data.synthesis.rooms import room_response


def octave_slope_db(samples):
    """By how much the power density falls per octave between 200 Hz and 6.4 kHz."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    edges = 200 * 2.0 ** np.arange(6)
    density = [
        10 * np.log10(power[(frequency >= low) & (frequency < 2 * low)].mean()) for low in edges[:5]
    ]
    return -np.polyfit(np.arange(5), density, 1)[0]


@pytest.mark.parametrize(("exponent", "slope_db"), [(0, 0.0), (1, 3.01), (2, 6.02)])
def test_coloured_noise_falls_as_its_exponent_says(exponent, slope_db):
    samples = coloured(10 * SAMPLE_RATE, np.random.default_rng(0), exponent)
    # the lowest octave holds 2000 bins: its level is known to 0.1 dB
    assert octave_slope_db(samples) == pytest.approx(slope_db, abs=0.15)


@pytest.mark.parametrize(
    ("set_name", "kind"), [(name, kind) for name, makers in MAKERS.items() for kind in makers]
)
def test_every_noise_has_the_common_level_and_goes_on_to_the_end(set_name, kind):
    samples = MAKERS[set_name][kind](4 * SAMPLE_RATE, SAMPLE_RATE, np.random.default_rng(1))
    assert samples.dtype == np.float32
    assert samples.shape == (4 * SAMPLE_RATE,)
    assert rms(samples) == pytest.approx(LEVEL, rel=1e-3)
    quarters = samples.reshape(4, -1)
    assert min(rms(quarter) for quarter in quarters) > 0.01 * LEVEL
    again = MAKERS[set_name][kind](4 * SAMPLE_RATE, SAMPLE_RATE, np.random.default_rng(1))
    assert np.array_equal(samples, again)


def test_test_noises_hold_kinds_that_training_does_not_hear():
    assert set(MAKERS["test"]) - set(MAKERS["train"])
    assert set(MAKERS["dev"]) - set(MAKERS["train"])


def test_babble_gives_every_voice_the_same_weight():
    generator = np.random.default_rng(0)
    loud, quiet = (generator.standard_normal(16000).astype(np.float32) for _ in range(2))
    mixed = mix_of_voices([1000 * loud, 10 * quiet])
    assert np.corrcoef(mixed, quiet)[0, 1] == pytest.approx(np.sqrt(0.5), abs=0.03)


def test_room_response_begins_with_the_direct_sound_and_decays():
    for seed in range(20):
        response = room_response(SAMPLE_RATE, np.random.default_rng(seed))
        assert 0.15 * SAMPLE_RATE <= len(response) + 1 <= 0.8 * SAMPLE_RATE + 1
        assert np.argmax(np.abs(response)) == 0
        assert response[0] == pytest.approx(30000)
        tail = response[int(0.045 * SAMPLE_RATE) :]
        assert rms(tail[-len(tail) // 4 :]) < 0.1 * rms(tail[: len(tail) // 4])


def phrase(seconds, level=1000.0):
    samples = np.full(round(seconds * SAMPLE_RATE), level, np.float32)
    return Spoken(samples, (("word", 0.1, seconds - 0.1),))


def test_join_moves_the_words_along():
    samples, words = join([phrase(0.5), phrase(0.8)], np.random.default_rng(0))
    speech = np.flatnonzero(samples)
    first_s = speech[0] / SAMPLE_RATE
    last_s = (speech[-1] + 1) / SAMPLE_RATE
    assert 0.3 <= first_s <= 1.5
    assert 0.3 <= len(samples) / SAMPLE_RATE - last_s <= 1.5
    assert words[0] == ("word", pytest.approx(first_s + 0.1), pytest.approx(first_s + 0.4))
    assert words[1] == ("word", pytest.approx(last_s - 0.7), pytest.approx(last_s - 0.1))
    assert 0.15 <= last_s - 0.8 - (first_s + 0.5) <= 0.9


def test_noise_lies_at_the_ratio_asked_for(tmp_path):
    generator = np.random.default_rng(0)
    noise = (500 * generator.standard_normal(SAMPLE_RATE)).astype(np.float32)
    write_audio(tmp_path / "noise.wav", noise, SAMPLE_RATE)
    samples, _ = join([phrase(2.0)], generator)
    is_speech = samples != 0
    made = finish(
        samples,
        1000.0,
        noises=Noises([tmp_path / "noise.wav"]),
        noise_share=1.0,
        snr_db=(12.0, 12.0),
        generator=generator,
    )
    assert made.shape == samples.shape
    speech = made[is_speech].mean()
    assert 20 * np.log10(speech / rms(made[~is_speech])) == pytest.approx(12.0, abs=0.3)


def test_without_noise_there_is_a_faint_hiss_or_nothing():
    generator = np.random.default_rng(0)
    floors = []
    for _ in range(200):
        samples, _ = join([phrase(0.3)], generator)
        made = finish(
            samples,
            1000.0,
            noises=Noises([]),
            noise_share=0.0,
            snr_db=(0.0, 0.0),
            generator=generator,
        )
        assert np.abs(made).max() <= 0.95 * 32768
        floors.append(rms(made[samples == 0]))
    gated = np.mean(np.array(floors) == 0)
    assert gated == pytest.approx(GATED_SHARE, abs=0.08)  # three deviations of 200 draws
    assert max(floors) < 32768 * 10 ** (-59 / 20)


def test_loud_peaks_are_scaled_not_clipped():
    samples = np.zeros(SAMPLE_RATE, np.float32)
    samples[100:200] = 1.0
    samples[150] = 300.0
    made = finish(
        samples,
        1.0,
        noises=Noises([]),
        noise_share=0.0,
        snr_db=(0.0, 0.0),
        generator=np.random.default_rng(3),
    )
    assert made[150] == pytest.approx(0.95 * 32768, rel=0.01)
    assert made[150] / made[100:150].mean() == pytest.approx(300, rel=0.1)
