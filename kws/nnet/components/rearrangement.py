"""Components that reorder a frame's values or change their basis; they hold nothing to learn."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from kws.config import ConfigLine, key, non_negative, positive
from kws.nnet.component import MAX_PARAMETERS, Component


class PermuteComponent(Component):
    """y[reorder[i]] = x[i]; the permutation is drawn when a model is made and kept in it."""

    example = "PermuteComponent dim=40"

    reorder: Tensor  # (dim,)

    dim: int = key("values per frame, in and out", check=positive)

    def setup(self, line: ConfigLine) -> None:
        if self.dim > MAX_PARAMETERS:
            raise line.error(f"dim={self.dim} is more than {MAX_PARAMETERS}")
        self.input_dim = self.output_dim = self.dim
        self.register_buffer("reorder", torch.arange(self.dim))

    def init_parameters(self, generator: torch.Generator) -> None:
        self.reorder.copy_(torch.randperm(self.dim, generator=generator))

    @property
    def sources(self) -> Tensor:
        """Which input each output is, (dim,)."""
        return self.reorder.argsort()

    def forward(self, x: Tensor) -> Tensor:
        return x.index_select(2, self.sources)


class DctComponent(Component):
    """y[k] = c[k] sum over n of x[n] cos(pi / N (n + 1/2) k), in each block of N = dct-dim values.

    c[0] = sqrt(1 / N), the other c[k] = sqrt(2 / N); the first dct-keep-dim of the N are given.
    With reorder the blocks are interleaved, in and out: with B blocks the b-th is x[b], x[b + B],
    x[b + 2 B], ...

    With both reorder and a dct-keep-dim below dct-dim this is no such transform: Kaldi, and so
    this, takes apart the first B dct-keep-dim inputs only, as blocks of dct-keep-dim, and puts
    zeros in the place of the others.
    """

    example = "DctComponent dim=120 dct-dim=3 reorder=true"

    cosines: Tensor  # (K, N)

    dim: int = key("values per frame of the input", check=positive)
    dct_dim: int = key("values per block, N", check=positive)
    reorder: bool = key("the blocks are interleaved")
    dct_keep_dim: int = key(
        "values per block of the output, 0 for all", default=0, check=non_negative
    )

    def setup(self, line: ConfigLine) -> None:
        if self.dim % self.dct_dim:
            raise line.error(f"dim={self.dim} is not a multiple of dct-dim={self.dct_dim}")
        if self.dct_keep_dim > self.dct_dim:
            raise line.error(
                f"dct-keep-dim={self.dct_keep_dim} must not exceed dct-dim={self.dct_dim}"
            )
        kept = self.dct_keep_dim or self.dct_dim
        if kept * self.dct_dim > MAX_PARAMETERS:
            raise line.error(f"a transform of {self.dct_dim} values is too large")
        self.num_blocks = self.dim // self.dct_dim
        self.input_dim, self.output_dim = self.dim, kept * self.num_blocks
        cosines = dct_matrix(self.dct_dim)[:kept].to(torch.get_default_dtype())
        self.register_buffer("cosines", cosines, persistent=False)

    @property
    def num_multiplies(self) -> int:
        return self.num_blocks * self.cosines.numel()

    def forward(self, x: Tensor) -> Tensor:
        kept, size = self.cosines.shape
        if not self.reorder:
            blocks = x.reshape(*x.shape[:2], self.num_blocks, size)
            return F.linear(blocks, self.cosines).flatten(2)
        x = x[..., : kept * self.num_blocks].reshape(*x.shape[:2], kept, self.num_blocks)
        x = F.pad(x.transpose(2, 3).flatten(2), (0, (size - kept) * self.num_blocks))
        blocks = x.reshape(*x.shape[:2], self.num_blocks, size)
        return F.linear(blocks, self.cosines).transpose(2, 3).flatten(2)


def dct_matrix(size: int) -> Tensor:
    """The orthonormal cosine transform of type II, (size, size), float64."""
    numbers = torch.arange(size, dtype=torch.float64)
    cosines = torch.outer(numbers, numbers + 0.5).mul(math.pi / size).cos() * math.sqrt(2.0 / size)
    cosines[0] = math.sqrt(1.0 / size)
    return cosines
