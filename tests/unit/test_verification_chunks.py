"""Lengths of chunks, and the chunks that they cut."""

import itertools

import numpy as np
import pytest

from kws.runtime.steady import MOST_FRAMES, MOST_SIZES
from kws.verification.chunks import cut, equal_lengths, lengths_in_turn, random_lengths


def cut_lengths(num_samples, lengths):
    samples = np.arange(num_samples, dtype=np.float32)
    parts = [*cut(samples, lengths)]
    np.testing.assert_array_equal(np.concatenate([samples[:0], *parts]), samples)
    return [len(part) for part in parts]


def test_random_chunks_are_of_all_lengths_and_repeat():
    def chunks(seed, num_samples):
        return cut_lengths(num_samples, random_lengths(np.random.default_rng(seed), 32000))

    lengths = chunks(0, 2_000_000)
    assert lengths == chunks(0, 2_000_000)
    assert lengths != chunks(1, 2_000_000)
    assert lengths.count(0) > 20
    assert max(lengths) <= 32000
    for low, high in ((1, 10), (100, 1000), (10000, 32000)):
        assert sum(low <= length < high for length in lengths) > 20
    for num_samples in (0, 1, 399, 50_000):
        chunks(0, num_samples)


@pytest.mark.parametrize(
    ("num_samples", "expected"),
    [(0, []), (100, [100]), (160, [0, 160]), (500, [20, 160, 160, 160])],
)
def test_equal_chunks_begin_with_what_is_too_much(num_samples, expected):
    assert cut_lengths(num_samples, equal_lengths(160, num_samples)) == expected


def test_sizes_in_turn_are_more_than_a_stream_keeps_arrays_for():
    lengths = cut_lengths(500 * 160, lengths_in_turn(160))[:-1]
    assert {length % 160 for length in lengths} == {0}
    assert len({*lengths}) > MOST_SIZES + 1
    assert max(lengths) > MOST_FRAMES * 160
    assert [*itertools.islice(lengths_in_turn(160), 4)] == [160, 160, 320, 320]
