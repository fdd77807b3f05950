"""Components that disturb their input while the network learns."""

from __future__ import annotations

import torch
from torch import Tensor

from kws.config import ConfigLine, key, positive, proportion
from kws.nnet.component import RandomComponent


class DropoutComponent(RandomComponent):
    """y = s x for a random part p of the values, (1 - p s) / (1 - p) x for the others.

    p is dropout-proportion, s dropout-scale; the mean of y is x. Kaldi's nnet-compute draws too;
    here a network that does not learn (no generator) gives the mean, so that its output repeats.
    """

    example = "DropoutComponent dim=128 dropout-proportion=0.2"

    dim: int = key("values per frame, in and out", check=positive)
    dropout_proportion: float = key("part of the values to drop", default=0.5, check=proportion)
    dropout_scale: float = key("what a dropped value is multiplied by", default=0.0)

    def setup(self, line: ConfigLine) -> None:
        self.input_dim = self.output_dim = self.dim

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        if generator is None:
            return x
        dropped, scale = self.dropout_proportion, self.dropout_scale
        kept_scale = (1.0 - dropped * scale) / (1.0 - dropped) if dropped < 1.0 else 1.0
        draw = torch.rand(x.shape, generator=generator, device=x.device)
        return x * torch.where(draw < dropped, scale, kept_scale).to(x.dtype)


class AdditiveNoiseComponent(RandomComponent):
    """y = x + stddev u, u uniform on [0, 1).

    Kaldi's nnet-compute draws too; here a network that does not learn (no generator) adds the
    mean, stddev / 2, so that its output repeats.
    """

    example = "AdditiveNoiseComponent dim=128 stddev=0.1"

    dim: int = key("values per frame, in and out", check=positive)
    stddev: float = key("the largest disturbance", default=1.0)

    def setup(self, line: ConfigLine) -> None:
        self.input_dim = self.output_dim = self.dim

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        if generator is None:
            return x + 0.5 * self.stddev
        draw = torch.rand(x.shape, generator=generator, device=x.device)
        return x + self.stddev * draw.to(x.dtype)
