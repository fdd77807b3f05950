"""Log mel filter-bank features with Kaldi's numerics (`compute-fbank-feats`)."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from kws.config import ConfigError
from kws.features.framing import Framing, FramingState, window
from kws.features.mel import MelBank
from kws.features.options import FbankOptions

FLOAT_EPSILON = torch.finfo(torch.float32).eps  # Kaldi's floor before every logarithm
# frames computed at once: on a CPU what stays in its cache, elsewhere what fills the device
_BLOCK_FRAMES_CPU = 400
_BLOCK_FRAMES_DEVICE = 1 << 16


@functools.lru_cache(maxsize=1024)
def _mel_weights(bank: MelBank, warp: float) -> Tensor:
    """Mel weights (fft_length / 2 + 1, num_bins) in float64; made once per warp factor."""
    return torch.from_numpy(bank.weights(warp))


class Fbank(nn.Module):
    """Mel filter-bank energies of frames, batched, streaming and differentiable.

    Per frame, in Kaldi's order: dither, mean removal, pre-emphasis y[i] = x[i] - c x[i-1]
    (y[0] = (1 - c) x[0]), window, zero-padding, FFT, power |X|^2, mel triangles, logarithm
    (natural, floored at FLT_EPSILON). See `feature-fbank.cc` and `feature-window.cc`.

    Args:
        options: which variant.
    """

    window: Tensor
    mel_weights: Tensor

    def __init__(self, options: FbankOptions) -> None:
        super().__init__()
        self.options = options
        self.framing = Framing(options)
        weights = _mel_weights(options.mel_bank, options.vtln_warp)
        # the module is a function of its options: nothing here belongs into a model file
        self.register_buffer("window", window(options).float(), persistent=False)
        self.register_buffer("mel_weights", self._spread(weights).float(), persistent=False)

    def forward(
        self,
        samples: Tensor,
        vtln_warp: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Features of whole waveforms.

        Args:
            samples: (N, S) at 16-bit scale.
            vtln_warp: (N,) warp factor of each example; None: the option vtln-warp for all.
            generator: source of the dither; None: none is added.

        Returns:
            (N, T, dim)
        """
        features = self._features(self.framing.whole(samples), vtln_warp, generator)
        if self.options.subtract_mean and features.shape[1]:
            features = features - features.mean(dim=1, keepdim=True)
        return features

    def init_state(self, batch_size: int = 1) -> FramingState:
        """The state before any sample.

        Raises:
            ConfigError: subtract-mean needs the whole utterance.
        """
        if self.options.subtract_mean:
            raise ConfigError(
                "subtract-mean=true: the mean of a whole utterance is not known in a stream; "
                "use --cmvn=global instead"
            )
        return self.framing.init_state(batch_size, self.window.dtype, self.window.device)

    def step(self, samples: Tensor, state: FramingState) -> tuple[Tensor, FramingState]:
        """Features of the frames that a chunk (N, S) completes: (N, T, dim)."""
        frames, state = self.framing.step(samples, state)
        return self._features(frames, None, None), state

    def flush(self, state: FramingState) -> Tensor:
        """Features of the frames at the end that snip-edges=false adds: (N, T, dim)."""
        return self._features(self.framing.flush(state), None, None)

    def _features(
        self, frames: Tensor, vtln_warp: Tensor | None, generator: torch.Generator | None
    ) -> Tensor:
        num_examples, num_frames, _ = frames.shape
        if num_examples == 0 or num_frames == 0:
            return frames.new_zeros(num_examples, num_frames, self.options.dim)
        weights = self.mel_weights if vtln_warp is None else self._warped_weights(vtln_warp)
        rows = []
        for group, times in self._blocks(num_examples, num_frames, frames.device):
            group_weights = weights if weights.dim() == 2 else weights[group]
            block = [self._block(frames[group, t], group_weights, generator) for t in times]
            rows.append(block[0] if len(block) == 1 else torch.cat(block, dim=1))
        return rows[0] if len(rows) == 1 else torch.cat(rows)

    def _block(self, frames: Tensor, weights: Tensor, generator: torch.Generator | None) -> Tensor:
        """Features of a block of frames (n, t, length): (n, t, dim)."""
        options = self.options
        if generator is not None and options.dither > 0:
            noise = torch.empty(frames.shape, dtype=frames.dtype, device=frames.device)
            frames = frames + options.dither * noise.normal_(generator=generator)
        if options.remove_dc_offset:
            frames = frames - frames.mean(dim=-1, keepdim=True)
        # in-place steps in a zeroed buffer: twice as fast as a new tensor for each, and autograd
        # follows them all the same
        padded = frames.new_zeros(*frames.shape[:-1], options.fft_length)
        windowed = padded[..., : frames.shape[-1]]
        windowed.copy_(frames)
        emphasis = options.preemphasis_coefficient
        if emphasis:
            windowed[..., 1:].sub_(frames[..., :-1], alpha=emphasis)
            windowed[..., 0].mul_(1 - emphasis)
        windowed.mul_(self.window)
        spectrum = torch.fft.rfft(padded)
        if options.use_power:
            # (n, t, fft_length + 2): squares of the real and imaginary parts in turn
            spectrum = torch.view_as_real(spectrum).flatten(-2).square_()
        else:
            spectrum = spectrum.abs()
        features = torch.matmul(spectrum, weights)
        if options.use_log_fbank:
            features = features.clamp_min_(FLOAT_EPSILON).log_()
        if not options.use_energy:
            return features
        energy = self._log_energy(frames if options.raw_energy else padded)
        return torch.cat([features, energy] if options.htk_compat else [energy, features], dim=-1)

    def _log_energy(self, frames: Tensor) -> Tensor:
        energy = frames.square().sum(dim=-1, keepdim=True).clamp_min(FLOAT_EPSILON).log()
        if self.options.energy_floor > 0:
            energy = energy.clamp_min(math.log(self.options.energy_floor))
        return energy

    def _warped_weights(self, vtln_warp: Tensor) -> Tensor:
        """(N, rows, num_mel_bins) for warp factors (N,)."""
        warps, which = torch.unique(vtln_warp.detach().cpu().double(), return_inverse=True)
        bank = self.options.mel_bank
        distinct = torch.stack([self._spread(_mel_weights(bank, warp)) for warp in warps.tolist()])
        return distinct.to(self.mel_weights)[which.to(self.mel_weights.device)]

    def _spread(self, weights: Tensor) -> Tensor:
        """Weights for squares of real and imaginary parts in turn, when powers are wanted."""
        return weights.repeat_interleave(2, dim=0) if self.options.use_power else weights

    @staticmethod
    def _blocks(
        num_examples: int, num_frames: int, device: torch.device
    ) -> Iterator[tuple[slice, list[slice]]]:
        size = _BLOCK_FRAMES_CPU if device.type == "cpu" else _BLOCK_FRAMES_DEVICE
        examples = max(1, size // num_frames)
        times = [slice(t, t + size) for t in range(0, num_frames, size)]
        for n in range(0, num_examples, examples):
            yield slice(n, n + examples), times
