"""Rows multiplied by the inverse of an estimate of their own second moments, as Kaldi does it."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

LEAST_VARIANCE = 1e-10
LEAST_SHARE = 5e-4  # of the largest variance
INITIAL_UPDATES = 10  # minibatches that all update the estimate, whatever the update-period
INITIAL_PASSES = 3
MAX_CONDITION = 1e6  # squared variances further apart: see whether rows are still orthogonal
MAX_SKEW = 1e-3
MAX_INVERSE = 100.0  # of a Cholesky factor that is still accurate
MAX_FORGOTTEN = 0.9  # share of the estimate that one minibatch may replace


class Preconditioned(NamedTuple):
    """Rows after the multiplication, which changes their size, and how to undo that."""

    rows: Tensor  # (N, D)
    scale: Tensor  # (), gives all rows together the length that they had
    lengths: Tensor  # (N,) of each


@dataclass(frozen=True)
class SecondMoments:
    """An estimate rho I + sum over i of d_i v_i v_i^T of the mean of x x^T, v_i orthonormal.

    Attributes:
        factor: (R, D), W: row i is sqrt(e_i) v_i; see `OnlinePreconditioner`.
        excesses: (R,) d, float64, on the CPU.
        rest: rho.
        num_updates: minibatches that went into it.
        num_skipped: minibatches since then that did not.
    """

    factor: Tensor
    excesses: Tensor
    rest: float
    num_updates: int = 0
    num_skipped: int = 0


class OnlinePreconditioner:
    """Multiplies rows by the inverse of a running estimate of their second moments.

    `y = x - W^T W x`: up to a factor, x times the inverse of the estimate smoothed by
    `alpha trace / D I`, where W = sqrt(E) V and e_i = 1 / (1 + b / d_i), b = rho (1 + alpha) +
    alpha sum(d) / D. Each minibatch of N rows replaces a share of 1 - exp(-N / H) of the estimate,
    of which only the R largest directions and the mean of the rest are kept (Povey et al. 2015).
    """

    def __init__(
        self, rank: int, alpha: float, num_samples_history: float, update_period: int
    ) -> None:
        """Begin without an estimate.

        Args:
            rank: R; at most D - 1 of it is used.
            alpha: how strongly the estimate is smoothed.
            num_samples_history: H, rows.
            update_period: minibatches from one update to the next, after the first few.
        """
        self.rank = rank
        self.alpha = alpha
        self.num_samples_history = num_samples_history
        self.update_period = update_period
        self.moments: SecondMoments | None = None

    @torch.no_grad()
    def precondition(self, rows: Tensor) -> Preconditioned:
        """The rows multiplied by the estimate's inverse; the estimate then takes them in.

        Args:
            rows: (N, D), overwritten by the result. Of D = 1 nothing can be learnt: they stay.
        """
        size = torch.linalg.vector_norm(rows).square()
        if rows.shape[1] == 1:
            return Preconditioned(rows, torch.ones_like(size), rows[:, 0].abs())
        moments = self._begun(rows, size) if self.moments is None else self.moments
        along = rows @ moments.factor.T  # (N, R)
        is_due = (
            moments.num_updates < INITIAL_UPDATES or moments.num_skipped >= self.update_period - 1
        )
        if is_due:
            self.moments = self._updated(moments, rows, along, size)
        else:
            self.moments = replace(moments, num_skipped=moments.num_skipped + 1)
        rows.addmm_(along, moments.factor, alpha=-1)
        lengths = torch.linalg.vector_norm(rows, dim=1)
        new_size = lengths.square().sum()
        scale = torch.where(new_size == 0, 1.0, (size / new_size).sqrt())
        return Preconditioned(rows, scale, lengths)

    def tensors(self) -> dict[str, Tensor]:
        """The estimate, for `load`; empty before the first minibatch."""
        if self.moments is None:
            return {}
        return {
            "factor": self.moments.factor,
            "excesses": self.moments.excesses,
            "rest": torch.tensor(self.moments.rest, dtype=torch.float64),
            "num_updates": torch.tensor(self.moments.num_updates),
            "num_skipped": torch.tensor(self.moments.num_skipped),
        }

    def load(self, tensors: Mapping[str, Tensor], like: Tensor) -> None:
        """Go on from what `tensors` gave, on the device of `like`."""
        self.moments = None
        if tensors:
            self.moments = SecondMoments(
                tensors["factor"].to(like.device),
                tensors["excesses"],
                float(tensors["rest"]),
                int(tensors["num_updates"]),
                int(tensors["num_skipped"]),
            )

    def _begun(self, rows: Tensor, size: Tensor) -> SecondMoments:
        """The first estimate: some passes over the first minibatch, from arbitrary directions."""
        dim = rows.shape[1]
        if self.rank >= dim:
            logger.warning(
                "natural gradient: rank %d of %d values is cut to %d; a rank this high costs time "
                "and makes results depend on rounding",
                self.rank,
                dim,
                dim - 1,
            )
        rank = min(self.rank, dim - 1)
        columns = torch.arange(dim)
        factor = (columns % rank == torch.arange(rank)[:, None]).double()  # (R, D)
        factor[:, :rank] *= 1.1
        factor /= factor.norm(dim=1, keepdim=True)
        factor *= (2 + (dim + rank) * self.alpha / dim) ** -0.5
        excesses = torch.full((rank,), LEAST_VARIANCE, dtype=torch.float64)
        moments = SecondMoments(factor.to(rows), excesses, LEAST_VARIANCE)
        for _ in range(INITIAL_PASSES):
            moments = self._updated(moments, rows, rows @ moments.factor.T, size)
        return replace(moments, num_updates=0)

    def _updated(
        self, old: SecondMoments, rows: Tensor, along: Tensor, size: Tensor
    ) -> SecondMoments:
        """The estimate after a minibatch.

        One step of a power iteration: with T = (1 - eta) estimate + eta / N X^T X, the new
        directions are those of T V, whose second moments Z = V^T T T V are R x R only.

        Args:
            rows: (N, D), X.
            along: (N, R), X W^T.
            size: (), sum of X squared.
        """
        num_rows, dim = rows.shape
        rank = len(old.excesses)
        forgotten = min(MAX_FORGOTTEN, 1 - math.exp(-num_rows / self.num_samples_history))
        gain, kept = forgotten / num_rows, 1 - forgotten
        products = along.T @ rows  # (R, D), J
        pairs = torch.cat([products, old.factor]) @ products.T  # (2 R, R), K and L
        inner = pairs.view(2, rank, rank).double().cpu()
        if not torch.isfinite(inner).all():
            return old  # the loss is about to be no number either, and training says so
        variances = old.excesses + old.rest  # (R,)
        unscale = self._shares(old.excesses, old.rest, dim).rsqrt()  # E^-1/2
        fourth, second = inner * torch.outer(unscale, unscale)
        mixed = gain * kept * second * variances
        z = gain**2 * fourth + mixed + mixed.T + torch.diag((kept * variances) ** 2)
        ascending, vectors = torch.linalg.eigh(z)
        eigenvalues, vectors = ascending.flip(0), vectors.flip(1)
        floor = (old.rest * kept) ** 2
        is_doubtful = bool(
            eigenvalues[-1] < floor or eigenvalues[0] > MAX_CONDITION * eigenvalues[-1]
        )
        roots = eigenvalues.clamp(min=floor).sqrt()
        total = gain * float(size) + kept * (dim * old.rest + float(old.excesses.sum()))
        rest = (total - float(roots.sum())) / (dim - rank)
        least = max(LEAST_VARIANCE, LEAST_SHARE * float(roots[0]))
        excesses = (roots - rest).clamp(min=least)
        rest = max(rest, least)
        shares = self._shares(excesses, rest, dim)
        turn = (gain * shares.sqrt() / roots)[:, None] * vectors.T * unscale  # (R, R)
        weighted = (kept / gain * variances).to(rows)[:, None] * old.factor
        factor = turn.to(rows) @ (products + weighted)
        if is_doubtful:
            factor = _orthogonalized(factor, shares)
        return SecondMoments(factor, excesses, rest, old.num_updates + 1)

    def _shares(self, excesses: Tensor, rest: float, dim: int) -> Tensor:
        """(R,) e, what is taken away along each direction."""
        smoothing = rest * (1 + self.alpha) + self.alpha * float(excesses.sum()) / dim
        return 1 / (1 + smoothing / excesses)


def _orthogonalized(factor: Tensor, shares: Tensor) -> Tensor:
    """Make the rows orthogonal again, with squared lengths `shares`, unless they nearly are."""
    roots = shares.sqrt()
    unit = (factor @ factor.T).double().cpu() / torch.outer(roots, roots)
    identity = torch.eye(len(shares), dtype=torch.float64)
    if float((unit - identity).abs().max()) <= MAX_SKEW:
        return factor
    lower, failed = torch.linalg.cholesky_ex(unit)
    if not failed:
        inverse = torch.linalg.solve_triangular(lower, identity, upper=False)
        if float(inverse.max()) < MAX_INVERSE:
            straightened: Tensor = (roots[:, None] * inverse / roots).to(factor) @ factor
            return straightened
    columns = torch.linalg.qr(factor.double().cpu().T).Q  # (D, R)
    renewed: Tensor = (roots[:, None] * columns.T).to(factor)
    return renewed


def precondition_by_others(rows: Tensor, alpha: float) -> Tensor:
    """Multiply each row by the inverse second moments of the minibatch's other rows.

    `p_n = (lambda I + 1 / (N - 1) sum over m != n of r_m r_m^T)^-1 r_n`, then all by one factor so
    that together they are as long as before; lambda = alpha trace(R R^T) / (N D) (Kaldi's
    nnet-precondition.h).

    Args:
        rows: (N, D), R. A single row stays as it is.
        alpha: above 0.
    """
    num_rows, dim = rows.shape
    exact = rows.double()
    size = exact.square().sum()
    if num_rows == 1 or not 0 < size < math.inf:
        return rows
    smoothing = alpha * size / (num_rows * dim)
    if num_rows >= dim:
        gram = exact.T @ exact / (num_rows - 1)
        gram.diagonal().add_(smoothing)
        result = torch.linalg.solve(gram, exact, left=False)
    else:
        gram = exact @ exact.T / (num_rows - 1)
        gram.diagonal().add_(smoothing)
        result = torch.linalg.solve(gram, exact)
    share = (exact * result).sum(dim=1, keepdim=True)  # of the row itself, to be left out
    result = result * (1 + share / (num_rows - 1 - share))
    scaled: Tensor = (result * (size / result.square().sum()).sqrt()).to(rows)
    return scaled
