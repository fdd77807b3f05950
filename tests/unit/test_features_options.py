from __future__ import annotations

import re
from pathlib import Path

import pytest

from kws.config import ConfigError
from kws.features import (
    FbankOptions,
    FeatureOptions,
    MfccOptions,
    format_feature_options,
    parse_feature_options,
)

CONF = Path(__file__).parents[2] / "conf"
CONFIGS = sorted([*CONF.glob("fbank*.conf"), *CONF.glob("mfcc*.conf")])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--window-type=hann", "x.conf:1: window-type=hann: window-type must be one of hamming, "),
        ("--num-mel-bins=2", "x.conf:1: num-mel-bins=2: num-mel-bins must lie between 3 and 1000"),
        ("--num-mel-bins=200", "is empty: no FFT bin of 31.25 Hz lies in it; take fewer mel bins"),
        ("--low-freq=-1", "low-freq=-1, high-freq=0 (that is 8000 Hz): they must obey 0 <= low-"),
        ("--low-freq=8000", "low-freq=8000, high-freq=0 (that is 8000 Hz): they must obey"),
        ("--high-freq=8001", "they must obey 0 <= low-freq < high-freq <= 8000, half of sample-f"),
        ("--high-freq=-7990", "high-freq=-7990 (that is 10 Hz): they must obey"),
        ("--frame-length=0.1", "a frame needs 2 samples and a shift 1; make them longer"),
        ("--frame-shift=0.01", "a frame needs 2 samples and a shift 1; make them longer"),
        ("--frame-length=0", "x.conf:1: frame-length=0: frame-length must be greater than 0"),
        ("--preemphasis-coefficient=1.5", "preemphasis-coefficient must lie between 0 and 1"),
        ("--sample-frequency=8000.5", "sample-frequency must be a whole number from 1 to 1000000"),
        ("--vtln-warp=0", "x.conf:1: vtln-warp=0: vtln-warp must be greater than 0"),
        ("--vtln-warp=1.1 --vtln-high=7900 --high-freq=7800", "they must lie in order between"),
        ("--vtln-warp=0.01", "they must lie in order between low-freq=20 and high-freq=8000"),
        ("--vtln-warp=9", "mel bin 2 is empty with vtln-warp=9: no FFT bin"),
        ("--delta-order=-1", "x.conf:1: delta-order=-1: delta-order must lie between 0 and 999"),
        ("--delta-window=0", "x.conf:1: delta-window=0: delta-window must lie between 1 and 999"),
        ("--cmvn=sliding", "x.conf:1: cmvn=sliding: cmvn must be one of none, global, speaker"),
        ("--skip-dims=0:-1", "x.conf:1: skip-dims=0:-1: skip-dims must be 0 or greater"),
        ("--skip-dims=0:23", "x.conf: skip-dims: there is no column 23; the features have columns"),
        ("--num-ceps=13", "x.conf: feature-type=fbank has no option num-ceps; remove it or choose"),
        ("--feature-type=mfcc --use-power=false", "feature-type=mfcc has no option use-power;"),
        ("--feature-type=mfcc --num-ceps=0", "x.conf:2: num-ceps=0: num-ceps must be greater tha"),
        (
            "--feature-type=mfcc --num-ceps=24",
            "num-ceps=24: there are no more cepstral coefficients than mel bins, num-mel-bins=23;",
        ),
        ("--feature-type=mfcc --cepstral-lifter=-1", "cepstral-lifter must be 0 or greater"),
        ("--allow-downsample=maybe", "x.conf:1: allow-downsample=maybe: allow-downsample must be"),
        (
            "--feature-type=mel",
            "x.conf:1: feature-type=mel: feature-type must be one of fbank, mfcc",
        ),
        ("--num-mel-bin=40", "x.conf:1: unknown key num-mel-bin, did you mean num-mel-bins?"),
        (
            "--round-to-power-of-two=false --frame-length=25.0625",
            "a frame of 401 samples is odd and has no such transform; change frame-length",
        ),
    ],
)
def test_a_bad_option_is_told_with_its_name_and_rule(line: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        parse_feature_options(line.replace(" ", "\n"), "x.conf")
    assert str(caught.value).startswith("x.conf:")
    assert "\n" not in str(caught.value)


def test_options_made_in_python_are_checked_too() -> None:
    with pytest.raises(ConfigError, match="num-mel-bins must lie between 3 and 1000"):
        FbankOptions(num_mel_bins=1)


def test_text_round_trip() -> None:
    text = "--feature-type=fbank\n--snip-edges=false\n--num-mel-bins=36\n--delta-order=2\n"
    options = parse_feature_options("# comment\n" + text, "x")
    assert options.raw == FbankOptions(num_mel_bins=36, snip_edges=False)
    assert format_feature_options(options) == text
    assert parse_feature_options(format_feature_options(options), "x") == options
    assert parse_feature_options("", "x") == FeatureOptions()


def test_text_round_trip_of_mfcc() -> None:
    text = (
        "--feature-type=mfcc\n--allow-downsample=false\n--num-mel-bins=40\n--use-energy=false\n"
        "--num-ceps=30\n--cmvn=utterance\n--skip-dims=0:2\n"
    )
    options = parse_feature_options(text, "x")
    assert options.raw == MfccOptions(
        allow_downsample=False, num_mel_bins=40, use_energy=False, num_ceps=30
    )
    assert (options.dim, options.cmvn.skip_dims) == (30, (0, 2))
    assert format_feature_options(options) == text
    # the energy has another default than in fbank
    assert parse_feature_options("--feature-type=mfcc", "x").raw.use_energy


def test_the_log_mels_of_mfcc_have_its_options() -> None:
    options = MfccOptions(num_mel_bins=40, low_freq=60.0, raw_energy=False, htk_compat=True)
    expected = FbankOptions(num_mel_bins=40, low_freq=60.0, raw_energy=False, use_energy=True)
    assert options.log_mels == expected
    assert expected.log_mels is expected


def test_what_is_allowed_of_other_sample_rates() -> None:
    options = parse_feature_options("--allow-downsample=true\n--allow-upsample=false", "x").raw
    assert [options.allows(rate) for rate in (44100, 8000)] == [True, False]
    assert FbankOptions().allows(8000) is None


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_configs_in_conf_are_valid(path: Path) -> None:
    options = parse_feature_options(path.read_text(), path.name)
    assert options.dim == options.raw.dim * (options.deltas.delta_order + 1)


def test_derived_values() -> None:
    options = parse_feature_options("--num-mel-bins=40\n--use-energy=true\n--delta-order=2", "x")
    assert (options.dim, options.sample_rate, options.frame_shift_s) == (123, 16000, 0.01)
    assert options.frame_centre_s(0) == 0.0125
    assert options.frame_centre_s(100) == pytest.approx(1.0125, abs=1e-12)
    whole = parse_feature_options("--snip-edges=false", "x")
    assert whole.frame_centre_s(3) == pytest.approx(0.035, abs=1e-12)
    lengths = (0, 79, 80, 399, 400, 559, 560, 16000)
    assert [options.num_frames(n) for n in lengths] == [0, 0, 0, 0, 1, 1, 2, 98]
    assert [whole.num_frames(n) for n in lengths] == [0, 0, 1, 2, 3, 3, 4, 100]


def test_lengths_in_samples_are_truncated_as_in_kaldi() -> None:
    options = FbankOptions(sample_frequency=11025, frame_length=25, frame_shift=10)
    assert (options.window_length, options.window_shift, options.fft_length) == (275, 110, 512)
    assert FbankOptions(round_to_power_of_two=False).fft_length == 400
