"""Augmentation on the fly: speed, room, gain and noise on samples; warps and masks on features.

Every random choice comes from the `torch.Generator` that the caller passes, so that a seed gives
the same training data again. Noise and room responses are held as arrays: nothing is read here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from kws.audio import resample
from kws.config import Check, ConfigError, between, key, non_negative, proportion
from kws.errors import InputError

Samples = npt.NDArray[Any]  # (S,) int16 or float32

FULL_SCALE = 32767.0
LEVEL_FRAME_S = 0.02  # the active level is measured over frames of this length
ACTIVE_RANGE_DB = 20.0  # a frame is active when it lies at most this far below the loudest one
SILENT_BELOW_DB = -70.0  # re full scale: a recording whose loudest frame is below holds no speech
NOMINAL_LEVEL_DB = -26.0  # re full scale: the level that ITU-T P.56 users call nominal speech
MAX_RIR_S = 0.5  # later reflections are inaudible under the next words and cost time

_decibels = between(-200, 200)
_warp = between(0.5, 2)
_masks = between(0, 100)
_speeds_valid = Check(
    "must be percentages from 50 to 200",
    lambda value: bool(value) and all(50 <= v <= 200 for v in value),
)


@dataclass(frozen=True)
class AugmentOptions:
    """What training does at random to every recording."""

    noise_probability: float = key(
        "share of recordings that get noise", default=0.8, check=proportion
    )
    second_noise_probability: float = key(
        "share of the noisy ones that get a second noise", default=0.1, check=proportion
    )
    snr_db_min: float = key("lowest signal-to-noise ratio, dB", default=3.0, check=_decibels)
    snr_db_max: float = key("highest signal-to-noise ratio, dB", default=25.0, check=_decibels)
    rir_probability: float = key(
        "share of recordings put into a room by an impulse response", default=0.3, check=proportion
    )
    gain_db_min: float = key("lowest random gain, dB", default=-15.0, check=_decibels)
    gain_db_max: float = key("highest random gain, dB", default=6.0, check=_decibels)
    speed_percents: tuple[int, ...] = key(
        "speeds in percent of the original, one drawn per recording",
        default=(90, 95, 100, 105, 110),
        check=_speeds_valid,
    )
    vtln_warp_min: float = key("smallest vocal-tract warping factor", default=0.85, check=_warp)
    vtln_warp_max: float = key("largest vocal-tract warping factor", default=1.2, check=_warp)
    time_masks: int = key("masks over time per example (SpecAugment)", default=1, check=_masks)
    time_mask_frames: int = key("longest mask over time, frames", default=15, check=non_negative)
    freq_masks: int = key("masks over frequency per example (SpecAugment)", default=1, check=_masks)
    freq_mask_bins: int = key("widest mask over frequency, bins", default=6, check=non_negative)

    def __post_init__(self) -> None:
        for name in ("snr_db", "gain_db", "vtln_warp"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if not low <= high:
                written = name.replace("_", "-")
                raise ConfigError(
                    f"{written}-min={low:g} is above {written}-max={high:g}; swap them"
                )


class Augmenter:
    """Applies `AugmentOptions` with given noises and room responses.

    Args:
        options: what to do how often.
        noises: recordings of noise, (S,) int16 or float32 at 16-bit scale, at `sample_rate`; with
            none, no noise is added whatever the options say.
        rirs: room impulse responses, (S,), any scale, at `sample_rate`; likewise.
        sample_rate: of the recordings to augment, Hz.

    Raises:
        InputError: a noise that is empty, or a response that is empty or zero throughout.
    """

    def __init__(
        self,
        options: AugmentOptions,
        noises: Sequence[Samples],
        rirs: Sequence[Samples],
        sample_rate: int,
    ) -> None:
        self.options = options
        self.sample_rate = sample_rate
        self._noises = [_checked(noise, f"noise {i}") for i, noise in enumerate(noises)]
        self._rirs = [
            prepare_rir(_checked(rir, f"room impulse response {i}"), sample_rate)
            for i, rir in enumerate(rirs)
        ]

    @property
    def fastest(self) -> float:
        """The largest speed that may be drawn: so much audio becomes one of the original length."""
        return max(self.options.speed_percents) / 100

    def augment(
        self, samples: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, float]:
        """Change speed, room, gain and noise, in this order; clip at 16-bit full scale.

        Args:
            samples: (S,) float32 at 16-bit scale.

        Returns:
            (S',) samples, and the speed: what was at time t is now at t / speed.
        """
        options = self.options
        percent = options.speed_percents[_index(len(options.speed_percents), generator)]
        # faster is what a lower sample rate makes of it: the pitch changes as well
        samples = torch.from_numpy(resample(samples.numpy(), percent, 100))
        if self._rirs and _chance(options.rir_probability, generator):
            samples = convolve(samples, self._rirs[_index(len(self._rirs), generator)])
        gain_db = _uniform(options.gain_db_min, options.gain_db_max, generator)
        samples = samples * 10 ** (gain_db / 20)
        if self._noises and _chance(options.noise_probability, generator):
            samples = self._with_noises(samples, generator)
        return samples.clamp(-FULL_SCALE, FULL_SCALE), percent / 100

    def warp(self, generator: torch.Generator) -> float:
        """A random vocal-tract warping factor for the mel bank: uniform between its bounds."""
        return _uniform(self.options.vtln_warp_min, self.options.vtln_warp_max, generator)

    def mask(self, features: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """SpecAugment (Park et al. 2019): masks over time and frequency, others per example.

        A mask's width is uniform from 0 to its maximum (and at most the axis), then its start is
        uniform over where it fits. What is masked gets the example's mean over time of its bin.

        Args:
            features: (N, T, D).

        Returns:
            (N, T, D), a new tensor.
        """
        options = self.options
        num_examples, num_frames, num_bins = features.shape
        if num_frames == 0 or options.time_masks + options.freq_masks == 0:
            return features.clone()
        over_time = _random_spans(
            (num_examples, options.time_masks), options.time_mask_frames, num_frames, generator
        )
        over_bins = _random_spans(
            (num_examples, options.freq_masks), options.freq_mask_bins, num_bins, generator
        )
        masked = (over_time[:, :, None] | over_bins[:, None, :]).to(features.device)
        return torch.where(masked, features.mean(dim=1, keepdim=True), features)

    def _with_noises(self, samples: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        options = self.options
        level_db = active_level_db(samples, self.sample_rate)
        if level_db < SILENT_BELOW_DB:
            level_db = NOMINAL_LEVEL_DB
        num_noises = 1 + _chance(options.second_noise_probability, generator)
        for _ in range(num_noises):
            source = self._noises[_index(len(self._noises), generator)]
            noise = _random_part(source, samples.shape[-1], generator)
            snr_db = _uniform(options.snr_db_min, options.snr_db_max, generator)
            noise_db = active_level_db(noise, self.sample_rate)
            if noise_db > -math.inf:
                # added by active levels: the silence around a word is no speech
                samples = samples + noise * 10 ** ((level_db - snr_db - noise_db) / 20)
        return samples


def active_level_db(samples: torch.Tensor, sample_rate: int) -> float:
    """The mean power of the active frames, dB re 16-bit full scale (-inf for zeros, or no samples).

    A frame of 20 ms is active when its power lies within 20 dB of the loudest frame's: a short
    word in long silence, digital or not, has the level of the word. (ITU-T P.56 counts what lies
    within 15.9 dB of the mean, which speech exceeds by some 6 dB at its loudest.)

    Args:
        samples: (S,) at 16-bit scale.
    """
    frame = max(1, min(round(LEVEL_FRAME_S * sample_rate), samples.shape[-1]))
    num_frames = samples.shape[-1] // frame
    if num_frames == 0:
        return -math.inf
    powers = samples[: num_frames * frame].view(num_frames, frame).square().mean(dim=1)
    loudest = float(powers.max())
    if loudest == 0.0:
        return -math.inf
    active = powers[powers >= loudest * 10 ** (-ACTIVE_RANGE_DB / 10)]
    return 10 * math.log10(float(active.mean()) / FULL_SCALE**2)


def prepare_rir(rir: Samples, sample_rate: int) -> torch.Tensor:
    """A room impulse response from its direct path on, half a second of it, of energy 1.

    With the direct path at lag 0 words stay where they were, and with energy 1 white noise keeps
    its level.

    Args:
        rir: (S,).

    Returns:
        (R,) float32.
    """
    response = torch.from_numpy(rir.astype(np.float32))
    direct = int(response.abs().argmax())
    response = response[direct : direct + round(MAX_RIR_S * sample_rate)]
    norm = response.norm()
    if norm == 0:
        raise InputError("a room impulse response is zero throughout; remove it")
    energy_one: torch.Tensor = response / norm
    return energy_one


def convolve(samples: torch.Tensor, rir: torch.Tensor) -> torch.Tensor:
    """`samples` in the room of `rir`, cut to their own length.

    Args:
        samples: (S,).
        rir: (R,).
    """
    num_samples = samples.shape[-1]
    if num_samples == 0:
        return samples
    # an FFT of a length with large prime factors is slow
    length = _fast_fft_length(num_samples + rir.shape[-1] - 1)
    spectrum = torch.fft.rfft(samples, length) * torch.fft.rfft(rir, length)
    wet: torch.Tensor = torch.fft.irfft(spectrum, length)
    return wet[:num_samples]


def _fast_fft_length(length: int) -> int:
    """The smallest 2^k, 3 * 2^k, 5 * 2^k or 7 * 2^k that is no smaller than `length`."""
    power = 1 << (length - 1).bit_length()
    return min(n for n in (power * m // 8 for m in (5, 6, 7, 8)) if n >= length)


def _checked(samples: Samples, name: str) -> Samples:
    if samples.ndim != 1 or samples.size == 0:
        raise InputError(f"{name}: its shape is {samples.shape}, it must be (S,) with S > 0")
    return samples


def _random_part(noise: Samples, num_samples: int, generator: torch.Generator) -> torch.Tensor:
    """`num_samples` of `noise` from a random place on; one that is too short is repeated."""
    spare = noise.shape[0] - num_samples
    start = _index(spare + 1 if spare >= 0 else noise.shape[0], generator)
    part = noise[start : start + num_samples]
    if spare < 0:
        part = np.resize(np.roll(noise, -start), num_samples)
    return torch.from_numpy(part.astype(np.float32))


def _random_spans(
    shape: tuple[int, int], longest: int, size: int, generator: torch.Generator
) -> torch.Tensor:
    """(N, size) bool: where one of an example's random spans lies; `shape` is (N, spans each)."""
    widths = _integers(torch.full(shape, min(longest, size) + 1), generator)
    starts = _integers(size - widths + 1, generator)
    axis = torch.arange(size)
    inside = (axis >= starts[..., None]) & (axis < (starts + widths)[..., None])
    return inside.any(dim=1)


def _integers(bounds: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Uniform integers from 0 to below each of `bounds`."""
    uniform = torch.rand(bounds.shape, generator=generator, dtype=torch.float64)
    return (uniform * bounds).long()


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=generator, dtype=torch.float64))


def _chance(probability: float, generator: torch.Generator) -> bool:
    return _uniform(0.0, 1.0, generator) < probability


def _index(size: int, generator: torch.Generator) -> int:
    return int(torch.randint(size, (), generator=generator))
