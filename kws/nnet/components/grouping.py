"""Components that make one value of each group of consecutive ones."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from kws.config import INT32_MAX, Check, ConfigLine, key, non_negative, positive
from kws.nnet.component import MAX_PARAMETERS, Component
from kws.nnet.components.convolutional import POOLING_FLOOR, tied_max

DEFAULT_GROUP_SIZE = 10

_all_positive = Check(
    "must be greater than 0, each of them", lambda sizes: all(size > 0 for size in sizes)
)


class _Groups(Component):
    input_dim: int = key(
        "values per frame of the input, a multiple of output-dim; 0 for ten times output-dim",
        check=non_negative,
    )
    output_dim: int = key("values per frame of the output", check=positive)

    def setup(self, line: ConfigLine) -> None:
        if self.input_dim == 0:
            self.input_dim = DEFAULT_GROUP_SIZE * self.output_dim
        if self.input_dim > INT32_MAX:
            raise line.error(f"{self.input_dim} input values do not fit into 32 bits")
        if self.input_dim % self.output_dim:
            raise line.error(
                f"input-dim={self.input_dim} is not a multiple of output-dim={self.output_dim}"
            )

    def groups(self, x: Tensor) -> Tensor:
        """(N, T, input_dim) to (N, T, output_dim, group size)."""
        return x.reshape(*x.shape[:2], self.output_dim, -1)


class MaxoutComponent(_Groups):
    """y[i] = max over the i-th group of input-dim / output-dim consecutive values of x.

    Every input equal to the maximum gets the full derivative.
    """

    example = "MaxoutComponent input-dim=21 output-dim=7"

    def forward(self, x: Tensor) -> Tensor:
        groups = self.groups(x)
        y = tied_max(groups) if x.requires_grad else groups.amax(dim=3)
        return y.clamp(min=POOLING_FLOOR)


class PnormComponent(_Groups):
    """y[i] = (sum of |x|^p)^(1/p) over the i-th group of input-dim / output-dim values of x.

    p=inf takes the largest |x|, p=0 counts the values that are not 0. Where the derivative does
    not exist it is 0; with p=inf every |x| equal to the largest gets the full derivative.
    """

    example = "PnormComponent input-dim=45 output-dim=15 p=2"

    p: float = key("the exponent", default=2.0, check=non_negative)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = _Pnorm.apply(self.groups(x), self.p)  # type: ignore[no-untyped-call]
        return y


class _Pnorm(torch.autograd.Function):
    """The norm over the last axis; its derivative is sign(x) (|x| / y)^(p - 1), 0 where y is 0."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, p: float) -> Tensor:
        y = pnorm(x, p)
        ctx.save_for_backward(x, y)
        ctx.p = p
        return y

    @staticmethod
    def backward(ctx: Any, *derivatives: Tensor) -> tuple[Tensor, None]:
        x, y = ctx.saved_tensors
        y = y.unsqueeze(-1)
        if ctx.p == 0:
            return torch.zeros_like(x), None
        is_largest = math.isinf(ctx.p)
        slope = (x.abs() == y) if is_largest else (x.abs() / y).pow(ctx.p - 1.0)
        slope = torch.where(x == 0, 0.0, x.sign() * slope)
        return derivatives[0].unsqueeze(-1) * slope, None


def pnorm(x: Tensor, p: float) -> Tensor:
    """The p-norm over the last axis, without overflow."""
    if p in (0.0, 1.0, 2.0) or math.isinf(p):
        y: Tensor = torch.linalg.vector_norm(x, p, dim=-1)
        return y
    largest = x.abs().amax(dim=-1, keepdim=True)
    scaled = x.abs() / torch.where(largest == 0, 1.0, largest)
    return largest.squeeze(-1) * scaled.pow(p).sum(dim=-1).pow(1.0 / p)


class SumGroupComponent(Component):
    """y[i] = sum over the i-th range of consecutive values of x; `sizes` gives their lengths."""

    example = "SumGroupComponent sizes=3:1:2:5"

    group: Tensor  # (input_dim,), the number of each input's group

    sizes: tuple[int, ...] = key("values per range, in order", check=_all_positive)

    def setup(self, line: ConfigLine) -> None:
        self.input_dim, self.output_dim = sum(self.sizes), len(self.sizes)
        if self.input_dim > MAX_PARAMETERS:
            raise line.error(f"{self.input_dim} input values are more than {MAX_PARAMETERS}")
        group = torch.repeat_interleave(torch.arange(len(self.sizes)), torch.tensor(self.sizes))
        self.register_buffer("group", group, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        zeros = x.new_zeros((*x.shape[:2], self.output_dim))
        return zeros.index_add(2, self.group, x)
