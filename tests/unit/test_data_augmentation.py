"""Augmentation: each change measured on signals whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from kws.config import ConfigError, format_options, parse_options
from kws.data.augmentation import (
    FULL_SCALE,
    NOMINAL_LEVEL_DB,
    Augmenter,
    AugmentOptions,
    active_level_db,
    convolve,
    prepare_rir,
)
from kws.errors import InputError

RATE = 16000
NOTHING = {
    "noise_probability": 0.0,
    "second_noise_probability": 0.0,
    "rir_probability": 0.0,
    "gain_db_min": 0.0,
    "gain_db_max": 0.0,
    "speed_percents": (100,),
}


def options(**changed: object) -> AugmentOptions:
    """Options that do nothing but what is `changed`."""
    return AugmentOptions(**{**NOTHING, **changed})  # type: ignore[arg-type]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def white(num_samples: int, deviation: float, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).standard_normal(num_samples) * deviation
    return values.astype(np.float32)


def burst() -> torch.Tensor:
    """A word of 0.5 s from 1.0 s on in 3 s of digital silence."""
    samples = torch.zeros(3 * RATE)
    samples[RATE : RATE + RATE // 2] = torch.from_numpy(white(RATE // 2, 2000.0))
    return samples


def level_db(samples: torch.Tensor) -> float:
    return 10 * math.log10(float(samples.double().square().mean()) / FULL_SCALE**2)


def test_nothing_asked_for_changes_nothing() -> None:
    samples = burst()
    augmented, speed = Augmenter(options(), [white(RATE, 9.0)], [], RATE).augment(
        samples, generator()
    )
    assert torch.equal(augmented, samples)
    assert speed == 1.0


def test_a_seed_gives_the_same_result_and_another_seed_another() -> None:
    noises, rirs = [white(5 * RATE, 500.0)], [white(2000, 1.0) * np.exp(-np.arange(2000) / 300)]
    augmenter = Augmenter(
        AugmentOptions(noise_probability=1.0, rir_probability=1.0), noises, rirs, RATE
    )
    first, first_speed = augmenter.augment(burst(), generator(7))
    again, again_speed = augmenter.augment(burst(), generator(7))
    other, _ = augmenter.augment(burst(), generator(8))
    assert torch.equal(first, again)
    assert first_speed == again_speed
    assert first.shape != other.shape or not torch.equal(first, other)


@pytest.mark.parametrize(("percent", "length"), [(90, 17778), (110, 14545), (125, 12800)])
def test_speed_shortens_and_raises_the_pitch(percent: int, length: int) -> None:
    tone = torch.sin(2 * math.pi * 1000 * torch.arange(RATE) / RATE) * 3000
    augmenter = Augmenter(options(speed_percents=(percent,)), [], [], RATE)
    faster, speed = augmenter.augment(tone, generator())
    assert speed == percent / 100
    assert len(faster) == length  # round(16000 / speed)
    spectrum = torch.fft.rfft(faster * torch.hann_window(length)).abs()
    peak_hz = float(spectrum.argmax()) * RATE / length
    assert peak_hz == pytest.approx(1000 * speed, abs=RATE / length)  # one bin


def test_what_was_at_t_is_at_t_over_speed() -> None:
    click = torch.zeros(RATE)
    click[9000] = 10000.0
    faster, speed = Augmenter(options(speed_percents=(90,)), [], [], RATE).augment(
        click, generator()
    )
    assert int(faster.abs().argmax()) == round(9000 / speed)


def test_every_speed_is_drawn() -> None:
    augmenter = Augmenter(options(speed_percents=(90, 100, 110)), [], [], RATE)
    draws = generator()
    assert {augmenter.augment(torch.ones(100), draws)[1] for _ in range(50)} == {0.9, 1.0, 1.1}


def test_a_room_leaves_the_word_where_it_was_and_as_loud() -> None:
    rir = np.zeros(4000)
    rir[200:] = white(3800, 0.1) * np.exp(-np.arange(3800) / 500)
    rir[200] = 1.5  # the direct path comes after 12.5 ms
    click = torch.zeros(8000)
    click[1000] = 1.0
    wet = convolve(click, prepare_rir(rir, RATE))
    assert int(wet.abs().argmax()) == 1000
    assert float(wet[:1000].abs().max()) < 1e-6  # the FFT's rounding
    assert float(wet.square().sum()) == pytest.approx(1.0, abs=1e-4)


def test_convolution_is_that_of_its_definition() -> None:
    samples, rir = white(1234, 100.0), white(77, 1.0, seed=1)
    expected = np.convolve(samples, rir)[:1234]
    wet = convolve(torch.from_numpy(samples), torch.from_numpy(rir))
    np.testing.assert_allclose(wet.numpy(), expected, atol=1e-2)  # float32 FFT of values near 1000
    assert convolve(torch.zeros(0), torch.ones(3)).shape == (0,)


def test_a_long_room_response_is_cut_to_half_a_second() -> None:
    assert prepare_rir(np.ones(3 * RATE), RATE).shape == (RATE // 2,)


@pytest.mark.parametrize("snr_db", [0.0, 12.5])
def test_the_signal_to_noise_ratio_counts_the_word_not_the_silence(snr_db: float) -> None:
    noise = white(10 * RATE, 321.0, seed=3)
    augmenter = Augmenter(
        options(noise_probability=1.0, snr_db_min=snr_db, snr_db_max=snr_db), [noise], [], RATE
    )
    samples = burst()
    noisy, _ = augmenter.augment(samples, generator())
    word_db = level_db(samples[RATE : RATE + RATE // 2])
    # 0.2 dB: frames that the word fills by half count too
    assert word_db - level_db(noisy - samples) == pytest.approx(snr_db, abs=0.2)


def test_digital_silence_gets_noise_below_nominal_speech() -> None:
    augmenter = Augmenter(
        options(noise_probability=1.0, snr_db_min=10.0, snr_db_max=10.0),
        [(white(RATE, 50.0)).astype(np.int16)],  # shorter than the recording: repeated
        [],
        RATE,
    )
    noisy, _ = augmenter.augment(torch.zeros(3 * RATE), generator())
    assert level_db(noisy) == pytest.approx(NOMINAL_LEVEL_DB - 10.0, abs=0.1)


def test_noise_that_is_silent_changes_nothing() -> None:
    augmenter = Augmenter(options(noise_probability=1.0), [np.zeros(RATE)], [], RATE)
    assert torch.equal(augmenter.augment(burst(), generator())[0], burst())


def test_a_second_noise_is_rare_but_comes() -> None:
    single = options(noise_probability=1.0, snr_db_min=0.0, snr_db_max=0.0)
    double = options(
        noise_probability=1.0, second_noise_probability=1.0, snr_db_min=0.0, snr_db_max=0.0
    )
    noises = [white(RATE, 100.0, seed) for seed in range(5)]
    silence = torch.zeros(RATE)
    one, _ = Augmenter(single, noises, [], RATE).augment(silence, generator())
    two, _ = Augmenter(double, noises, [], RATE).augment(silence, generator(1))
    assert level_db(two) - level_db(one) == pytest.approx(3.0, abs=0.3)  # powers of two noises add


def test_probabilities_are_kept() -> None:
    augmenter = Augmenter(options(noise_probability=0.3), [white(RATE, 9.0)], [], RATE)
    draws = generator()
    noisy = sum(bool(augmenter.augment(torch.zeros(400), draws)[0].any()) for _ in range(1000))
    assert 240 < noisy < 360  # 300 +- 4 standard deviations


def test_gain_stays_in_its_range_and_samples_in_theirs() -> None:
    augmenter = Augmenter(options(gain_db_min=-6.0, gain_db_max=6.0), [], [], RATE)
    draws = generator()
    gains = [float(augmenter.augment(torch.ones(1), draws)[0][0]) for _ in range(200)]
    assert 10**-0.3 <= min(gains) < 0.6 < 1.7 < max(gains) <= 10**0.3
    loud, _ = Augmenter(options(gain_db_min=20.0, gain_db_max=20.0), [], [], RATE).augment(
        torch.tensor([9000.0, -9000.0]), draws
    )
    assert loud.tolist() == [32767.0, -32767.0]


def test_no_samples_stay_no_samples() -> None:
    augmenter = Augmenter(
        AugmentOptions(noise_probability=1.0, rir_probability=1.0),
        [white(RATE, 9.0)],
        [np.ones(3)],
        RATE,
    )
    for seed in range(10):
        assert augmenter.augment(torch.zeros(0), generator(seed))[0].shape == (0,)


def test_active_level() -> None:
    assert active_level_db(torch.zeros(RATE), RATE) == -math.inf
    assert active_level_db(torch.zeros(0), RATE) == -math.inf
    word = burst()
    assert active_level_db(word, RATE) == pytest.approx(
        level_db(word[RATE : RATE + RATE // 2]), abs=0.2
    )
    assert active_level_db(word / 10, RATE) == pytest.approx(active_level_db(word, RATE) - 20)


def test_warps_fill_their_range() -> None:
    augmenter = Augmenter(options(vtln_warp_min=0.85, vtln_warp_max=1.2), [], [], RATE)
    draws = generator()
    warps = [augmenter.warp(draws) for _ in range(300)]
    assert 0.85 <= min(warps) < 0.87 < 1.18 < max(warps) <= 1.2


def test_masks_hold_the_mean_and_differ_between_examples() -> None:
    features = torch.randn(32, 80, 40, generator=generator())
    augmenter = Augmenter(
        options(time_masks=2, time_mask_frames=10, freq_masks=1, freq_mask_bins=5), [], [], RATE
    )
    masked = augmenter.mask(features, generator(1))
    changed = masked != features
    mean = features.mean(dim=1, keepdim=True).expand_as(features)
    assert torch.equal(masked[changed], mean[changed])
    over_time, over_bins = changed.all(dim=2), changed.all(dim=1)
    assert int(over_time.sum(dim=1).max()) <= 20
    assert int(over_bins.sum(dim=1).max()) <= 5
    assert 5 < float(over_time.sum(dim=1).float().mean()) < 10  # two of 0..10, less the overlap
    assert 1.5 < float(over_bins.sum(dim=1).float().mean()) < 3.5
    assert torch.equal(changed, over_time[:, :, None] | over_bins[:, None, :])
    assert len({tuple(row.tolist()) for row in over_time}) > 20
    assert torch.equal(masked, augmenter.mask(features, generator(1)))


def test_masks_are_not_longer_than_the_features() -> None:
    augmenter = Augmenter(options(time_mask_frames=100, freq_mask_bins=100), [], [], RATE)
    assert augmenter.mask(torch.randn(3, 0, 4), generator()).shape == (3, 0, 4)
    for seed in range(20):
        assert not augmenter.mask(torch.randn(2, 3, 4), generator(seed)).isnan().any()
    none = Augmenter(options(time_masks=0, freq_masks=0), [], [], RATE)
    features = torch.randn(2, 3, 4)
    assert torch.equal(none.mask(features, generator()), features)


def test_options_are_read_and_written() -> None:
    text = "--noise-probability=0.5\n--speed-percents=95:105\n--time-masks=0\n"
    (read,) = parse_options(text, "augment.conf", [AugmentOptions])
    assert read == AugmentOptions(noise_probability=0.5, speed_percents=(95, 105), time_masks=0)
    assert format_options(read) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "--snr-db-min=20\n--snr-db-max=10",
            "augment.conf: snr-db-min=20 is above snr-db-max=10; swap them",
        ),
        (
            "--speed-percents=0.9",
            "augment.conf:1: speed-percents=0.9: speed-percents must be whole numbers joined by "
            "colons, such as -2:0:2",
        ),
        (
            "--speed-percents=1:100",
            "augment.conf:1: speed-percents=1:100: speed-percents must be percentages from 50 "
            "to 200",
        ),
        (
            "--rir-probability=30",
            "augment.conf:1: rir-probability=30: rir-probability must lie between 0 and 1",
        ),
    ],
)
def test_option_mistakes_are_told(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_options(text, "augment.conf", [AugmentOptions])
    assert str(error.value) == message


def test_recordings_that_cannot_serve_are_refused() -> None:
    with pytest.raises(InputError, match=r"noise 1: its shape is \(0,\), it must be \(S,\)"):
        Augmenter(options(), [np.ones(3), np.zeros(0)], [], RATE)
    with pytest.raises(InputError, match=r"room impulse response 0: its shape is \(2, 5\)"):
        Augmenter(options(), [], [np.ones((2, 5))], RATE)
    with pytest.raises(InputError, match="zero throughout"):
        Augmenter(options(), [], [np.zeros(5)], RATE)
