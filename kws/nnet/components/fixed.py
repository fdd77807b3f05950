"""Linear maps that are not learned: a constant in the line, or the values of a file.

A file is read when a model is made; the model keeps the line, and the values as tensors.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from kws.config import Check, ConfigLine, key, keys_of, positive, read_values
from kws.nnet.component import Component
from kws.nnet.matrix_file import read_matrix, read_vector

logger = logging.getLogger(__name__)

_not_zero = Check("must not be 0", lambda value: value != 0)


class ScaleComponent(Component):
    """y = scale x.

    As in Kaldi, what else stands in the line is ignored; here with a warning.
    """

    example = "ScaleComponent dim=7 scale=0.3"

    dim: int = key("values per frame, in and out", check=positive)
    scale: float = key("the factor", check=_not_zero)

    def read_keys(self, line: ConfigLine) -> dict[str, Any]:
        words: dict[str, str] = {}
        for word in line.words:
            name = word.partition("=")[0]
            if "=" in word and name in keys_of(ScaleComponent) and name not in words:
                words[name] = word
            else:
                logger.warning("%s: %s: %s is ignored", line.place, line.type, word)
        known = ConfigLine(line.type, tuple(words.values()), line.place)
        return read_values(known, ScaleComponent)

    def setup(self, line: ConfigLine) -> None:
        self.input_dim = self.output_dim = self.dim

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


class _Fixed(Component):
    """A component made of the values in a file; of a loaded one a tensor tells the size."""

    # the tensor whose shape tells all others, and its number of axes
    sized_by: ClassVar[tuple[str, int]]
    values: Tensor | None = None  # until they are kept

    def take_sizes(self, line: ConfigLine, tensors: Mapping[str, Tensor]) -> None:
        name, rank = self.sized_by
        if name not in tensors or tensors[name].ndim != rank or 0 in tensors[name].shape:
            raise line.error(f"its model has no tensor {name} of {rank} axes; make the model again")
        self.values = self.zeros_for(tensors[name].shape)

    def zeros_for(self, shape: torch.Size) -> Tensor:
        """What the file would hold, in zeros, from the shape of the `sized_by` tensor."""
        return torch.zeros(shape)

    def taken_values(self) -> Tensor:
        """What the file holds, once; nothing when a line is read without file and model."""
        values, self.values = self.values, None
        return torch.zeros([0] * self.sized_by[1]) if values is None else values

    def keep(self, name: str, values: Tensor) -> None:
        """Make `values` a tensor of the model."""
        self.register_buffer(name, values.to(torch.get_default_dtype(), copy=True))


class FixedLinearComponent(_Fixed):
    """y = M x.

    The file is read once, when a model is made; nothing here is learned.
    """

    example = "FixedLinearComponent matrix=lda.mat"
    sized_by = ("weight", 2)

    weight: Tensor  # (output_dim, input_dim)

    matrix: str = key("file of M, one row per output")

    def read_files(self, line: ConfigLine) -> None:
        self.values = read_matrix(line, self.matrix)

    def setup(self, line: ConfigLine) -> None:
        values = self.taken_values()
        self.output_dim, self.input_dim = values.shape
        self.keep("weight", values)

    @property
    def num_multiplies(self) -> int:
        return self.weight.numel()

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight)


class FixedAffineComponent(_Fixed):
    """y = M x + b.

    The file is read once, when a model is made; nothing here is learned.
    """

    example = "FixedAffineComponent matrix=lda.mat"
    sized_by = ("weight", 2)

    weight: Tensor  # (output_dim, input_dim)
    bias: Tensor  # (output_dim,)

    matrix: str = key("file of M and b, one row per output, b in the last column")

    def read_files(self, line: ConfigLine) -> None:
        self.values = read_matrix(line, self.matrix)
        if self.values.shape[1] < 2:
            raise line.error(f"{self.matrix} has one column, which is b; give M before it")

    def zeros_for(self, shape: torch.Size) -> Tensor:
        return torch.zeros(shape[0], shape[1] + 1)

    def setup(self, line: ConfigLine) -> None:
        values = self.taken_values()
        self.output_dim, self.input_dim = values[:, :-1].shape
        self.keep("weight", values[:, :-1])
        self.keep("bias", values[:, -1] if len(values) else values.flatten())

    @property
    def num_multiplies(self) -> int:
        return self.weight.numel()

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class FixedScaleComponent(_Fixed):
    """y[i] = s[i] x[i].

    The file is read once, when a model is made; nothing here is learned.
    """

    example = "FixedScaleComponent scales=scales.vec"
    sized_by = ("factors", 1)

    factors: Tensor  # (dim,)

    scales: str = key("file of the vector s")

    def read_files(self, line: ConfigLine) -> None:
        self.values = read_vector(line, "scales", self.scales)

    def setup(self, line: ConfigLine) -> None:
        values = self.taken_values()
        self.input_dim = self.output_dim = len(values)
        self.keep("factors", values)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factors


class FixedBiasComponent(_Fixed):
    """y = x + b.

    The file is read once, when a model is made; nothing here is learned.
    """

    example = "FixedBiasComponent bias=bias.vec"
    sized_by = ("offsets", 1)

    offsets: Tensor  # (dim,)

    bias: str = key("file of the vector b")

    def read_files(self, line: ConfigLine) -> None:
        self.values = read_vector(line, "bias", self.bias)

    def setup(self, line: ConfigLine) -> None:
        values = self.taken_values()
        self.input_dim = self.output_dim = len(values)
        self.keep("offsets", values)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.offsets
