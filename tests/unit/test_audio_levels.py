"""Channels of whole recordings: silent, constant, clipped, alone or beside a live one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.audio import measure
from kws.audio.files import read_pieces
from kws.audio.levels import Levels, measure_levels
from kws.errors import InputError

RATE = 8000
SILENCE = np.zeros(RATE)
NOISE = np.random.default_rng(0).normal(0, 1000, RATE)
HISS = np.random.default_rng(1).normal(0, 3, RATE)  # -80 dBFS
CLICK = np.where(np.arange(RATE) == 100, 20000.0, 0)


def levels_of(path: Path, *channels: np.ndarray) -> Levels:
    samples = np.stack(channels, axis=1).astype(np.int16)
    soundfile.write(path / "a.wav", samples, RATE, "PCM_16")
    return measure_levels(path / "a.wav")


@pytest.mark.parametrize(
    ("channels", "silent", "live"),
    [
        ((NOISE,), [False], 0),
        ((SILENCE,), [True], None),
        ((HISS,), [True], None),
        ((NOISE / 50,), [False], 0),  # alone it is only quiet
        ((SILENCE + 500,), [True], None),
        ((CLICK,), [False], 0),  # a room's impulse response
        ((SILENCE, NOISE), [True, False], 1),
        ((NOISE, HISS, NOISE / 10), [False, True, False], 0),
        ((NOISE / 50, NOISE * 7), [True, False], 1),  # crosstalk: -64 dBFS, 51 dB below
        ((HISS, SILENCE), [True, True], None),
    ],
)
def test_silent_channels(
    tmp_path: Path, channels: tuple[np.ndarray, ...], silent: list[bool], live: int | None
) -> None:
    levels = levels_of(tmp_path, *channels)
    assert [levels.is_silent(channel) for channel in range(len(channels))] == silent
    assert levels.live_channel() == live
    assert (levels.num_samples, levels.sample_rate) == (RATE, RATE)


def test_constant_and_clipped_channels(tmp_path: Path) -> None:
    loud = np.clip(40 * NOISE, -32768, 32767)
    constant, still, clipped, clean = levels_of(
        tmp_path, SILENCE + 500, SILENCE, loud, NOISE
    ).channels
    assert [one.is_constant for one in (constant, still, clipped, clean)] == [True, True, 0, 0]
    assert (constant.offset, still.offset) == (500, 0)
    assert clipped.is_clipped and not clean.is_clipped
    soundfile.write(tmp_path / "loud.wav", loud / 32768, RATE)
    assert clipped.clipped_share == measure(np.rint(loud), RATE).clipped_share


def test_a_recording_of_many_pieces_is_measured_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = np.concatenate([np.zeros(9 * RATE), NOISE])
    assert not levels_of(tmp_path, late).is_silent(0)
    whole = levels_of(tmp_path, late, np.zeros(10 * RATE))
    monkeypatch.setattr("kws.audio.files._PIECE_VALUES", 2 * 2400)  # 0.3 s of both
    pieces = [piece for piece, _ in read_pieces(tmp_path / "a.wav")]
    assert len(pieces) == 34 and np.array_equal(np.concatenate(pieces)[:, 0], late.astype(np.int16))
    assert measure_levels(tmp_path / "a.wav") == whole


@pytest.mark.parametrize("num_samples", [1, 159, 160])
def test_recordings_of_hardly_a_frame(tmp_path: Path, num_samples: int) -> None:
    assert levels_of(tmp_path, NOISE[:num_samples]).num_samples == num_samples


def test_samples_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", [0.0, np.nan], RATE, "FLOAT")
    with pytest.raises(InputError, match="not finite"):
        measure_levels(tmp_path / "a.wav")


def test_clipping_is_that_of_the_whole_recording(tmp_path: Path) -> None:
    """A flat top in one piece is none beside louder sound in another."""
    loud = np.tile(40 * NOISE, 120)
    limits = np.repeat([12000.0, 20000.0], len(loud) // 2)
    samples = np.clip(loud, -limits, limits)
    share = levels_of(tmp_path, samples).channels[0].clipped_share
    whole = measure(samples.astype(np.int16).astype(np.float32), RATE).clipped_share
    assert share == pytest.approx(whole)
    assert 0 < share < 0.5
