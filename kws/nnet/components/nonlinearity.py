"""Functions of one frame without parameters."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from kws.config import ConfigLine, key, non_negative, positive
from kws.nnet.component import Component

NORMALIZE_FLOOR = 2.0**-66
PROBABILITY_FLOOR = 1e-20


class _Nonlinearity(Component):
    dim: int = key("values per frame, in and out", check=positive)

    def setup(self, line: ConfigLine) -> None:
        self.input_dim = self.output_dim = self.dim


class SigmoidComponent(_Nonlinearity):
    """y = 1 / (1 + exp(-x))."""

    example = "SigmoidComponent dim=128"

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x)


class TanhComponent(_Nonlinearity):
    """y = tanh(x)."""

    example = "TanhComponent dim=128"

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x)


class RectifiedLinearComponent(_Nonlinearity):
    """y = max(x, 0); its derivative at 0 is 0."""

    example = "RectifiedLinearComponent dim=128"

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x)


class SoftHingeComponent(_Nonlinearity):
    """y = log(1 + exp(x)).

    Kaldi gives x itself above 10, which is at most 4.6e-5 less.
    """

    example = "SoftHingeComponent dim=128"

    def forward(self, x: Tensor) -> Tensor:
        return F.softplus(x)


class NormalizeComponent(_Nonlinearity):
    """y = x / sqrt(max(mean(x^2), 2^-66)): a frame's root mean square becomes 1."""

    example = "NormalizeComponent dim=128"

    def forward(self, x: Tensor) -> Tensor:
        mean_square = x.square().mean(dim=-1, keepdim=True)
        return x * mean_square.clamp(min=NORMALIZE_FLOOR).rsqrt()


class SoftmaxComponent(_Nonlinearity):
    """y = exp(x) / sum(exp(x)), then at least 1e-20."""

    example = "SoftmaxComponent dim=4"

    def forward(self, x: Tensor) -> Tensor:
        return F.softmax(x, dim=-1).clamp(min=PROBABILITY_FLOOR)


class LogSoftmaxComponent(_Nonlinearity):
    """y = x - log(sum(exp(x))), then at least log(1e-20)."""

    example = "LogSoftmaxComponent dim=4"

    def forward(self, x: Tensor) -> Tensor:
        return F.log_softmax(x, dim=-1).clamp(min=math.log(PROBABILITY_FLOOR))


class PowerComponent(Component):
    """y = |x|^power.

    Its derivative at x = 0 is 1 with power=1, and 0 with any other power.
    """

    example = "PowerComponent dim=7 power=1.5"

    dim: int = key("values per frame, in and out", default=None, check=positive)
    input_dim: int = key("another name for dim", default=None, check=positive)
    power: float = key("the exponent", default=2.0, check=non_negative)

    def setup(self, line: ConfigLine) -> None:
        if self.dim is not None and self.input_dim is not None:
            raise line.error("dim is given beside input-dim; keep one")
        if self.dim is None and self.input_dim is None:
            raise line.error("dim is missing: values per frame, in and out")
        self.dim = self.input_dim if self.dim is None else self.dim
        self.input_dim = self.output_dim = self.dim

    def key_value(self, attribute: str) -> Any:
        return None if attribute == "input_dim" else super().key_value(attribute)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = _AbsolutePower.apply(x, self.power)  # type: ignore[no-untyped-call]
        return y


class _AbsolutePower(torch.autograd.Function):
    """|x|^p with a finite derivative at 0, as Kaldi's ApplyPowAbs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, power: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.power = power
        return x.abs().pow(power)

    @staticmethod
    def backward(ctx: Any, *derivatives: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        slope = ctx.power * x.abs().pow(ctx.power - 1.0)
        slope = torch.where((x == 0) & (ctx.power < 1.0), 0.0, slope)
        return derivatives[0] * torch.where(x < 0, -slope, slope), None
