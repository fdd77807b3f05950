"""Convolution along frequency and the pooling of its outputs."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from kws.config import ConfigLine, key, positive
from kws.nnet.component import Component
from kws.nnet.components.affine import MatrixComponent

POOLING_FLOOR = -1e20


class Convolutional1dComponent(MatrixComponent):
    """y[p, i] = b[i] + sum over c, d of W[i, c, d] x[c, p patch-step + d], p slow, i fast.

    The input holds input-dim / patch-stride channels c (spliced frames and their deltas, or the
    filters of a layer before) of patch-stride frequencies; each filter i covers all channels and
    patch-dim neighbouring frequencies. There are (patch-stride - patch-dim) / patch-step + 1
    positions p. A convolution that reads another's output is `appended-conv=true`, and its
    patch-stride is the number of positions there.
    """

    example = (
        "Convolutional1dComponent input-dim=120 output-dim=90 patch-dim=6 patch-step=2 "
        "patch-stride=40 param-stddev=0.2 bias-stddev=0"
    )

    patch_dim: int = key("neighbouring frequencies that a filter covers", check=positive)
    patch_step: int = key("frequencies from one position to the next", check=positive)
    patch_stride: int = key("frequencies per channel", check=positive)
    appended_conv: bool = key(
        "the input is a convolution's output: frequency slow, channel fast", default=False
    )

    def num_patches(self, line: ConfigLine) -> int:
        """Positions of a filter; ConfigError when the patches do not fit."""
        room = self.patch_stride - self.patch_dim
        if room < 0:
            raise line.error(
                f"patch-dim={self.patch_dim} must not exceed patch-stride={self.patch_stride}"
            )
        if room % self.patch_step:
            raise line.error(
                f"patch-stride={self.patch_stride} less patch-dim={self.patch_dim} is not a "
                f"multiple of patch-step={self.patch_step}"
            )
        return room // self.patch_step + 1

    def take_dims(self, line: ConfigLine, num_rows: int, num_weights: int) -> None:
        if num_weights % self.patch_dim:
            raise line.error(
                f"{self.matrix} has {num_weights} weights per filter, not a multiple of "
                f"patch-dim={self.patch_dim}"
            )
        self.take_dim(line, "input-dim", num_weights // self.patch_dim * self.patch_stride)
        self.take_dim(line, "output-dim", num_rows * self.num_patches(line))

    def setup(self, line: ConfigLine) -> None:
        self.require_dims(line)
        num_patches = self.num_patches(line)
        if self.input_dim % self.patch_stride:
            raise line.error(
                f"input-dim={self.input_dim} is not a multiple of patch-stride={self.patch_stride}"
            )
        if self.output_dim % num_patches:
            raise line.error(
                f"output-dim={self.output_dim} is not a multiple of num-patches={num_patches}"
            )
        self.num_channels = self.input_dim // self.patch_stride
        self.num_filters = self.output_dim // num_patches
        filter_dim = self.num_channels * self.patch_dim
        self.weight = self.new_parameter(line, self.num_filters, filter_dim)
        self.bias = self.new_parameter(line, self.num_filters)

    @property
    def num_multiplies(self) -> int:
        return self.output_dim * self.num_channels * self.patch_dim

    def forward(self, x: Tensor) -> Tensor:
        if self.appended_conv:
            channels = x.reshape(-1, self.patch_stride, self.num_channels).transpose(1, 2)
        else:
            channels = x.reshape(-1, self.num_channels, self.patch_stride)  # (N*T, S, stride)
        weight = self.weight.view(-1, self.num_channels, self.patch_dim)
        y = F.conv1d(channels, weight, self.bias, stride=self.patch_step)  # (N*T, filters, patches)
        return y.transpose(1, 2).reshape(*x.shape[:2], self.output_dim)


def tied_max(x: Tensor) -> Tensor:
    """Maximum over axis 3 whose derivative goes whole to every input that reaches it."""
    y: Tensor = _TiedMax.apply(x)  # type: ignore[no-untyped-call]
    return y


class _TiedMax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.amax(dim=3)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx: Any, *derivatives: Tensor) -> Tensor:
        x, y = ctx.saved_tensors
        reaches: Tensor = x == y.unsqueeze(3)
        return reaches * derivatives[0].unsqueeze(3)


class MaxpoolingComponent(Component):
    """y[q] = max over the blocks x[q pool-size] .. x[q pool-size + pool-size - 1], value by value.

    A block is pool-stride values: normally one frequency position of a convolution, pool-stride
    its number of filters. Every input equal to the maximum gets the full derivative.
    """

    example = "MaxpoolingComponent input-dim=90 output-dim=30 pool-size=3 pool-stride=5"

    input_dim: int = key("values per frame of the input", check=positive)
    output_dim: int = key("values per frame of the output", check=positive)
    pool_size: int = key("blocks that are pooled into one", check=positive)
    pool_stride: int = key("values per block", check=positive)

    def setup(self, line: ConfigLine) -> None:
        if self.input_dim % self.pool_stride:
            raise line.error(
                f"input-dim={self.input_dim} is not a multiple of pool-stride={self.pool_stride}"
            )
        num_blocks = self.input_dim // self.pool_stride
        if num_blocks % self.pool_size:
            raise line.error(
                f"input-dim / pool-stride = {num_blocks} blocks are not a multiple of "
                f"pool-size={self.pool_size}"
            )
        output_dim = num_blocks // self.pool_size * self.pool_stride
        if self.output_dim != output_dim:
            raise line.error(f"output-dim={self.output_dim} must be {output_dim}")

    def forward(self, x: Tensor) -> Tensor:
        pools = x.reshape(*x.shape[:2], -1, self.pool_size, self.pool_stride)
        y = tied_max(pools) if x.requires_grad else pools.amax(dim=3)
        return y.flatten(2).clamp(min=POOLING_FLOOR)
