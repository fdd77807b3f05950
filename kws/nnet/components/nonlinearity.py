"""Functions of one frame without parameters."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from kws.config import ConfigLine, key, positive
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
