"""Where frames lie in a waveform, their window, and the state of a stream of samples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kws.features.mel_options import MelOptions


class FramingState(NamedTuple):
    """What the frames to come need of the samples so far."""

    samples: Tensor  # (N, kept): the latest samples
    first: int  # index in the waveform of the first sample kept
    num_frames: int  # frames given out


def window(options: MelOptions) -> Tensor:
    """The window function of `options`, symmetric, in float64.

    Returns:
        (window_length,)
    """
    length = options.window_length
    phase = 2 * np.pi / (length - 1) * np.arange(length)
    blackman = options.blackman_coeff
    cosine = np.cos(phase)
    match options.window_type:
        case "rectangular":
            values = np.ones(length)
        case "hanning":
            values = 0.5 - 0.5 * cosine
        case "hamming":
            values = 0.54 - 0.46 * cosine
        case "povey":
            # clipped: rounding can leave the last value a hair below 0
            values = np.clip(0.5 - 0.5 * cosine, 0, 1) ** 0.85
        case "sine":
            values = np.sin(0.5 * phase)
        case _:
            blackman = options.blackman_coeff
            values = blackman - 0.5 * cosine + (0.5 - blackman) * np.cos(2 * phase)
    return torch.from_numpy(values)


class Framing:
    """Cuts waveforms into overlapping frames, whole or in chunks.

    Frame t covers `window_length` samples from t * shift on; with snip_edges false from
    t * shift + shift / 2 - length / 2 on, where samples outside are reflected at the edge
    (-1 is 0, S is S - 1), repeatedly when needed (Kaldi's `feature-window.cc`).
    """

    def __init__(self, options: MelOptions) -> None:
        self.options = options
        self.length = options.window_length
        self.shift = options.window_shift
        self._origin = 0 if options.snip_edges else self.shift // 2 - self.length // 2

    def init_state(self, batch_size: int, dtype: torch.dtype, device: torch.device) -> FramingState:
        """The state before any sample."""
        return FramingState(torch.zeros(batch_size, 0, dtype=dtype, device=device), 0, 0)

    def whole(self, samples: Tensor) -> Tensor:
        """All frames of (N, S), as a view where that is possible: (N, T, length)."""
        return self._frames(samples, 0, 0, self.options.num_frames(samples.shape[1]))

    def step(self, chunk: Tensor, state: FramingState) -> tuple[Tensor, FramingState]:
        """The frames that `chunk` (N, S) completes: (N, T, length)."""
        samples = torch.cat([state.samples, chunk], dim=1)
        end = state.first + samples.shape[1]
        complete = max(state.num_frames, (end - self.length - self._origin) // self.shift + 1)
        frames = self._frames(samples, state.first, state.num_frames, complete)
        # the reflection at the end reaches back by less than a frame
        keep = max(state.first, min(self._start(complete), end - self.length))
        return frames, FramingState(samples[:, keep - state.first :], keep, complete)

    def flush(self, state: FramingState) -> Tensor:
        """The frames at the end that need reflected samples: (N, T, length)."""
        total = self.options.num_frames(state.first + state.samples.shape[1])
        return self._frames(state.samples, state.first, state.num_frames, total)

    def _start(self, frame: int) -> int:
        return frame * self.shift + self._origin

    def _frames(self, samples: Tensor, first: int, begin: int, end: int) -> Tensor:
        """Frames begin .. end of a waveform of which `samples` are the ones from `first` on."""
        if end <= begin:
            return samples.new_zeros(samples.shape[0], 0, self.length)
        total = first + samples.shape[1]
        start, stop = self._start(begin), self._start(end - 1) + self.length
        middle = samples[:, max(start - first, 0) : stop - first]
        if start < 0 or stop > total:
            left = self._reflected(samples, first, range(start, min(stop, 0)))
            right = self._reflected(samples, first, range(max(start, total), stop))
            middle = torch.cat([left, middle, right], dim=1)
        return middle.unfold(1, self.length, self.shift)

    @staticmethod
    def _reflected(samples: Tensor, first: int, wanted: range) -> Tensor:
        total = first + samples.shape[1]
        index = torch.arange(wanted.start, max(wanted.start, wanted.stop), device=samples.device)
        index = index % (2 * total)
        return samples[:, torch.where(index < total, index, 2 * total - 1 - index) - first]
