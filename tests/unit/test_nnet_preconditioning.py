"""Rows multiplied by the inverse of their second moments."""

from __future__ import annotations

import logging
import math

import pytest
import torch
from torch import Tensor

from kws.nnet.preconditioning import OnlinePreconditioner, precondition_by_others


def draw(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def stretched_rows(num_rows: int, seed: int) -> Tensor:
    """Rows of 6 values with variances 16 and 9 along two oblique directions, 1 along the others."""
    basis = torch.linalg.qr(draw(6, 6, seed=99)).Q
    return draw(num_rows, 6, seed=seed) * torch.tensor([4.0, 3.0, 1, 1, 1, 1]) @ basis.T


def online(rank: int = 2, alpha: float = 1.0, update_period: int = 1) -> OnlinePreconditioner:
    return OnlinePreconditioner(rank, alpha, 20000.0, update_period)


def test_the_estimate_finds_the_variances() -> None:
    preconditioner = online()
    for seed in range(60):
        preconditioner.precondition(stretched_rows(2000, seed))
    moments = preconditioner.moments
    assert moments is not None
    found = torch.cat([moments.excesses + moments.rest, torch.tensor([moments.rest])])
    # 20000 rows in the memory: a variance's standard deviation is 1 %
    torch.testing.assert_close(found, torch.tensor([16.0, 9, 1]).double(), rtol=0.05, atol=0)


def test_rows_come_out_as_by_the_smoothed_inverse() -> None:
    alpha = 0.7
    preconditioner = online(alpha=alpha)
    for seed in range(5):
        preconditioner.precondition(stretched_rows(500, seed))
    moments = preconditioner.moments
    assert moments is not None
    # the orthonormal directions are the rows of the factor at length 1
    directions = moments.factor / moments.factor.norm(dim=1, keepdim=True)
    estimate = directions.T @ torch.diag(moments.excesses) @ directions
    estimate += moments.rest * torch.eye(6)
    smoothed = estimate + alpha * estimate.trace() / 6 * torch.eye(6)
    rows = stretched_rows(300, 7)
    expected = rows @ torch.linalg.inv(smoothed)
    expected *= rows.norm() / expected.norm()
    result = preconditioner.precondition(rows.clone())
    # the directions are orthogonal up to 1e-3: MAX_SKEW
    torch.testing.assert_close(result.rows * result.scale, expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(result.lengths, result.rows.norm(dim=1))


def test_after_ten_minibatches_the_estimate_changes_every_so_manieth_time() -> None:
    preconditioner = online(update_period=3)
    changes = []
    for seed in range(20):
        before = preconditioner.moments
        preconditioner.precondition(stretched_rows(50, seed))
        after = preconditioner.moments
        assert after is not None
        changes.append(before is None or not torch.equal(before.factor, after.factor))
    assert changes == [True] * 10 + [False, False, True] * 3 + [False]


def test_an_estimate_goes_on_from_its_tensors() -> None:
    first, second = online(update_period=2), online(update_period=2)
    assert first.tensors() == {}
    for seed in range(12):
        first.precondition(stretched_rows(30, seed))
    rows = stretched_rows(30, 50)
    second.load({name: value.clone() for name, value in first.tensors().items()}, rows)
    for seed in range(50, 54):
        a, b = (p.precondition(stretched_rows(30, seed)) for p in (first, second))
        assert torch.equal(a.rows, b.rows)
    second.load({}, rows)
    assert second.moments is None


@pytest.mark.parametrize(
    "rows",
    [
        torch.zeros(5, 3),
        torch.ones(40, 3),  # all alike: digital silence
        1e-12 * torch.ones(2, 3),
        torch.eye(3)[:1],
        1e12 * draw(9, 3).float(),
    ],
)
def test_odd_rows_give_finite_ones_of_the_same_length(rows: Tensor) -> None:
    preconditioner = online(rank=9)
    for _ in range(20):
        result = preconditioner.precondition(rows.clone())
        assert torch.isfinite(result.rows).all() and math.isfinite(result.scale)
        torch.testing.assert_close((result.rows * result.scale).norm(), rows.norm())
    moments = preconditioner.moments
    assert moments is not None
    assert moments.rest > 0 and (moments.excesses > 0).all()


def test_rows_that_are_no_numbers_leave_the_estimate_alone() -> None:
    preconditioner = online()
    preconditioner.precondition(stretched_rows(50, 0))
    before = preconditioner.moments
    result = preconditioner.precondition(torch.full((4, 6), math.nan, dtype=torch.float64))
    assert torch.isnan(result.rows).all()
    assert preconditioner.moments is before


def test_a_rank_beyond_the_dimension_is_cut_and_said(caplog: pytest.LogCaptureFixture) -> None:
    preconditioner = online(rank=8)
    with caplog.at_level(logging.WARNING):
        preconditioner.precondition(stretched_rows(50, 0))
    assert "rank 8 of 6 values is cut to 5" in caplog.text
    assert preconditioner.moments is not None
    assert preconditioner.moments.factor.shape == (5, 6)


def test_single_values_stay() -> None:
    rows = draw(5, 1)
    result = online().precondition(rows.clone())
    assert torch.equal(result.rows, rows)
    assert result.scale == 1
    torch.testing.assert_close(result.lengths, rows[:, 0].abs())


@pytest.mark.parametrize("num_rows", [3, 5, 12])
def test_each_row_meets_the_inverse_of_the_others(num_rows: int) -> None:
    rows, alpha = draw(num_rows, 5), 0.3
    smoothing = alpha * rows.square().sum() / rows.numel()
    expected = torch.empty_like(rows)
    for n, row in enumerate(rows):
        others = torch.cat([rows[:n], rows[n + 1 :]])
        second = others.T @ others / (num_rows - 1) + smoothing * torch.eye(5)
        expected[n] = torch.linalg.solve(second, row)
    expected *= rows.norm() / expected.norm()
    torch.testing.assert_close(precondition_by_others(rows, alpha), expected)


@pytest.mark.parametrize("rows", [torch.zeros(3, 2), torch.ones(1, 2), torch.full((3, 2), 1e30)])
def test_rows_without_others_to_learn_from_stay(rows: Tensor) -> None:
    torch.testing.assert_close(precondition_by_others(rows, 1.0).norm(), rows.norm())
