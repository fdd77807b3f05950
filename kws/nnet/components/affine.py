"""Affine transforms of one frame, with the keys of Kaldi's ways to train them."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kws.config import Check, ConfigLine, key, non_negative, positive
from kws.nnet.component import Component
from kws.nnet.matrix_file import read_matrix


class UpdatableComponent(Component):
    """A component with a weight and a bias, drawn from a normal distribution."""

    weight: nn.Parameter
    bias: nn.Parameter

    input_dim: int = key("values per frame of the input", check=positive)
    output_dim: int = key("values per frame of the output", check=positive)
    learning_rate: float = key("step of Kaldi's update per summed gradient", default=0.001)
    param_stddev: float | None = key(
        "standard deviation of the initial weights, 1/sqrt(input-dim) when not given",
        default=None,
        check=non_negative,
    )
    bias_stddev: float = key("standard deviation of the initial biases", default=1.0)

    def init_parameters(self, generator: torch.Generator) -> None:
        stddev = self.input_dim**-0.5 if self.param_stddev is None else self.param_stddev
        self.weight.normal_(generator=generator).mul_(stddev)
        self.bias.normal_(generator=generator).mul_(self.bias_stddev)


class MatrixComponent(UpdatableComponent):
    """A component whose initial parameters may come from a file: weights, bias in the last column.

    The file is read when a model is made; the model keeps the line, and the values as tensors.
    """

    initial: Tensor | None = None

    input_dim: int = key("values per frame of the input; may follow from matrix", default=None)
    output_dim: int = key("values per frame of the output; may follow from matrix", default=None)
    matrix: str | None = key(
        "file of initial parameters, one row per output or filter, bias last", default=None
    )

    def read_keys(self, line: ConfigLine) -> dict[str, Any]:
        values = super().read_keys(line)
        given = [word.partition("=")[0] for word in line.words]
        for name in ("param-stddev", "bias-stddev"):
            if values["matrix"] is not None and name in given:
                raise line.error(f"{name} is given beside matrix, which holds the values; keep one")
        return values

    def read_files(self, line: ConfigLine) -> None:
        if self.matrix is not None:
            self.initial = read_matrix(line, self.matrix)
            self.take_dims(line, self.initial.shape[0], self.initial.shape[1] - 1)

    def take_dims(self, line: ConfigLine, num_rows: int, num_weights: int) -> None:
        """Derive `input_dim` and `output_dim` from the size of the matrix, or compare them.

        Args:
            num_rows: outputs, or filters of a convolution.
            num_weights: weights of each.
        """
        raise NotImplementedError

    def take_dim(self, line: ConfigLine, name: str, value: int) -> None:
        """Set or compare one dimension."""
        attribute = name.replace("-", "_")
        given = getattr(self, attribute)
        if given is not None and given != value:
            raise line.error(f"{name}={given}, but {self.matrix} makes it {value}; correct one")
        setattr(self, attribute, value)

    def require_dims(self, line: ConfigLine) -> None:
        """ConfigError when a dimension is neither given nor known from the matrix, or not > 0."""
        for name, value in (("input-dim", self.input_dim), ("output-dim", self.output_dim)):
            if value is None:
                raise line.error(f"{name} is missing; give it, or matrix=FILE")
            if value <= 0:
                raise line.error(f"{name}={value}: {name} must be greater than 0")

    def init_parameters(self, generator: torch.Generator) -> None:
        if self.initial is None:
            super().init_parameters(generator)
            return
        self.weight.copy_(self.initial[:, :-1])
        self.bias.copy_(self.initial[:, -1])
        self.initial = None


class AffineComponent(MatrixComponent):
    """y = W x + b."""

    example = "AffineComponent input-dim=1640 output-dim=128 bias-stddev=0"

    def take_dims(self, line: ConfigLine, num_rows: int, num_weights: int) -> None:
        self.take_dim(line, "input-dim", num_weights)
        self.take_dim(line, "output-dim", num_rows)

    def setup(self, line: ConfigLine) -> None:
        self.require_dims(line)
        self.weight = self.new_parameter(line, self.output_dim, self.input_dim)
        self.bias = self.new_parameter(line, self.output_dim)

    @property
    def num_multiplies(self) -> int:
        return self.output_dim * self.input_dim

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class AffineComponentPreconditioned(AffineComponent):
    """y = W x + b; Kaldi preconditions its update within each minibatch."""

    example = "AffineComponentPreconditioned input-dim=128 output-dim=128 alpha=4 max-change=10"

    alpha: float = key("smoothing of the preconditioner", default=0.1, check=positive)
    max_change: float = key(
        "largest change of the parameters per minibatch, 0 for any",
        default=0.0,
        check=non_negative,
    )


class AffineComponentPreconditionedOnline(AffineComponent):
    """y = W x + b; Kaldi's update follows an online estimate of the natural gradient."""

    example = (
        "AffineComponentPreconditionedOnline input-dim=1640 output-dim=128 bias-stddev=0 "
        "alpha=4 rank-in=20 rank-out=80 update-period=4 num-samples-history=2000 "
        "max-change-per-sample=0.075 learning-rate=0.01"
    )

    bias_stddev: float = key(
        "standard deviation of the initial biases", default=1.0, check=non_negative
    )
    alpha: float = key(
        "smoothing of the Fisher matrix with the identity", default=4.0, check=non_negative
    )
    rank_in: int = key("rank of the input side's Fisher matrix", default=30, check=positive)
    rank_out: int = key("rank of the output side's Fisher matrix", default=80, check=positive)
    update_period: int = key(
        "minibatches from one update of the Fisher matrices to the next", default=1, check=positive
    )
    num_samples_history: float = key(
        "how many frames the Fisher matrices remember",
        default=2000.0,
        check=Check("must lie between 0 and 1e6, both excluded", lambda value: 0 < value < 1e6),
    )
    max_change_per_sample: float = key(
        "largest change of the parameters per frame, 0 for any", default=0.1, check=non_negative
    )


class BlockAffineComponent(UpdatableComponent):
    """y_b = W_b x_b + b_b: an affine transform of each of num-blocks consecutive parts of x."""

    example = "BlockAffineComponent input-dim=30 output-dim=20 num-blocks=5"

    num_blocks: int = key("parts into which input and output fall", check=positive)

    def setup(self, line: ConfigLine) -> None:
        for name, dim in (("input-dim", self.input_dim), ("output-dim", self.output_dim)):
            if dim % self.num_blocks:
                raise line.error(f"{name}={dim} is not a multiple of num-blocks={self.num_blocks}")
        block_dim = self.input_dim // self.num_blocks
        self.weight = self.new_parameter(line, self.output_dim, block_dim)
        self.bias = self.new_parameter(line, self.output_dim)

    @property
    def num_multiplies(self) -> int:
        return self.output_dim * self.input_dim // self.num_blocks

    def forward(self, x: Tensor) -> Tensor:
        block_dim = self.input_dim // self.num_blocks
        blocks = x.reshape(*x.shape[:2], self.num_blocks, block_dim)
        weight = self.weight.view(self.num_blocks, -1, block_dim)  # (B, output_dim/B, block_dim)
        return torch.einsum("ntbi,boi->ntbo", blocks, weight).flatten(2) + self.bias


class BlockAffineComponentPreconditioned(BlockAffineComponent):
    """y_b = W_b x_b + b_b; Kaldi preconditions its update within each minibatch."""

    example = "BlockAffineComponentPreconditioned input-dim=20 output-dim=16 num-blocks=4 alpha=4"

    alpha: float = key("smoothing of the preconditioner", default=4.0, check=positive)
