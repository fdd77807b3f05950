"""Normalisation of mean and variance, with Kaldi's statistics."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kws.errors import InputError

logger = logging.getLogger(__name__)
VARIANCE_FLOOR = 1e-20  # Kaldi's


@dataclass(frozen=True, eq=False)
class CmvnStats:
    """Number, sum and sum of squares of frames, in float64.

    Args:
        count: frames.
        sums: (D,)
        squares: (D,)
    """

    count: float
    sums: Tensor
    squares: Tensor

    @classmethod
    def zero(cls, dim: int) -> CmvnStats:
        """No frames yet."""
        return cls(
            0.0, torch.zeros(dim, dtype=torch.float64), torch.zeros(dim, dtype=torch.float64)
        )

    @property
    def dim(self) -> int:
        """Columns, D."""
        return self.sums.shape[0]

    @classmethod
    def of(cls, features: Tensor) -> CmvnStats:
        """The statistics of the frames of `features` (..., D); gradients pass through them."""
        frames = features.reshape(-1, features.shape[-1]).to("cpu", torch.float64)
        return cls(frames.shape[0], frames.sum(dim=0), frames.square().sum(dim=0))

    def accumulate(self, features: Tensor) -> CmvnStats:
        """The statistics with the frames of `features` (..., D) added."""
        _check_dim(self.dim, features.shape[-1])
        return self.merge(CmvnStats.of(features.detach()))

    def merge(self, other: CmvnStats) -> CmvnStats:
        """The statistics of the frames of both."""
        return CmvnStats(
            self.count + other.count, self.sums + other.sums, self.squares + other.squares
        )

    def to_matrix(self) -> Tensor:
        """Kaldi's matrix (2, D + 1): sums and count; squares and 0."""
        matrix = torch.zeros(2, self.dim + 1, dtype=torch.float64)
        matrix[0, :-1], matrix[0, -1], matrix[1, :-1] = self.sums, self.count, self.squares
        return matrix

    @classmethod
    def from_matrix(
        cls, matrix: Tensor, source: str = "CMVN statistics", dim: int | None = None
    ) -> CmvnStats:
        """The statistics in Kaldi's matrix (2, D + 1).

        Args:
            matrix: as `to_matrix` gives it.
            source: where it comes from, for the error message.
            dim: columns of the features that they are for, where that is known.

        Raises:
            InputError: not such a matrix, or of other columns than `dim`.
        """
        matrix = matrix.detach().to("cpu", torch.float64)
        if matrix.dim() != 2 or matrix.shape[0] != 2 or matrix.shape[1] < 2:
            raise InputError(
                f"{source}: a matrix of shape {tuple(matrix.shape)} is not CMVN statistics, "
                "which have 2 rows: sums and count, squares and 0"
            )
        if not torch.isfinite(matrix).all():
            raise InputError(f"{source}: holds values that are not finite; compute it again")
        if dim is not None and matrix.shape[1] != dim + 1:
            raise InputError(
                f"{source}: statistics of {matrix.shape[1] - 1} columns do not fit features of "
                f"{dim}; compute them with the same feature options"
            )
        return cls(float(matrix[0, -1]), matrix[0, :-1].clone(), matrix[1, :-1].clone())

    def mean(self) -> Tensor:
        """(D,) in float64.

        Raises:
            InputError: fewer frames than one.
        """
        if self.count < 1:
            raise InputError(
                f"CMVN statistics hold {self.count:g} frames, a mean needs at least 1; "
                "give recordings of at least one frame"
            )
        return self.sums / self.count

    def inverse_stddev(self) -> Tensor:
        """1 / sqrt(variance) (D,) in float64; variances are floored at 1e-20 with a warning."""
        variance = self.squares / self.count - self.mean().square()
        low = int((variance < VARIANCE_FLOOR).sum())
        if low:
            logger.warning(
                "CMVN statistics: variance of %d of %d columns floored at %g: they are constant",
                low,
                self.dim,
                VARIANCE_FLOOR,
            )
        return variance.clamp_min(VARIANCE_FLOOR).rsqrt()


def apply_cmvn(
    features: Tensor, stats: CmvnStats, norm_vars: bool, skip_dims: Sequence[int] = ()
) -> Tensor:
    """(x - mean), divided by the standard deviation when `norm_vars` (Kaldi's apply-cmvn).

    Args:
        features: (..., D)
        stats: of the same D columns.
        norm_vars: normalise the variances too.
        skip_dims: columns that stay as they are.
    """
    _check_dim(stats.dim, features.shape[-1])
    mean, inverse_stddev = _mean_and_scale(stats, norm_vars, skip_dims)
    normalised = features - mean.to(features)
    return normalised * inverse_stddev.to(features) if norm_vars else normalised


def reverse_cmvn(
    features: Tensor, stats: CmvnStats, norm_vars: bool, skip_dims: Sequence[int] = ()
) -> Tensor:
    """Undo `apply_cmvn` (Kaldi's apply-cmvn --reverse=true); its arguments.

    Returns:
        (..., D): features with the mean, and with `norm_vars` the variance, of `stats`.
    """
    _check_dim(stats.dim, features.shape[-1])
    mean, inverse_stddev = _mean_and_scale(stats, norm_vars, skip_dims)
    scaled = features * inverse_stddev.reciprocal().to(features) if norm_vars else features
    return scaled + mean.to(features)


def _mean_and_scale(
    stats: CmvnStats, norm_vars: bool, skip_dims: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """What is subtracted and what multiplied by, (D,) each in float64."""
    mean = stats.mean()
    scale = stats.inverse_stddev() if norm_vars else torch.ones_like(mean)
    outside = [column for column in skip_dims if not 0 <= column < stats.dim]
    if outside:
        raise InputError(
            f"skip-dims: there is no column {outside[0]}; the features have columns 0 to "
            f"{stats.dim - 1}"
        )
    kept = torch.ones(stats.dim, dtype=torch.bool)
    kept[list(skip_dims)] = False
    return torch.where(kept, mean, 0.0), torch.where(kept, scale, 1.0)


class Cmvn(nn.Module):
    """Normalisation with one set of statistics for all.

    Args:
        stats: of the features' columns.
        norm_vars: normalise the variances too.
        skip_dims: columns that stay as they are.
    """

    mean: Tensor
    inverse_stddev: Tensor

    def __init__(self, stats: CmvnStats, norm_vars: bool, skip_dims: Sequence[int] = ()) -> None:
        super().__init__()
        mean, inverse_stddev = _mean_and_scale(stats, norm_vars, skip_dims)
        # the statistics themselves are what a model file keeps
        self.register_buffer("mean", mean.float(), persistent=False)
        self.register_buffer("inverse_stddev", inverse_stddev.float(), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """(N, T, D) -> (N, T, D)"""
        return (features - self.mean) * self.inverse_stddev

    def init_state(self, batch_size: int = 1) -> int:
        """Nothing of the past is needed: the state is the batch size."""
        return batch_size

    def step(self, features: Tensor, state: int) -> tuple[Tensor, int]:
        """(N, T, D) -> (N, T, D)"""
        return self(features), state

    def flush(self, state: int) -> Tensor:
        """No frames are left: (N, 0, D)."""
        return self.mean.new_zeros(state, 0, self.mean.shape[0])


def _check_dim(stats_dim: int, dim: int) -> None:
    if stats_dim != dim:
        raise InputError(
            f"CMVN statistics of {stats_dim} columns do not fit features of {dim}; "
            "compute them with the same feature options"
        )
