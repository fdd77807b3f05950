from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.audio import NOTICES, read_audio
from kws.cli.main import run as kws

RATE = 16000


@pytest.fixture(autouse=True)
def _fresh_notices() -> None:
    NOTICES.clear()


def write(path: Path, *levels: float) -> np.ndarray:
    """Noise of those levels, one per channel, in 16-bit steps: (S, channels)."""
    noise = np.random.default_rng(1).normal(0, 1, (2 * RATE, len(levels))) * levels
    noise = np.rint(32768 * noise) / 32768
    soundfile.write(path, noise, RATE, "PCM_16")
    return noise.astype(np.float32)


def test_a_channel_or_the_mean_of_all(tmp_path: Path) -> None:
    both = write(tmp_path / "a.wav", 0.1, 0.2)
    right = read_audio(tmp_path / "a.wav", channel=1).samples
    assert np.array_equal(right, 32768 * both[:, 1])
    mean = read_audio(tmp_path / "a.wav", channel="mean").samples
    assert np.array_equal(mean, 32768 * both.mean(axis=1))
    assert NOTICES.counts() == {}


@pytest.mark.parametrize(
    ("levels", "channel", "told"),
    [
        ((0.0, 0.1), None, "channel 0 is silent, channel 1 is not: --channel 1"),
        ((0.0, 0.1), 0, "channel 0 is silent, channel 1 is not: --channel 1"),
        ((0.00005, 0.1), None, "channel 0 is silent, channel 1 is not: --channel 1"),
        ((0.1, 0.0, 0.2), 1, "channel 1 is silent, channel 2 is not: --channel 2"),
        ((0.0, 0.1), 1, None),
        ((0.0, 0.1), "mean", None),
        ((0.0, 0.0), None, None),
        ((0.02, 0.1), None, None),
    ],
)
def test_a_silent_channel_beside_a_live_one_is_named(tmp_path, levels, channel, told) -> None:
    write(tmp_path / "a.wav", *levels)
    read_audio(tmp_path / "a.wav", channel=channel)
    kinds = [kind for kind in NOTICES.counts() if "silent" in kind]
    assert kinds == ([told] if told else [])


def test_who_is_silent_in_a_part_is_not_a_silent_channel(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", 0.0, 0.1)
    read_audio(tmp_path / "a.wav", start_s=0.5, end_s=1.5)
    assert list(NOTICES.counts()) == ["2 channels, channel 0 is used"]


@pytest.mark.parametrize("value", ["left", "-1", "1.5", ""])
def test_what_is_no_channel_is_told(tmp_path: Path, value: str, capsys) -> None:
    write(tmp_path / "a.wav", 0.1, 0.1)
    assert kws(["doctor", f"--channel={value}", str(tmp_path / "a.wav")]) == 2
    told = capsys.readouterr().err
    assert "is neither a channel, counted from 0, nor mean" in told and told.count("\n") == 1


def test_the_doctor_examines_the_channel_that_is_asked_for(tmp_path: Path, capsys) -> None:
    write(tmp_path / "a.wav", 0.001, 0.1)
    for channel, level in (("0", -60), ("1", -20), ("mean", -26)):
        kws(["doctor", "--channel", channel, str(tmp_path / "a.wav")])
        assert f"level {level} dBFS" in capsys.readouterr().out
    assert kws(["doctor", "--channel", "2", str(tmp_path / "a.wav")]) == 2
    assert "a.wav: channel=2: it has 2 channel(s)" in capsys.readouterr().err
