from __future__ import annotations

import io

import numpy as np
import pytest

from kws.audio import read_stream_chunks, resample
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
