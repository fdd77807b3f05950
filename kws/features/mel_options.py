"""Options of the features made from a mel filter bank: Kaldi's names and defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from kws.config import (
    Check,
    ConfigError,
    between,
    key,
    keys_of,
    non_negative,
    one_of,
    positive,
    proportion,
)
from kws.features.mel import MelBank

WINDOW_TYPES = ("hamming", "hanning", "povey", "rectangular", "sine", "blackman")
MAX_SAMPLE_RATE = 1_000_000  # Hz
MAX_WINDOW = 65536  # samples: more would ask for gigabytes
_whole = Check(
    f"must be a whole number from 1 to {MAX_SAMPLE_RATE}",
    lambda value: 0 < value <= MAX_SAMPLE_RATE and value % 1 == 0,
)


@dataclass(frozen=True)
class Options:
    """Base of the option classes: whoever makes one gets the checks of its keys."""

    def __post_init__(self) -> None:
        cls: type = type(self)
        for declared in keys_of(cls).values():
            value = getattr(self, declared.attribute)
            if declared.check is not None and not declared.check.holds(value):
                written = declared.format(value)
                raise ConfigError(
                    f"{declared.name}={written}: {declared.name} {declared.check.rule}"
                )


@dataclass(frozen=True)
class MelOptions(Options):
    """What the features made from a mel filter bank have in common.

    Names and defaults are those of Kaldi's compute-*-feats, but dither=0.
    """

    sample_frequency: float = key("sample rate in Hz", default=16000.0, check=_whole)
    frame_length: float = key("frame length in ms", default=25.0, check=positive)
    frame_shift: float = key("frame shift in ms", default=10.0, check=positive)
    dither: float = key(
        "noise added to the samples, in units of 1 of 32768, where the caller gives a random "
        "generator; 0 (Kaldi's default is 1) so that results repeat",
        default=0.0,
        check=between(0, 32768),
    )
    preemphasis_coefficient: float = key("pre-emphasis", default=0.97, check=proportion)
    remove_dc_offset: bool = key("subtract each frame's mean", default=True)
    window_type: str = key("window", default="povey", check=one_of(*WINDOW_TYPES))
    blackman_coeff: float = key("constant of the blackman window", default=0.42, check=proportion)
    round_to_power_of_two: bool = key("zero-pad frames to a power of two samples", default=True)
    snip_edges: bool = key(
        "only frames that fit into the waveform; false: one frame per shift, edges reflected",
        default=True,
    )
    allow_downsample: bool | None = key(
        "recordings of a higher sample rate, in kws features: true converts them as Kaldi does, "
        "false leaves them out; not given: converted with a steeper filter, as everywhere else",
        default=None,
    )
    allow_upsample: bool | None = key(
        "recordings of a lower sample rate, in kws features: as for allow-downsample", default=None
    )
    num_mel_bins: int = key("number of mel bins", default=23, check=between(3, 1000))
    low_freq: float = key("lower edge of the mel bank in Hz", default=20.0)
    high_freq: float = key(
        "upper edge of the mel bank in Hz; 0 or less: offset from half the sample rate", default=0.0
    )
    vtln_low: float = key("lower inflection point of the warp in Hz", default=100.0)
    vtln_high: float = key(
        "upper inflection point of the warp in Hz; below 0: offset from half the sample rate",
        default=-500.0,
    )
    vtln_warp: float = key("warp factor where the caller gives none", default=1.0, check=positive)
    raw_energy: bool = key("energy before pre-emphasis and window", default=True)
    energy_floor: float = key("floor of the energy; 0 is none", default=0.0, check=non_negative)
    htk_compat: bool = key("the order of HTK's columns: energy or C0 last", default=False)
    subtract_mean: bool = key("subtract the utterance's mean from each column", default=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window_length < 2 or self.window_shift < 1:
            raise ConfigError(
                f"frame-length={self.frame_length:g}, frame-shift={self.frame_shift:g} (ms) at "
                f"{self.sample_frequency:g} Hz: a frame needs 2 samples and a shift 1; make them "
                "longer"
            )
        if max(self.window_length, self.window_shift) > MAX_WINDOW:
            raise ConfigError(
                f"frame-length={self.frame_length:g}, frame-shift={self.frame_shift:g} (ms) at "
                f"{self.sample_frequency:g} Hz: a frame and a shift have at most {MAX_WINDOW} "
                "samples; make them shorter"
            )
        if self.fft_length % 2:
            raise ConfigError(
                f"round-to-power-of-two=false: a frame of {self.window_length} samples is odd and "
                "has no such transform; change frame-length"
            )
        nyquist = self.sample_frequency / 2
        bank = self.mel_bank
        if not 0 <= bank.low_hz < nyquist or not bank.low_hz < bank.high_hz <= nyquist:
            raise ConfigError(
                f"low-freq={self.low_freq:g}, high-freq={self.high_freq:g} (that is "
                f"{bank.high_hz:g} Hz): they must obey 0 <= low-freq < high-freq <= {nyquist:g}, "
                "half of sample-frequency"
            )
        bank.weights(self.vtln_warp)

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return int(self.sample_frequency)

    @property
    def window_length(self) -> int:
        """Samples of a frame."""
        return self._samples(self.frame_length)

    @property
    def window_shift(self) -> int:
        """Samples from one frame to the next."""
        return self._samples(self.frame_shift)

    @property
    def fft_length(self) -> int:
        """Samples of a frame after zero-padding."""
        length = self.window_length
        return 1 << (length - 1).bit_length() if self.round_to_power_of_two else length

    def allows(self, sample_rate: int) -> bool | None:
        """What allow-downsample or allow-upsample says of recordings of `sample_rate` Hz."""
        return self.allow_downsample if sample_rate > self.sample_rate else self.allow_upsample

    def num_frames(self, num_samples: int) -> int:
        """Frames of a waveform of `num_samples` samples."""
        if not self.snip_edges:
            return (num_samples + self.window_shift // 2) // self.window_shift
        return max(0, 1 + (num_samples - self.window_length) // self.window_shift)

    @cached_property
    def mel_bank(self) -> MelBank:
        """The mel bank with its frequencies resolved."""
        nyquist = self.sample_frequency / 2
        return MelBank(
            self.num_mel_bins,
            self.sample_frequency,
            self.fft_length,
            self.low_freq,
            self.high_freq if self.high_freq > 0 else nyquist + self.high_freq,
            self.vtln_low,
            self.vtln_high if self.vtln_high >= 0 else nyquist + self.vtln_high,
        )

    def _samples(self, duration_ms: float) -> int:
        # Kaldi multiplies a double by the float32 that the option holds, and truncates
        return int(self.sample_frequency * 0.001 * float(np.float32(duration_ms)))


@dataclass(frozen=True)
class FbankOptions(MelOptions):
    """The options of Kaldi's compute-fbank-feats."""

    use_energy: bool = key("add the log energy as column 0", default=False)
    use_log_fbank: bool = key("logarithm of the mel energies", default=True)
    use_power: bool = key("power spectrum; false: magnitude", default=True)

    @property
    def dim(self) -> int:
        """Columns of the features."""
        return self.num_mel_bins + int(self.use_energy)

    @property
    def log_mels(self) -> FbankOptions:
        """The filter bank's output that these features are made of: they themselves."""
        return self


@dataclass(frozen=True)
class MfccOptions(MelOptions):
    """The options of Kaldi's compute-mfcc-feats."""

    use_energy: bool = key("the log energy in place of C0", default=True)
    num_ceps: int = key("number of cepstral coefficients, C0 included", default=13, check=positive)
    cepstral_lifter: float = key(
        "constant of the lifter that scales the coefficients; 0: none",
        default=22.0,
        check=non_negative,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_ceps > self.num_mel_bins:
            raise ConfigError(
                f"num-ceps={self.num_ceps}: there are no more cepstral coefficients than mel bins, "
                f"num-mel-bins={self.num_mel_bins}; take fewer of them or more mel bins"
            )

    @property
    def dim(self) -> int:
        """Columns of the features."""
        return self.num_ceps

    @property
    def log_mels(self) -> FbankOptions:
        """The filter bank's output that these features are made of, with its energy first."""
        shared = {field.name: getattr(self, field.name) for field in fields(MelOptions)}
        return FbankOptions(**{**shared, "htk_compat": False}, use_energy=self.use_energy)
