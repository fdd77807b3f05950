from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.audio import NOTICES, duration_s, read_audio, write_audio
from kws.errors import InputError

RATE = 16000


@pytest.fixture(autouse=True)
def _fresh_notices() -> None:
    NOTICES.clear()


def tone(num_samples: int = RATE, rate: int = RATE, frequency_hz: float = 440.0) -> np.ndarray:
    """A tone at a quarter of full scale, in whole 16-bit steps."""
    phase = 2 * np.pi * frequency_hz * np.arange(num_samples) / rate
    return np.rint(8192 * np.sin(phase)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "file_format", "subtype", "tolerance"),
    [
        ("a.wav", "WAV", "PCM_16", 0),
        ("a.wav", "WAV", "PCM_24", 0),
        ("a.wav", "WAV", "FLOAT", 0),
        ("a.wav", "WAV", "DOUBLE", 0),
        ("a.wav", "WAV", "PCM_U8", 256),  # a step of 8 bits
        ("a.wav", "WAV", "ULAW", 256),  # half a step of mu-law at a quarter of full scale
        ("a.flac", "FLAC", "PCM_16", 0),
        ("a.sph", "NIST", "PCM_16", 0),
        ("a.aiff", "AIFF", "PCM_16", 0),
        ("a.opus", "OGG", "OPUS", 600),  # lossy
        ("a.mp3", "MP3", "MPEG_LAYER_III", 600),
    ],
)
def test_reads_every_format_at_16_bit_scale(
    tmp_path: Path, name: str, file_format: str, subtype: str, tolerance: float
) -> None:
    path = tmp_path / name
    soundfile.write(path, tone() / 32768, RATE, subtype, format=file_format)
    wave = read_audio(path)
    assert (wave.sample_rate, wave.samples.dtype, wave.duration_s) == (RATE, np.float32, 1.0)
    middle = slice(2000, 14000)  # lossy codecs fade in and out
    assert np.abs(wave.samples - tone())[middle].max() <= tolerance
    assert duration_s(path) == 1.0


def test_reads_an_open_file_and_a_pipe(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", tone(), RATE)
    content = (tmp_path / "a.wav").read_bytes()

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    assert np.array_equal(read_audio(io.BytesIO(content)).samples, tone())
    assert np.array_equal(read_audio(Pipe(content)).samples, tone())


@pytest.mark.parametrize(
    ("name", "file_format", "subtype"),
    [("a.flac", "FLAC", "PCM_16"), ("a.opus", "OGG", "OPUS"), ("a.mp3", "MP3", "MPEG_LAYER_III")],
)
def test_a_part_is_the_same_samples_as_in_the_whole(
    tmp_path: Path, name: str, file_format: str, subtype: str
) -> None:
    path = tmp_path / name
    soundfile.write(path, tone() / 32768, RATE, subtype, format=file_format)
    whole = read_audio(path).samples
    part = read_audio(path, start_s=0.25, end_s=0.75).samples
    assert np.array_equal(part, whole[4000:12000])
    assert np.array_equal(read_audio(path, start_s=0.9).samples, whole[14400:])
    assert np.array_equal(read_audio(path, start_s=0.9, end_s=7).samples, whole[14400:])


def test_stereo_gives_channel_0_with_one_notice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.wav", "b.wav"):
        both = np.stack([tone(), -tone()], axis=1) / 32768
        soundfile.write(tmp_path / name, both, RATE, "PCM_16")
        assert np.array_equal(read_audio(tmp_path / name).samples, tone())
    assert [r.getMessage() for r in caplog.records] == [
        f"{tmp_path}/a.wav: 2 channels, channel 0 is used (further files like it are not named)"
    ]
    assert NOTICES.counts() == {"2 channels, channel 0 is used": 2}
    assert np.array_equal(read_audio(tmp_path / "a.wav", channel=1).samples, -tone())
    with pytest.raises(InputError, match=r"channel=2: it has 2 channel\(s\), counted from 0"):
        read_audio(tmp_path / "a.wav", channel=2)
    assert len(caplog.records) == 1


def test_another_rate_is_converted_with_a_notice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    soundfile.write(tmp_path / "a.wav", tone(44100, 44100) / 32768, 44100, "PCM_16")
    wave = read_audio(tmp_path / "a.wav", sample_rate=RATE)
    assert (wave.sample_rate, len(wave.samples)) == (RATE, RATE)
    # away from the ends a tone stays a tone: 16-bit rounding is 1 step
    assert np.abs(wave.samples - tone())[1000:-1000].max() < 2
    assert "44100 Hz converted to 16000 Hz" in caplog.text
    assert read_audio(tmp_path / "a.wav").sample_rate == 44100


def test_samples_beyond_full_scale_are_taken_with_a_notice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    soundfile.write(tmp_path / "a.wav", tone() / 4096, RATE, "FLOAT")
    assert np.array_equal(read_audio(tmp_path / "a.wav").samples, tone() * 8)
    assert "samples beyond full scale, taken as they are" in caplog.text


def test_a_wav_cut_short_is_used_with_a_notice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_audio(tmp_path / "whole.wav", tone(), RATE)
    (tmp_path / "a.wav").write_bytes((tmp_path / "whole.wav").read_bytes()[: 44 + 2000])
    assert np.array_equal(read_audio(tmp_path / "a.wav").samples, tone()[:1000])
    assert "ends before its header says" in caplog.text


def damaged_flac(path: Path) -> None:
    noise = np.random.default_rng(1).normal(0, 3000, 3 * RATE)
    write_audio(path.with_name("whole.flac"), noise, RATE)
    path.write_bytes(path.with_name("whole.flac").read_bytes()[:50000])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p.write_bytes(b""), "is empty (0 bytes); record or convert it again"),
        (
            lambda p: p.write_text("hello world\nno sound\n"),
            "is text ('hello world' ...), not a sound file; give a wav, FLAC, Opus, MP3 or SPHERE",
        ),
        (lambda p: p.write_bytes(bytes(range(256)) * 9), "is no sound file that libsndfile reads"),
        (
            lambda p: soundfile.write(p, np.zeros(0), RATE, "PCM_16"),
            "holds no samples; record or convert it again",
        ),
        (
            lambda p: soundfile.write(p, np.array([0.1, np.nan, 0.2]), RATE, "FLOAT"),
            "holds samples that are not finite (NaN or infinite)",
        ),
        (
            lambda p: soundfile.write(p, np.array([0.1, -np.inf]), RATE, "FLOAT"),
            "holds samples that are not finite (NaN or infinite)",
        ),
        (damaged_flac, "is damaged"),
    ],
)
def test_what_is_no_sound_is_told_in_one_line(tmp_path: Path, make, message: str) -> None:
    path = tmp_path / "a.wav"
    make(path)
    with pytest.raises(InputError) as caught:
        read_audio(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "found"), [("none.wav", "No such file or directory"), ("", "Is a directory")]
)
def test_what_cannot_be_opened_is_told(tmp_path: Path, name: str, found: str) -> None:
    for read in (read_audio, duration_s):
        with pytest.raises(InputError) as caught:
            read(tmp_path / name)
        place = tmp_path / name
        assert str(caught.value) == f"{place}: {found}"


@pytest.mark.parametrize(("start_s", "end_s"), [(1.0, None), (0.5, 0.5), (0.7, 0.2), (-0.1, 0.5)])
def test_a_part_outside_is_refused(tmp_path: Path, start_s: float, end_s: float | None) -> None:
    write_audio(tmp_path / "a.wav", tone(), RATE)
    with pytest.raises(InputError, match=r"is empty or outside: the recording is 1\.000 s long"):
        read_audio(tmp_path / "a.wav", start_s=start_s, end_s=end_s)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".FLAC"])
def test_written_audio_is_read_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"new/a{suffix}"
    write_audio(path, tone() + 0.4, RATE)
    assert np.array_equal(read_audio(path).samples, tone())
    write_audio(path, [1e6, -1e6, 0.0], RATE)
    assert read_audio(path).samples.tolist() == [32767, -32768, 0]
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_audio(path, tone(), RATE)
    for samples in ([np.nan], [[1.0, 2.0]]):
        with pytest.raises(InputError, match="must be one row of finite numbers"):
            write_audio(path, samples, RATE)
    assert np.array_equal(read_audio(path).samples, tone())
    with pytest.raises(InputError, match=re.escape("suffix '.mp3' is not one of .wav, .flac")):
        write_audio(tmp_path / "a.mp3", tone(), RATE)
