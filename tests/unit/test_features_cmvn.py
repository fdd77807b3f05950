from __future__ import annotations

import logging

import pytest
import torch

from kws.errors import InputError
from kws.features import Cmvn, CmvnStats, apply_cmvn, reverse_cmvn
from kws.streaming import run_in_chunks

FRAMES = torch.tensor([[1.0, 10.0], [3.0, 10.0], [5.0, 40.0]])


def test_statistics_counted_by_hand() -> None:
    stats = CmvnStats.zero(2).accumulate(FRAMES[:1]).accumulate(FRAMES[1:])
    expected = [[9.0, 60.0, 3.0], [35.0, 1800.0, 0.0]]
    assert stats.to_matrix().tolist() == expected
    assert stats.to_matrix().dtype == torch.float64
    assert stats.mean().tolist() == [3.0, 20.0]
    # population variances: 35/3 - 9 = 8/3 and 600 - 400 = 200
    torch.testing.assert_close(
        stats.inverse_stddev(), torch.tensor([8 / 3, 200.0], dtype=torch.float64).rsqrt()
    )


def test_merging_is_accumulating_all() -> None:
    first, second = CmvnStats.zero(2).accumulate(FRAMES[:2]), CmvnStats.zero(2)
    merged = first.merge(second.accumulate(FRAMES[2:]))
    whole = CmvnStats.zero(2).accumulate(FRAMES)
    assert torch.equal(merged.to_matrix(), whole.to_matrix())
    assert torch.equal(CmvnStats.from_matrix(whole.to_matrix()).to_matrix(), whole.to_matrix())


@pytest.mark.parametrize("norm_vars", [False, True])
def test_normalised_frames_have_mean_0_and_variance_1(norm_vars: bool) -> None:
    frames = torch.randn(400, 5, generator=torch.Generator().manual_seed(3)) * 7 + 20
    stats = CmvnStats.zero(5).accumulate(frames)
    found = apply_cmvn(frames, stats, norm_vars)
    torch.testing.assert_close(found.mean(dim=0), torch.zeros(5), atol=1e-5, rtol=0)
    variances = found.var(dim=0, correction=0)
    wanted = torch.ones(5) if norm_vars else frames.var(dim=0, correction=0)
    torch.testing.assert_close(variances, wanted, atol=1e-5, rtol=1e-5)
    module = Cmvn(stats, norm_vars)
    torch.testing.assert_close(module(frames[None])[0], found)
    streamed = torch.cat(list(run_in_chunks(module, frames[None].split(37, dim=1))), dim=1)
    assert torch.equal(streamed, module(frames[None]))
    assert module.state_dict() == {}


def test_skipped_columns_stay_as_they_are() -> None:
    stats = CmvnStats.of(FRAMES)
    found = apply_cmvn(FRAMES, stats, norm_vars=True, skip_dims=[1])
    assert torch.equal(found[:, 1], FRAMES[:, 1])
    torch.testing.assert_close(found[:, 0], apply_cmvn(FRAMES, stats, norm_vars=True)[:, 0])
    torch.testing.assert_close(Cmvn(stats, True, [1])(FRAMES[None])[0], found)
    assert torch.equal(apply_cmvn(FRAMES, stats, norm_vars=True, skip_dims=[0, 1]), FRAMES)
    with pytest.raises(InputError, match="skip-dims: there is no column 2; the features have col"):
        apply_cmvn(FRAMES, stats, norm_vars=True, skip_dims=[2])


@pytest.mark.parametrize("norm_vars", [False, True])
@pytest.mark.parametrize("skip_dims", [(), (0,)])
def test_reversing_undoes(norm_vars: bool, skip_dims: tuple[int, ...]) -> None:
    stats = CmvnStats.of(FRAMES)
    normalised = apply_cmvn(FRAMES, stats, norm_vars, skip_dims)
    torch.testing.assert_close(reverse_cmvn(normalised, stats, norm_vars, skip_dims), FRAMES)
    standard = reverse_cmvn(torch.tensor([[0.0, 0.0], [1.0, 1.0]]), stats, norm_vars)
    widths = [(8 / 3) ** 0.5, 200**0.5] if norm_vars else [1.0, 1.0]
    torch.testing.assert_close(standard[0], torch.tensor([3.0, 20.0]))
    torch.testing.assert_close(standard[1], torch.tensor([3 + widths[0], 20 + widths[1]]))


def test_gradients_pass_through_statistics() -> None:
    frames = torch.randn(6, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)

    def of_their_own(x: torch.Tensor) -> torch.Tensor:
        return apply_cmvn(x, CmvnStats.of(x), norm_vars=True)

    assert torch.autograd.gradcheck(of_their_own, (frames.requires_grad_(),))
    assert not CmvnStats.zero(3).accumulate(frames).sums.requires_grad


def test_a_constant_column_is_floored_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    stats = CmvnStats.zero(2).accumulate(torch.tensor([[2.0, 1.0], [2.0, 3.0]]))
    with caplog.at_level(logging.WARNING):
        inverse = stats.inverse_stddev()
    assert inverse.tolist() == [pytest.approx(1e10), 1.0]
    assert "variance of 1 of 2 columns floored at 1e-20: they are constant" in caplog.text


def test_mistakes() -> None:
    with pytest.raises(InputError, match="hold 0 frames, a mean needs at least 1"):
        Cmvn(CmvnStats.zero(2), norm_vars=False)
    with pytest.raises(InputError, match="of 2 columns do not fit features of 3"):
        apply_cmvn(torch.zeros(1, 3), CmvnStats.zero(2).accumulate(FRAMES), norm_vars=False)
    with pytest.raises(InputError, match="of 2 columns do not fit features of 3"):
        CmvnStats.zero(2).accumulate(torch.zeros(1, 3))
    with pytest.raises(InputError, match=r"a\.stats: a matrix of shape \(3, 2\) is not CMVN"):
        CmvnStats.from_matrix(FRAMES, "a.stats")
    with pytest.raises(InputError, match=r"a\.stats: holds values that are not finite"):
        CmvnStats.from_matrix(torch.full((2, 3), torch.nan), "a.stats")
