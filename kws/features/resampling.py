"""Kaldi's own sample rate conversion (`resample.cc`, LinearResample)."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

_ZEROS = 6  # zero crossings of the sinc on each side, of Kaldi's ResampleWaveform
_ROLL_OFF = 0.99  # its cut-off, in parts of half the lower sample rate
_BLOCK_SAMPLES = 1 << 16  # computed at once


def resample_as_kaldi(samples: Tensor, from_rate: int, to_rate: int) -> Tensor:
    """What compute-*-feats makes of another sample rate (--allow-downsample, --allow-upsample).

    With cut-off c, 0.99 of half the lower rate, sample m of the output is the sum over all input
    samples n of x[n] w(d) sin(2 pi c d) / (pi d from_rate), d = n / from_rate - m / to_rate, where
    w is the Hann window that ends at the sixth zero of the sine. Samples outside count as 0.

    Args:
        samples: (N, S)
        from_rate, to_rate: in Hz.

    Returns:
        (N, ceil(S * to_rate / from_rate))
    """
    if from_rate == to_rate:
        return samples
    unit = math.gcd(from_rate, to_rate)
    num_in, num_out = from_rate // unit, to_rate // unit  # samples until the phases repeat
    first, taps = (torch.from_numpy(array) for array in _filters(from_rate, to_rate, num_out))
    total = -(-samples.shape[1] * num_out // num_in)
    num_units, offsets = -(-total // num_out), first[:, None] + torch.arange(taps.shape[1])
    # in float64: what leaks beyond the old band is little more than the rounding of float32
    taps = taps.to(samples.device)
    reach = taps.shape[1] + num_in
    padded = torch.nn.functional.pad(samples.double(), (reach, reach))
    step = max(1, _BLOCK_SAMPLES // num_out)
    blocks = [samples[:, :0]]
    for start in range(0, num_units, step):
        units = torch.arange(start, min(start + step, num_units))[:, None, None] * num_in
        # the last unit may ask for samples beyond the padding, for outputs that are cut off
        index = (units + offsets + reach).clamp(max=padded.shape[1] - 1).to(samples.device)
        blocks.append((padded[:, index] * taps).sum(dim=-1).flatten(1).to(samples))
    return torch.cat(blocks, dim=1)[:, :total]


def _filters(from_rate: int, to_rate: int, num_phases: int) -> tuple[np.ndarray, np.ndarray]:
    """For each output of a unit: its first input sample (P,); weights from there on (P, taps)."""
    cut_off = _ROLL_OFF * 0.5 * min(from_rate, to_rate)
    half_width = _ZEROS / (2 * cut_off)
    times = np.arange(num_phases) / to_rate
    first = np.ceil((times - half_width) * from_rate).astype(np.int64)
    last = np.floor((times + half_width) * from_rate).astype(np.int64)
    inputs = first[:, None] + np.arange((last - first).max() + 1)
    distance = inputs / from_rate - times[:, None]
    window = 0.5 + 0.5 * np.cos(2 * np.pi * cut_off / _ZEROS * distance)
    window[np.abs(distance) >= half_width] = 0
    taps = window * 2 * cut_off / from_rate * np.sinc(2 * cut_off * distance)
    return first, taps.astype(np.float32).astype(np.float64)  # as precise as Kaldi keeps them
