import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.errors import InputError
from kws.runtime.samples import SampleBuffer, check_samples


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_audio_passes_with_its_scale(dtype):
    assert check_samples(np.array([-32768, 32767], np.int16)) == 1
    assert check_samples(np.zeros(0, dtype)) == 32768
    assert check_samples(np.full(5000, -1, dtype)) == 32768
    assert check_samples(np.array([3.9, -3.9] * 50, dtype)) == 32768  # a codec's overshoot


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (
            [0.0, 0.1],
            "samples are a list: they must be a numpy array of int16, or of float32 or float64 in "
            "[-1, 1]; convert them",
        ),
        (
            np.zeros(5, np.int32),
            "samples are of type int32: it must be int16, or float32 or float64 in [-1, 1]; convert"
            " them",
        ),
        (
            np.zeros(5, bool),
            "samples are of type bool: it must be int16, or float32 or float64 in [-1, 1]; convert "
            "them",
        ),
        (
            np.zeros((1, 5), np.int16),
            "samples have shape (1, 5): it must be (S,), one channel; choose one, such as samples"
            "[:, 0]",
        ),
        (
            np.array(0.5),
            "samples have shape (): it must be (S,), one channel; choose one, such as samples"
            "[:, 0]",
        ),
        (
            np.array([0, 0.5, np.nan, np.inf]),
            "samples[2] is nan: samples must be finite; repair their source",
        ),
        (
            np.array([0, -np.inf], np.float32),
            "samples[1] is -inf: samples must be finite; repair their source",
        ),
        (
            np.array([1200, -3000], np.float32),
            "samples of type float32 reach 3000: floats must lie in [-1, 1]; divide samples at "
            "16-bit scale by 32768",
        ),
        (
            np.array([1e300, 0]),
            "samples of type float64 reach 1e+300: floats must lie in [-1, 1]; divide samples at "
            "16-bit scale by 32768",
        ),
    ],
)
def test_what_is_no_mono_audio_is_refused(samples, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        check_samples(samples)


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(0, 90), max_size=30),
    first=st.integers(1, 40),
    shift=st.integers(1, 20),
    recent=st.integers(1, 300),
    scale=st.sampled_from([1.0, 2.0]),
)
def test_samples_come_out_in_order_and_as_soon_as_they_complete_frames(
    sizes, first, shift, recent, scale
):
    buffer = SampleBuffer(first, shift, 90, recent)
    samples = np.arange(1, 1 + sum(sizes), dtype=np.int16)
    given_out, received = [], 0
    for size in sizes:
        chunk = samples[received : received + size]
        received += size
        fed = buffer.feed(chunk if scale == 1.0 else chunk.astype(np.float64), scale)
        given_out.append(fed[0].copy())
        num_frames = max(0, (received - first) // shift + 1)
        assert buffer.num_frames == num_frames
        assert sum(map(len, given_out)) == (first + (num_frames - 1) * shift if num_frames else 0)
        assert fed.flags.c_contiguous
        assert buffer.recent.num_samples == received
        latest = samples[max(0, received - recent) : received] * np.float32(scale)
        np.testing.assert_array_equal(buffer.recent.samples(), latest)
    everything = np.concatenate([*given_out, buffer.rest()[0]])
    np.testing.assert_array_equal(everything, samples * np.float32(scale))
