"""Deltas as Kaldi's add-deltas computes them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from kws.features.options import DeltaOptions


class DeltaState(NamedTuple):
    """The last frames of a stream, before their deltas are known."""

    frames: Tensor  # (N, kept, D); empty before the first frame


class Deltas(nn.Module):
    """Appends the deltas of order 1 .. delta_order to each frame.

    The window of order 1 is j / sum(j^2), j = -w .. w; that of order o is the o-fold convolution
    of it, applied in one go to the features, whose first and last frames are repeated as often as
    it needs (`feature-functions.cc`, DeltaFeatures).

    Args:
        options: order and window.
        dim: columns of the features, D.
    """

    def __init__(self, options: DeltaOptions, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.reach = options.delta_order * options.delta_window  # frames on each side
        self.scales = self._window_scales(options)

    def forward(self, features: Tensor) -> Tensor:
        """Features with their deltas.

        Args:
            features: (N, T, D)

        Returns:
            (N, T, D * (delta_order + 1)): the features, their deltas, the deltas of those ...
        """
        if features.shape[1] == 0:
            return self._valid(features)
        first, last = features[:, :1], features[:, -1:]
        reach = self.reach
        return self._valid(
            torch.cat([first.expand(-1, reach, -1), features, last.expand(-1, reach, -1)], dim=1)
        )

    def init_state(self, batch_size: int = 1) -> DeltaState:
        """The state before any frame."""
        return DeltaState(torch.zeros(batch_size, 0, self.dim))

    def step(self, features: Tensor, state: DeltaState) -> tuple[Tensor, DeltaState]:
        """Take (N, T, D); return the frames whose deltas are known: (N, T', D * (order + 1))."""
        if features.shape[1] == 0:
            return self._valid(features), state
        before = state.frames.to(features)
        if before.shape[1] == 0:
            before = features[:, :1].expand(-1, self.reach, -1)
        frames = torch.cat([before, features], dim=1)
        kept = min(2 * self.reach, frames.shape[1])
        return self._valid(frames), DeltaState(frames[:, frames.shape[1] - kept :])

    def flush(self, state: DeltaState) -> Tensor:
        """The last frames, for which the very last one is repeated."""
        frames = state.frames
        if frames.shape[1] == 0:
            return self._valid(frames)
        return self._valid(torch.cat([frames, frames[:, -1:].expand(-1, self.reach, -1)], dim=1))

    def _valid(self, frames: Tensor) -> Tensor:
        """Deltas where all frames of the window are there: (N, max(0, T - 2 reach), ...)."""
        num_frames = max(0, frames.shape[1] - 2 * self.reach)
        columns = [frames[:, self.reach : self.reach + num_frames]]
        for scales in self.scales:
            delta = torch.zeros_like(columns[0])
            for offset, scale in scales:
                start = self.reach + offset
                delta = delta + scale * frames[:, start : start + num_frames]
            columns.append(delta)
        return torch.cat(columns, dim=2)

    @staticmethod
    def _window_scales(options: DeltaOptions) -> list[list[tuple[int, float]]]:
        """Per order the (frame offset, weight) pairs with a weight other than 0."""
        width = options.delta_window
        window = torch.arange(-width, width + 1, dtype=torch.float64)
        window = window / window.square().sum()
        scales, orders = torch.ones(1, dtype=torch.float64), []
        for _ in range(options.delta_order):
            # window is odd: as a convolution it would change sign, as a correlation it does not
            padded = torch.nn.functional.pad(scales, (2 * width, 2 * width))
            scales = padded.unfold(0, 2 * width + 1, 1) @ window.flip(0)
            half = len(scales) // 2
            orders.append([(j - half, w) for j, w in enumerate(scales.tolist()) if w != 0.0])
        return orders
