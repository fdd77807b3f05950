"""Posterior smoothing of Chen, Parada & Heigold 2014."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from kws.errors import InputError
from kws.posterior.sliding import extend, sliding_reduce


class Smoothing(nn.Module):
    """Mean of each unit's posterior over the last `w_smooth` frames, in float64.

    `p'[j] = 1 / (j - h + 1) * sum of p[h..j]`, `h = max(1, j - w_smooth + 1)`: equation 1 of Chen,
    Parada & Heigold, "Small-footprint keyword spotting using deep neural networks", 2014.
    """

    def __init__(self, w_smooth: int = 30) -> None:
        super().__init__()
        if w_smooth < 1:
            raise InputError(f"w_smooth={w_smooth}: it must be 1 frame or more")
        self.w_smooth = w_smooth

    def forward(self, posteriors: Tensor) -> Tensor:
        """Smooth whole streams: (N, T, C) -> (N, T, C)."""
        return self.step(posteriors, self.init_state())[0]

    def init_state(self) -> Tensor | None:
        """The state before the first frame."""
        return None

    def step(self, posteriors: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Smooth the next frames, (N, T, C) with T >= 0; the state is the last w_smooth - 1."""
        num_before = 0 if state is None else state.shape[1]
        padded, state = extend(posteriors.double(), state, self.w_smooth)
        sums = sliding_reduce(padded.mT, self.w_smooth, torch.add).mT
        counts = torch.arange(num_before + 1, num_before + 1 + sums.shape[1], device=sums.device)
        return sums / counts.clamp(max=self.w_smooth)[:, None], state

    def flush(self, state: Tensor | None) -> Tensor:
        """End the stream: nothing is held back, (N, 0, C)."""
        return torch.zeros(1, 0, 0, dtype=torch.float64) if state is None else state[:, :0]
