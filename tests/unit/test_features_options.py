from __future__ import annotations

import re
from pathlib import Path

import pytest

from kws.config import ConfigError
from kws.features import (
    FbankOptions,
    FeatureOptions,
    format_feature_options,
    parse_feature_options,
)

CONFIGS = sorted((Path(__file__).parents[2] / "conf").glob("fbank*.conf"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--window-type=hann", "x.conf:1: window-type=hann: window-type must be one of hamming, "),
        ("--num-mel-bins=2", "x.conf:1: num-mel-bins=2: num-mel-bins must be 3 or greater"),
        ("--num-mel-bins=200", "is empty: no FFT bin of 31.25 Hz lies in it; take fewer mel bins"),
        ("--low-freq=-1", "low-freq=-1, high-freq=0 (that is 8000 Hz): they must obey 0 <= low-"),
        ("--low-freq=8000", "low-freq=8000, high-freq=0 (that is 8000 Hz): they must obey"),
        ("--high-freq=8001", "they must obey 0 <= low-freq < high-freq <= 8000, half of sample-f"),
        ("--high-freq=-7990", "high-freq=-7990 (that is 10 Hz): they must obey"),
        ("--frame-length=0.1", "a frame needs 2 samples and a shift 1; make them longer"),
        ("--frame-shift=0.01", "a frame needs 2 samples and a shift 1; make them longer"),
        ("--frame-length=0", "x.conf:1: frame-length=0: frame-length must be greater than 0"),
        ("--preemphasis-coefficient=1.5", "preemphasis-coefficient must lie between 0 and 1"),
        ("--sample-frequency=8000.5", "sample-frequency must be a whole number greater than 0"),
        ("--vtln-warp=0", "x.conf:1: vtln-warp=0: vtln-warp must be greater than 0"),
        ("--vtln-warp=1.1 --vtln-high=7900 --high-freq=7800", "they must lie in order between"),
        ("--vtln-warp=0.01", "they must lie in order between low-freq=20 and high-freq=8000"),
        ("--vtln-warp=9", "mel bin 2 is empty with vtln-warp=9: no FFT bin"),
        ("--delta-order=-1", "x.conf:1: delta-order=-1: delta-order must lie between 0 and 999"),
        ("--delta-window=0", "x.conf:1: delta-window=0: delta-window must lie between 1 and 999"),
        ("--cmvn=sliding", "x.conf:1: cmvn=sliding: cmvn must be one of none, global, speaker"),
        ("--feature-type=mel", "x.conf:1: feature-type=mel: feature-type must be one of fbank"),
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
    with pytest.raises(ConfigError, match="num-mel-bins must be 3 or greater"):
        FbankOptions(num_mel_bins=1)


def test_text_round_trip() -> None:
    text = "--feature-type=fbank\n--snip-edges=false\n--num-mel-bins=36\n--delta-order=2\n"
    options = parse_feature_options("# comment\n" + text, "x")
    assert options.raw == FbankOptions(num_mel_bins=36, snip_edges=False)
    assert format_feature_options(options) == text
    assert parse_feature_options(format_feature_options(options), "x") == options
    assert parse_feature_options("", "x") == FeatureOptions()


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
