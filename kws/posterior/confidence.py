"""Confidences of keywords from smoothed posteriors: Chen's, and one that knows the units' order."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kws.errors import InputError
from kws.keyword import Keyword
from kws.posterior.sliding import extend, sliding_reduce


class _WindowedConfidence(nn.Module):
    """What both confidences share: the window of `w_max` frames and its history."""

    def __init__(self, keywords: Sequence[Keyword], w_max: int = 100) -> None:
        super().__init__()
        if w_max < 1:
            raise InputError(f"w_max={w_max}: it must be 1 frame or more")
        self.keywords = tuple(keywords)
        self.w_max = w_max

    def forward(self, smoothed: Tensor) -> Tensor:
        """Confidences of whole streams: (N, T, C) -> (N, T, K)."""
        return self.step(smoothed, self.init_state())[0]

    def init_state(self) -> Tensor | None:
        """The state before the first frame."""
        return None

    def step(self, smoothed: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Confidences of the next frames, (N, T, C), T >= 0; the state is the last w_max - 1."""
        padded, state = extend(smoothed.double(), state, self.w_max)
        return self._confidences(padded), state

    def flush(self, state: Tensor | None) -> Tensor:
        """End the stream: nothing is held back, (N, 0, K)."""
        batch_size = 1 if state is None else state.shape[0]
        return torch.zeros(batch_size, 0, len(self.keywords), dtype=torch.float64)

    def _confidences(self, padded: Tensor) -> Tensor:
        """(N, w_max - 1 + T, C) -> (N, T, K)."""
        raise NotImplementedError


class Confidence(_WindowedConfidence):
    """Geometric mean of the units' largest smoothed posteriors in the last `w_max` frames.

    `(prod_i max p'_i[h..j]) ^ (1 / n)`, `h = max(1, j - w_max + 1)`: equation 2 of Chen, Parada &
    Heigold 2014 over the n units of one keyword; the order of the units does not count.
    """

    def _confidences(self, padded: Tensor) -> Tensor:
        largest = sliding_reduce(padded.mT, self.w_max, torch.maximum)  # (N, C, T)
        products = [
            functools.reduce(torch.mul, (largest[:, unit] for unit in keyword.units))
            for keyword in self.keywords
        ]
        return _roots(products, self.keywords)


class OrderedConfidence(_WindowedConfidence):
    """Geometric mean of the units' smoothed posteriors at the best frames that are in order.

    The largest `(prod_i p'_i[k_i]) ^ (1 / n)` over `k_1 < k_2 < ... < k_n` in the last `w_max`
    frames (all windows up to `j - w_max + 1`, as in Chen 2014): "google okay" does not fire
    "okay google".
    """

    def _confidences(self, padded: Tensor) -> Tensor:
        products = [self._ordered(padded[..., list(keyword.units)]) for keyword in self.keywords]
        return _roots(products, self.keywords)

    def _ordered(self, padded: Tensor) -> Tensor:
        """(N, w_max - 1 + T, n units of one keyword) -> (N, T).

        Entry (i, j) of a window's matrix is the best product of units i .. j - 1 in order within
        it (1 when there are none); the matrix of two adjacent windows is the product of theirs
        with (max, *) in place of (+, *).
        """
        units = padded.permute(2, 0, 1)  # (n, N, w_max - 1 + T)
        num_units = len(units)
        matrices = units.new_zeros(num_units + 1, num_units + 1, *units.shape[1:])
        matrices.diagonal().fill_(1)
        matrices.diagonal(offset=1).copy_(units.permute(1, 2, 0))
        return sliding_reduce(matrices, self.w_max, _max_product)[0, num_units]


def _max_product(earlier: Tensor, later: Tensor) -> Tensor:
    """`max_k earlier[i, k] * later[k, j]` of upper triangular matrices with ones on the diagonal.

    Args:
        earlier, later: (n + 1, n + 1, N, T).
    """
    product = torch.maximum(earlier, later)  # k = i and k = j
    for k in range(1, len(earlier) - 1):
        between = earlier[:k, k, None] * later[None, k, k + 1 :]
        product[:k, k + 1 :] = torch.maximum(product[:k, k + 1 :], between)
    return product


def _roots(products: Sequence[Tensor], keywords: Sequence[Keyword]) -> Tensor:
    """The n-th root of each keyword's product of n: K times (N, T) -> (N, T, K)."""
    # not `** (1 / n)`: its last bit depends on how many frames are computed at once
    roots = [
        product if len(keyword.units) == 1 else (product.log() / len(keyword.units)).exp()
        for product, keyword in zip(products, keywords, strict=True)
    ]
    return torch.stack(roots, dim=-1)
