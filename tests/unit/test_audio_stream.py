from __future__ import annotations

import io
import logging
import struct

import numpy as np
import pytest
import soundfile

from kws.audio import NOTICES, Raw, read_audio, read_audio_chunks, read_stream_chunks, resample
from kws.errors import InputError


class Dribble(io.RawIOBase):
    """A pipe that gives a few bytes at a time, as a microphone program may."""

    def __init__(self, content: bytes, step: int) -> None:
        self._content, self._step = io.BytesIO(content), step

    def read(self, size: int = -1) -> bytes:
        return self._content.read(min(size, self._step))


VALUES = np.array([0, 1, -1, 32767, -32768, 1234, -4321], dtype="<i2")


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_raw_samples_come_in_chunks_whatever_the_pipe_gives(step: int) -> None:
    chunks = list(read_stream_chunks(Dribble(VALUES.tobytes(), step), 1000, 0.003))
    assert [chunk.tolist() for chunk in chunks] == [[0, 1, -1], [32767, -32768, 1234], [-4321]]
    assert all(chunk.dtype == np.float32 for chunk in chunks)


def test_half_a_sample_at_the_end_is_told_after_the_whole_ones() -> None:
    chunks = read_stream_chunks(io.BytesIO(VALUES.tobytes()[:-1]), 1000, 0.004)
    assert next(chunks).tolist() == [0, 1, -1, 32767]
    assert next(chunks).tolist() == [-32768, 1234]
    with pytest.raises(InputError, match="middle of a 16-bit sample"):
        next(chunks)


def test_an_empty_stream_has_no_chunks() -> None:
    assert list(read_stream_chunks(io.BytesIO(b""), 16000, 0.1)) == []


def test_resampling_keeps_what_both_rates_hold_and_removes_the_rest() -> None:
    seconds = np.arange(16000) / 16000
    low = (3000 * np.sin(2 * np.pi * 1000 * seconds)).astype(np.float32)
    high = (3000 * np.sin(2 * np.pi * 6000 * seconds)).astype(np.float32)
    expected = 3000 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    converted = resample(low + high, 16000, 8000)
    assert (converted.dtype, converted.shape) == (np.float32, (8000,))
    # the ends lack the filter's neighbours; inside, the 6 kHz tone is more than 60 dB down
    assert np.abs(converted - expected)[500:-500].max() < 3
    assert resample(low, 16000, 16000) is low
    assert resample(low[:0], 16000, 8000).shape == (0,)


@pytest.fixture(autouse=True)
def _fresh_notices() -> None:
    NOTICES.clear()


def sound(seconds: float = 1.0, channels: int = 1) -> np.ndarray:
    """Noise at a tenth of full scale, in 16-bit steps, another in each channel: (S, channels)."""
    noise = np.random.default_rng(3).normal(0, 0.1, (round(16000 * seconds), channels))
    return np.rint(32768 * noise) / 32768


def encoded(file_format: str, subtype: str = "PCM_16", channels: int = 1, **options) -> bytes:
    content = io.BytesIO()
    soundfile.write(content, sound(1, channels), 16000, subtype, format=file_format, **options)
    return content.getvalue()


def streamed(content: bytes, **options) -> np.ndarray:
    """What comes of a pipe that gives up to 700 bytes at a time."""
    return np.concatenate(list(read_stream_chunks(Dribble(content, 700), 16000, 0.08, **options)))


@pytest.mark.parametrize(
    ("file_format", "subtype", "is_stored"),
    [
        ("WAV", "PCM_16", False),
        ("WAV", "PCM_U8", False),
        ("WAV", "PCM_24", False),
        ("WAV", "FLOAT", False),
        ("WAV", "ULAW", False),
        ("WAVEX", "PCM_16", False),
        ("WAVEX", "DOUBLE", False),
        ("RF64", "PCM_16", False),
        ("AU", "PCM_16", False),
        ("AU", "ULAW", False),
        ("WAV", "IMA_ADPCM", True),
        ("FLAC", "PCM_16", True),
        ("OGG", "VORBIS", True),
        ("OGG", "OPUS", True),
        ("AIFF", "PCM_16", True),
        ("CAF", "PCM_16", True),
        ("W64", "PCM_16", True),
        ("NIST", "PCM_16", True),
        ("MP3", "MPEG_LAYER_III", True),
    ],
)
def test_a_sound_file_in_a_pipe_is_read_as_what_it_is(file_format, subtype, is_stored) -> None:
    content = encoded(file_format, subtype)
    expected = read_audio(io.BytesIO(content)).samples
    assert np.array_equal(streamed(content), expected)
    assert any("read to its end" in kind for kind in NOTICES.counts()) == is_stored


@pytest.mark.parametrize("order", ["LITTLE", "BIG"])
@pytest.mark.parametrize("file_format", ["WAV", "AU"])
def test_both_orders_of_bytes(file_format: str, order: str) -> None:
    content = encoded(file_format, endian=order)
    assert np.array_equal(streamed(content), read_audio(io.BytesIO(content)).samples)


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_of_unknown_length_is_heard_as_it_comes(size: int) -> None:
    content = encoded("WAV")
    content = content[:40] + struct.pack("<I", size) + content[44:]
    pipe = io.BytesIO(content)
    chunks = read_stream_chunks(pipe, 16000, 0.08)
    first = next(chunks)
    assert len(first) == 1280 and pipe.tell() == 44 + 2 * 1280  # no more than it needs
    assert np.array_equal(np.concatenate([first, *chunks]), 32768 * sound()[:, 0])
    # a file that was written so is the same
    assert np.array_equal(read_audio(io.BytesIO(content)).samples, 32768 * sound()[:, 0])


def test_notes_before_and_after_the_samples_are_no_samples() -> None:
    wav = encoded("WAV")
    note = b"LIST" + struct.pack("<I", 5) + b"INFOx\0"
    assert np.array_equal(streamed(wav[:12] + note + wav[12:] + note), 32768 * sound()[:, 0])


def test_a_wav_cut_short_is_heard_with_a_notice(caplog: pytest.LogCaptureFixture) -> None:
    assert len(streamed(encoded("WAV")[:-1001])) == 16000 - 501
    assert "standard input: ends before its header says" in caplog.text


def test_a_header_decides_rate_and_channels() -> None:
    content = io.BytesIO()
    soundfile.write(content, sound(1, 2), 8000, "PCM_16", format="WAV")
    left, right = (32768 * sound(1, 2)).astype(np.float32).T
    assert np.array_equal(streamed(content.getvalue(), channel=1), resample(right, 8000, 16000))
    for raw, option in ((Raw(sample_rate=16000), "--rate"), (Raw(num_channels=1), "--channels")):
        with pytest.raises(InputError, match=f"is wav whose header says .*, not {option} "):
            streamed(content.getvalue(), raw=raw)
    with pytest.raises(InputError, match=r"channel=2: it has 2 channel\(s\)"):
        streamed(content.getvalue(), channel=2)
    mean = streamed(content.getvalue(), channel="mean", raw=Raw(8000, 2))
    assert np.abs(mean - resample((left + right) / 2, 8000, 16000)).max() < 0.01


def test_raw_samples_of_several_channels() -> None:
    values = np.rint(32768 * sound(1, 3)).astype("<i2")
    got = streamed(values.tobytes(), raw=Raw(num_channels=3), channel=2)
    assert got.tolist() == values[:, 2].tolist()
    with pytest.raises(InputError, match="in the middle of a frame of 3 16-bit samples"):
        streamed(values.tobytes()[:-2], raw=Raw(num_channels=3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (encoded("WAV")[:44], "holds no samples"),
        (encoded("WAV")[:30], "ends within its header"),
        (encoded("WAV") + encoded("WAV"), "another sound file follows"),
        (encoded("FLAC")[:3000], "is damaged"),
        (b"\0\0\0\x20ftypM4A " + bytes(100), "is MP4 or M4A, which libsndfile does not read"),
    ],
)
def test_what_is_wrong_with_a_file_in_a_pipe_is_told(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=f"^standard input: {message}"):
        streamed(content)


def test_raw_samples_that_look_like_the_head_of_an_mp3_stay_raw() -> None:
    values = np.full(3000, -1025, "<i2")  # ff fb ff fb ...
    values[1] = 0x44_10  # a frame's head, and no other where it says
    assert np.array_equal(streamed(values.tobytes()), values)


def test_a_silent_channel_of_a_stream_is_told_while_it_lasts(caplog) -> None:
    both = sound(11, 2)
    both[:, 0] = 0
    content = io.BytesIO()
    soundfile.write(content, both, 16000, "PCM_16", format="WAV")
    with caplog.at_level(logging.WARNING):
        chunks = read_stream_chunks(io.BytesIO(content.getvalue()), 16000, 0.5)
        for _ in range(19):
            next(chunks)
        assert "is silent" not in caplog.text
        next(chunks)
    assert "standard input: channel 0 is silent, channel 1 is not: --channel 1" in caplog.text


@pytest.mark.parametrize("rate", [16000, 8000, 22050])
def test_chunks_of_a_file_are_its_samples(rate: int) -> None:
    content = encoded("FLAC")
    chunks = list(read_audio_chunks(io.BytesIO(content), sample_rate=rate, chunk_s=0.3))
    assert [len(chunk) for chunk in chunks[:-1]] == [round(0.3 * rate)] * 3
    expected = resample(read_audio(io.BytesIO(content)).samples, 16000, rate)
    assert np.array_equal(np.concatenate(chunks), expected)


def test_a_damaged_file_gives_what_is_before_the_damage() -> None:
    content = io.BytesIO()
    soundfile.write(content, sound(3), 16000, "PCM_16", format="FLAC")
    chunks = read_audio_chunks(io.BytesIO(content.getvalue()[:70000]), chunk_s=0.1)
    first = next(chunks)
    assert np.array_equal(first, 32768 * sound(3)[:1600, 0])
    with pytest.raises(InputError, match="audio stream: is damaged"):
        list(chunks)
