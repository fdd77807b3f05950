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
from kws.features.mel_options import FbankOptions

FLOAT_EPSILON = torch.finfo(torch.float32).eps  # Kaldi's floor before every logarithm
# frames computed at once: on a CPU what stays in its cache, elsewhere what fills the device
_BLOCK_FRAMES_CPU = 400
_BLOCK_FRAMES_DEVICE = 1 << 16
# a mel bin this far (in log amplitude) below the loudest is computed in float64, see _refine
_FLOAT32_NEPERS = 7.5


@functools.lru_cache(maxsize=1024)
def _mel_weights(bank: MelBank, warp: float, use_power: bool, dtype: torch.dtype) -> Tensor:
    """Mel weights, made once per warp factor.

    Returns:
        (fft_length / 2 + 1, num_bins); with `use_power` each row stands twice, for the squares of
        the real and of the imaginary part
    """
    with torch.inference_mode(False):  # they outlive the caller's mode
        weights = torch.from_numpy(bank.weights(warp)).to(dtype)
        return weights.repeat_interleave(2, dim=0) if use_power else weights


@functools.lru_cache(maxsize=16)
def _precise_window(options: FbankOptions) -> Tensor:
    with torch.inference_mode(False):  # it outlives the caller's mode
        return window(options)


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
        weights = _mel_weights(
            options.mel_bank, options.vtln_warp, options.use_power, torch.float32
        )
        # the module is a function of its options: nothing here belongs into a model file
        self.register_buffer("window", window(options).float(), persistent=False)
        self.register_buffer("mel_weights", weights.clone(), persistent=False)

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
        if generator is not None and self.options.dither > 0:
            noise = torch.empty(frames.shape, dtype=frames.dtype, device=frames.device)
            frames = frames + self.options.dither * noise.normal_(generator=generator)
        weights = self.mel_weights if vtln_warp is None else self._warped_weights(vtln_warp)
        rows = []
        for group, times in self._blocks(num_examples, num_frames, frames.device):
            group_weights = weights if weights.dim() == 2 else weights[group]
            block = [self._block(frames[group, t], group_weights) for t in times]
            rows.append(block[0] if len(block) == 1 else torch.cat(block, dim=1))
        features = rows[0] if len(rows) == 1 else torch.cat(rows)
        if self.options.use_log_fbank and features.dtype == torch.float32:
            self._refine(features, frames, weights)
        return features

    def _block(self, frames: Tensor, weights: Tensor) -> Tensor:
        """Features of a block of frames (n, t, length): (n, t, dim)."""
        options = self.options
        windowed = self._windowed(frames)
        features = torch.matmul(self._spectrum(windowed), weights)
        if options.use_log_fbank:
            features = features.clamp_min_(FLOAT_EPSILON).log_()
        if not options.use_energy:
            return features
        energy = self._log_energy(self._centred(frames) if options.raw_energy else windowed)
        return torch.cat([features, energy] if options.htk_compat else [energy, features], dim=-1)

    def _centred(self, frames: Tensor) -> Tensor:
        if not self.options.remove_dc_offset:
            return frames
        return frames - frames.mean(dim=-1, keepdim=True)

    def _windowed(self, frames: Tensor) -> Tensor:
        """Frames (..., length) without mean, pre-emphasised, windowed: (..., fft_length)."""
        frames = self._centred(frames)
        # in-place steps in a zeroed buffer: a new tensor for each would take twice the time, and
        # autograd follows them all the same
        padded = frames.new_zeros(*frames.shape[:-1], self.options.fft_length)
        inside = padded[..., : frames.shape[-1]]
        inside.copy_(frames)
        emphasis = self.options.preemphasis_coefficient
        if emphasis:
            inside[..., 1:].sub_(frames[..., :-1], alpha=emphasis)
            inside[..., 0].mul_(1 - emphasis)
        precise = frames.dtype == torch.float64
        inside.mul_(_precise_window(self.options).to(frames.device) if precise else self.window)
        return padded

    def _spectrum(self, windowed: Tensor) -> Tensor:
        """What the mel weights are for: (..., rows of the weights)."""
        spectrum: Tensor = torch.fft.rfft(windowed)
        if not self.options.use_power:
            return spectrum.abs()
        # squares of the real and imaginary parts in turn
        squares: Tensor = torch.view_as_real(spectrum).flatten(-2).square_()
        return squares

    def _refine(self, features: Tensor, frames: Tensor, weights: Tensor) -> None:
        """Compute those frames again in float64 that float32's FFT gets wrong by more than 6e-5.

        Its rounding is even over the bins, at about 6e-8 of the loudest one's amplitude: mel bins
        far below the loudest suffer. Few frames are such (a strong low voice, nothing near it).
        """
        energy_first = int(self.options.use_energy and not self.options.htk_compat)
        mels = features[..., energy_first : energy_first + self.options.num_mel_bins]
        with torch.no_grad():
            low, high = torch.aminmax(mels, dim=-1)  # (N, T)
            nepers = 0.5 * (high - low) if self.options.use_power else high - low
            wide = nepers - low.abs().clamp_min_(1).log_() > _FLOAT32_NEPERS
        chosen = wide.nonzero()  # (frames, 2)
        for start in range(0, len(chosen), _BLOCK_FRAMES_CPU):
            example, time = chosen[start : start + _BLOCK_FRAMES_CPU].unbind(dim=1)
            spectrum = self._spectrum(self._windowed(frames[example, time].double()))
            of_frames = weights if weights.dim() == 2 else weights[example]
            energies = torch.matmul(spectrum.to(features)[:, None], of_frames)[:, 0]
            mels[example, time] = energies.clamp_min(FLOAT_EPSILON).log()

    def _log_energy(self, frames: Tensor) -> Tensor:
        energy = frames.square().sum(dim=-1, keepdim=True).clamp_min(FLOAT_EPSILON).log()
        if self.options.energy_floor > 0:
            energy = energy.clamp_min(math.log(self.options.energy_floor))
        return energy

    def _warped_weights(self, vtln_warp: Tensor) -> Tensor:
        """(N, rows, num_mel_bins) for warp factors (N,)."""
        warps, which = torch.unique(vtln_warp.detach().cpu().double(), return_inverse=True)
        bank, use_power, like = self.options.mel_bank, self.options.use_power, self.mel_weights
        distinct = torch.stack(
            [_mel_weights(bank, warp, use_power, like.dtype) for warp in warps.tolist()]
        )
        return distinct.to(like.device)[which.to(like.device)]

    @staticmethod
    def _blocks(
        num_examples: int, num_frames: int, device: torch.device
    ) -> Iterator[tuple[slice, list[slice]]]:
        size = _BLOCK_FRAMES_CPU if device.type == "cpu" else _BLOCK_FRAMES_DEVICE
        examples = max(1, size // num_frames)
        times = [slice(t, t + size) for t in range(0, num_frames, size)]
        for n in range(0, num_examples, examples):
            yield slice(n, n + examples), times
