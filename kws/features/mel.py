"""Kaldi's mel filter bank and its vocal-tract-length warping (`mel-computations.cc`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.config import ConfigError

Array = npt.NDArray[np.float64]


def mel(frequency_hz: Array | float) -> Array:
    """Frequencies on the mel scale: 1127 ln(1 + f / 700)."""
    return np.asarray(1127.0 * np.log1p(np.asarray(frequency_hz, dtype=np.float64) / 700.0))


def inverse_mel(mels: Array) -> Array:
    """Frequencies in Hz of values on the mel scale."""
    return np.asarray(700.0 * np.expm1(mels / 1127.0))


@dataclass(frozen=True)
class MelBank:
    """Where the triangles of a mel filter bank stand.

    Args:
        num_bins: number of triangles.
        sample_rate: of the waveform, in Hz.
        fft_length: samples of the padded frame.
        low_hz, high_hz: edges of the bank.
        vtln_low_hz, vtln_high_hz: between them frequencies are scaled by 1 / warp.
    """

    num_bins: int
    sample_rate: float
    fft_length: int
    low_hz: float
    high_hz: float
    vtln_low_hz: float
    vtln_high_hz: float

    def weights(self, warp: float = 1.0) -> Array:
        """Triangles, linear in mel, at the centres of the FFT's bins; no area normalisation.

        Their edges are open and, as in Kaldi, the bin at half the sample rate is never used.

        Args:
            warp: vocal-tract-length warp factor; 1 changes nothing.

        Returns:
            (fft_length / 2 + 1, num_bins)

        Raises:
            ConfigError: a triangle between two FFT bins, or a warp that the bank does not allow.
        """
        corners = np.linspace(mel(self.low_hz), mel(self.high_hz), self.num_bins + 2)
        if warp != 1.0:
            corners = mel(self.warped(inverse_mel(corners), warp))
        left, centre, right = corners[:-2], corners[1:-1], corners[2:]  # (num_bins,) each
        num_fft_bins = self.fft_length // 2
        bin_hz = np.arange(num_fft_bins) * self.sample_rate / self.fft_length
        bin_mel = mel(bin_hz)[:, None]
        rising = (bin_mel - left) / (centre - left)
        falling = (right - bin_mel) / (right - centre)
        weights = np.maximum(0.0, np.minimum(rising, falling))
        empty = np.flatnonzero(weights.sum(axis=0) == 0.0)
        if empty.size:
            warped = f" with vtln-warp={warp:g}" if warp != 1.0 else ""
            raise ConfigError(
                f"num-mel-bins={self.num_bins}: mel bin {empty[0]} is empty{warped}: no FFT bin of "
                f"{self.sample_rate / self.fft_length:g} Hz lies in it; take fewer mel bins"
            )
        return np.pad(weights, ((0, 1), (0, 0)))

    def warped(self, frequency_hz: Array, warp: float) -> Array:
        """Kaldi's piecewise linear warp: slope 1 / warp in the middle, both edges fixed."""
        self._check_warp(warp)
        low, high = self.low_hz, self.high_hz
        lower = self.vtln_low_hz * max(1.0, warp)
        upper = self.vtln_high_hz * min(1.0, warp)
        left_slope = (lower / warp - low) / (lower - low)
        right_slope = (high - upper / warp) / (high - upper)
        bent = np.select(
            [frequency_hz < lower, frequency_hz < upper],
            [low + left_slope * (frequency_hz - low), frequency_hz / warp],
            high + right_slope * (frequency_hz - high),
        )
        outside = (frequency_hz < low) | (frequency_hz > high)
        return np.where(outside, frequency_hz, bent)

    def _check_warp(self, warp: float) -> None:
        if not 0.0 < warp < np.inf:
            raise ConfigError(f"vtln-warp={warp:g}: vtln-warp must be greater than 0")
        low, high = self.vtln_low_hz, self.vtln_high_hz
        if not self.low_hz < low < high < self.high_hz or low * max(1.0, warp) >= high * min(
            1.0, warp
        ):
            raise ConfigError(
                f"vtln-low={low:g}, vtln-high={high:g} (in Hz, offsets from half the sample rate "
                f"resolved): with vtln-warp={warp:g} they must lie in order between "
                f"low-freq={self.low_hz:g} and high-freq={self.high_hz:g}"
            )
