"""Headers that lie: one line, at once, whatever they say."""

from __future__ import annotations

import io
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile

from kws.audio import NOTICES, read_audio, read_stream_chunks
from kws.errors import InputError


@pytest.fixture(autouse=True)
def _fresh_notices() -> None:
    NOTICES.clear()


def encoded(file_format: str, subtype: str = "PCM_16") -> bytes:
    content = io.BytesIO()
    noise = np.random.default_rng(3).normal(0, 0.1, 16000)
    soundfile.write(content, noise, 16000, subtype, format=file_format)
    return content.getvalue()


def patched(content: bytes, place: int | bytes, code: str, value: float, behind: int = 0) -> bytes:
    """With another value at a place, or so far behind the first of a few bytes."""
    position = place if isinstance(place, int) else content.index(place) + behind
    said = struct.pack(code, value)
    return content[:position] + said + content[position + len(said) :]


WAV, FLAC, AU = encoded("WAV"), encoded("FLAC"), encoded("AU")
SHORTEN = b"NIST_1A\n   1024\nsample_coding -s26 pcm,embedded-shorten-v2.00\nend_head\n"


def flac(rate: int, num_samples: int) -> bytes:
    return patched(FLAC, 18, ">Q", rate << 44 | 15 << 36 | num_samples)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (patched(WAV, 24, "<I", 0), "its header says 0 Hz|is no sound file"),
        (patched(WAV, 24, "<I", 1), "its header says 1 Hz"),
        (patched(WAV, 24, "<I", 1 << 31), "its header says 2147483648 Hz|is no sound file"),
        (patched(WAV, 22, "<H", 65535), "its header says 65535 channels|is no sound file"),
        (patched(WAV, 22, "<H", 300), "its header says 300 channels"),
        (patched(WAV, 16, "<I", 1 << 31), "its header has a chunk 'fmt '|is no sound file"),
        (flac(1, 16000), "its header says 1 Hz"),
        (flac(1048575, 16000), "its header says 1048575 Hz"),
        (flac(16000, (1 << 36) - 1), "its header says 68719476735 samples, more than its"),
        (flac(16000, 500_000_000), "is damaged"),
        (patched(AU, 16, ">I", 1 << 31), "its header says 2147483648 Hz|is no sound file"),
        (patched(AU, 20, ">I", 65535), "its header says 65535 channels|is no sound file"),
        (patched(AU, 4, ">I", 1 << 31), "its header says 2147483648 bytes|"),
        (patched(encoded("CAF"), 20, ">d", 1e300), "its header says|is no sound file"),
        (SHORTEN.ljust(1024, b"\0") + bytes(99), r"is SPHERE compressed by shorten.*sph2pipe"),
        (b"\0\0\0\x20ftypM4A " + bytes(100), "is MP4 or M4A, which libsndfile does not read"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_line(content: bytes, message: str) -> None:
    for read, place in (
        (lambda: read_audio(io.BytesIO(content), name="a"), "a"),
        (lambda: list(read_stream_chunks(io.BytesIO(content), 16000, 0.08)), "standard input"),
    ):
        tracemalloc.start()
        with pytest.raises(InputError, match=f"^{place}: ({message})") as caught:
            read()
        assert tracemalloc.get_traced_memory()[1] < 20e6
        tracemalloc.stop()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        *(patched(WAV, 40, "<I", size) for size in (10**6, 2**31 - 1, 2**32 - 2)),
        *(patched(encoded("RF64"), b"ds64", "<Q", size, 16) for size in (2**40, 2**62)),
        *(patched(encoded("W64"), b"data\xf3", "<Q", size, 16) for size in (2**40, 2**62)),
        patched(AU, 8, ">I", 2**31 - 1),
    ],
)
def test_a_length_that_is_not_there_costs_nothing(content: bytes, capfd) -> None:
    expected = read_audio(io.BytesIO(WAV)).samples
    tracemalloc.start()
    assert np.array_equal(read_audio(io.BytesIO(content)).samples, expected)
    streamed = list(read_stream_chunks(io.BytesIO(content), 16000, 0.08))
    assert np.array_equal(np.concatenate(streamed), expected)
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()
    assert "Traceback" not in capfd.readouterr().err


def test_very_many_chunks_in_a_pipe_end_too() -> None:
    content = WAV[:12] + 20_000 * b"junk\0\0\0\0" + WAV[12:]
    streamed = list(read_stream_chunks(io.BytesIO(content), 16000, 0.08))
    assert sum(map(len, streamed)) == 16000
    endless = WAV[:12] + 17 * (b"junk" + struct.pack("<I", 1 << 20) + bytes(1 << 20))
    with pytest.raises(InputError, match="its header has a chunk 'junk' of 1048576 bytes, and no"):
        list(read_stream_chunks(io.BytesIO(endless), 16000, 0.08))
