"""`kws doctor`: fit or not, of files and of devices."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from fake_sounddevice import FakeSounddevice, install

from kws.audio import NOTICES, write_audio
from kws.cli.main import run as kws


@pytest.fixture(autouse=True)
def _first_notice():
    NOTICES.clear()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeSounddevice:
    fake = install(monkeypatch)
    fake.ends = "stall"
    return fake


def speech_like(duration_s=6.0, rate=16000, level=0.1):
    """Half a second of noise, half a second of a quiet room, and so on; in [-1, 1]."""
    random = np.random.default_rng(0)
    x = 0.001 * level * random.standard_normal(round(duration_s * rate))
    half = rate // 2
    for start in range(0, len(x) - half, rate):
        x[start : start + half] = level * random.standard_normal(half)
    return x


def test_a_good_file_is_fit(tmp_path, capsys):
    path = tmp_path / "good.wav"
    write_audio(path, 32768 * speech_like(), 16000)
    assert kws(["doctor", str(path)]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("6.0 s at 16000 Hz, level -20 dBFS, peak -")
    assert first.endswith(" dBFS, SNR 61 dB, clipped 0.00 %, DC 0.00 %, bandwidth 8.0 kHz")
    assert last == "fit"


def test_each_fault_has_a_line_with_its_remedy(tmp_path, capsys):
    path = tmp_path / "bad.wav"
    write_audio(path, 32768 * (np.clip(speech_like(level=0.5), -0.4, 0.4) + 0.1), 16000)
    assert kws(["doctor", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("- clipped: ")
    assert lines[1].endswith(" (at most 0.1 %): lower the input level or step back")
    assert lines[2].startswith("- DC offset: 10 % of full scale (at most 2 %): ")


def test_a_file_of_the_telephone_depends_on_the_model(tmp_path, capsys):
    path = tmp_path / "phone.wav"
    write_audio(path, 32768 * speech_like(rate=8000), 8000)
    assert kws(["doctor", str(path)]) == 1
    assert "the sample rate 8000 Hz is too low for a model of 16000 Hz" in capsys.readouterr().out
    assert kws(["doctor", str(path), "--rate", "8000"]) == 0


def test_a_dead_first_channel_is_found(tmp_path, capsys):
    path = tmp_path / "stereo.wav"
    right = speech_like()
    soundfile.write(path, np.stack([0.0001 * right, right], axis=1), 16000)
    assert kws(["doctor", str(path)]) == 1
    out = capsys.readouterr().out
    assert "- channel 0 is dead: " in out
    assert "take channel 1, or check the plug" in out


def test_a_device_is_recorded_at_its_own_rate(fake, capsys):
    fake.content = np.stack([speech_like(3.0, 48000)] * 2, axis=1)
    assert kws(["doctor", "--seconds", "2"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "recording 2 s of Built-in Microphone: speak now\n"
    assert captured.out.startswith("2.0 s at 48000 Hz, level -20 dBFS")
    assert captured.out.endswith("\nfit\n")
    assert fake.streams[0].closed


def test_a_silent_device_is_not_fit(fake, capsys):
    fake.content, fake.overflow_at = np.zeros((44100 * 7, 1)), {2}
    assert kws(["doctor", "--device", "2"]) == 1
    captured = capsys.readouterr()
    assert "recording 6 s of USB Headset: speak now\n" in captured.err
    assert "device 'USB Headset': samples are lost (an overrun)\n" in captured.err
    assert "- silent: zeros only: see that the microphone is connected" in captured.out
    assert captured.out.startswith(
        "6.0 s at 44100 Hz, level -inf dBFS, peak -inf dBFS, noise floor none, clipped 0.00 %"
    )
