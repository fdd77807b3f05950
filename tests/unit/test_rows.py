"""Rows that come block by block."""

from __future__ import annotations

import numpy as np
import pytest

from kws.rows import Rows


@pytest.mark.parametrize("expected", [0, 5000, 100_000])
def test_blocks_of_any_size_become_one_array(expected):
    random = np.random.default_rng(0)
    blocks = [random.random((size, 3)) for size in (0, 1, 999, 3000, 0, 20_000, 7)]
    rows = Rows(3, np.float64, expected)
    for block in blocks:
        rows.add(block)
    assert np.array_equal(rows.values(), np.concatenate(blocks))
    assert Rows(2).values().shape == (0, 2)
