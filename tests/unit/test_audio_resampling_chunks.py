import numpy as np
import pytest

from kws.audio import resample, resample_chunks
from kws.errors import InputError


def some_chunks(random, samples):
    cuts = np.sort(random.integers(0, len(samples) + 1, size=25))
    return np.split(samples, cuts)


@pytest.mark.parametrize("from_rate", [8000, 44100, 48000])
def test_any_chunks_give_the_samples_of_the_whole(from_rate):
    random = np.random.default_rng(from_rate)
    samples = (1000 * random.standard_normal(from_rate)).astype(np.float32)
    whole = resample(samples, from_rate, 16000)
    parts = list(resample_chunks(some_chunks(random, samples), from_rate, 16000))
    assert all(part.dtype == np.float32 for part in parts)
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_samples_come_before_the_stream_ends():
    converted = resample_chunks(iter([np.ones(48000, np.float32)]), 48000, 16000)
    # the filter holds back a few milliseconds, soxr a block of its own
    assert len(next(converted)) > 14000


def test_a_fault_passes_after_the_samples_before_it():
    def chunks():
        yield np.ones(48000, np.float32)
        raise InputError("the stream breaks")

    converted = resample_chunks(chunks(), 48000, 16000)
    parts = []
    with pytest.raises(InputError, match=r"^the stream breaks$"):
        for part in converted:
            parts.append(part)
    assert sum(map(len, parts)) == 16000
