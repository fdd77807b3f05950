"""Feature options: Kaldi's `--option=value` lines as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kws.config import (
    Check,
    ConfigError,
    format_options,
    key,
    keys_of,
    non_negative,
    one_of,
    parse_options,
    positive,
    proportion,
)
from kws.features.mel import MelBank

WINDOW_TYPES = ("hamming", "hanning", "povey", "rectangular", "sine", "blackman")
_whole = Check("must be a whole number greater than 0", lambda value: value > 0 and value % 1 == 0)
_bins = Check("must be 3 or greater", lambda value: value >= 3)
_below_1000 = Check("must lie between 0 and 999", lambda value: 0 <= value < 1000)
_window = Check("must lie between 1 and 999", lambda value: 0 < value < 1000)


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
class FeatureTypeOptions(Options):
    """Which features."""

    feature_type: str = key("the features: fbank", default="fbank", check=one_of("fbank"))


@dataclass(frozen=True)
class FbankOptions(Options):
    """The options of Kaldi's compute-fbank-feats, with its names and defaults, but dither=0."""

    sample_frequency: float = key("sample rate in Hz", default=16000.0, check=_whole)
    frame_length: float = key("frame length in ms", default=25.0, check=positive)
    frame_shift: float = key("frame shift in ms", default=10.0, check=positive)
    dither: float = key(
        "noise added to the samples, in units of 1 of 32768, where the caller gives a random "
        "generator; 0 (Kaldi's default is 1) so that results repeat",
        default=0.0,
        check=non_negative,
    )
    preemphasis_coefficient: float = key("pre-emphasis", default=0.97, check=proportion)
    remove_dc_offset: bool = key("subtract each frame's mean", default=True)
    window_type: str = key("window", default="povey", check=one_of(*WINDOW_TYPES))
    blackman_coeff: float = key("constant of the blackman window", default=0.42)
    round_to_power_of_two: bool = key("zero-pad frames to a power of two samples", default=True)
    snip_edges: bool = key(
        "only frames that fit into the waveform; false: one frame per shift, edges reflected",
        default=True,
    )
    num_mel_bins: int = key("number of mel bins", default=23, check=_bins)
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
    use_energy: bool = key("add the log energy as column 0", default=False)
    raw_energy: bool = key("energy before pre-emphasis and window", default=True)
    energy_floor: float = key("floor of the energy; 0 is none", default=0.0, check=non_negative)
    htk_compat: bool = key("put the energy last", default=False)
    use_log_fbank: bool = key("logarithm of the mel energies", default=True)
    use_power: bool = key("power spectrum; false: magnitude", default=True)
    subtract_mean: bool = key("subtract the utterance's mean from each column", default=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.window_length < 2 or self.window_shift < 1:
            raise ConfigError(
                f"frame-length={self.frame_length:g}, frame-shift={self.frame_shift:g} (ms) at "
                f"{self.sample_frequency:g} Hz: a frame needs 2 samples and a shift 1; make them "
                "longer"
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

    @property
    def dim(self) -> int:
        """Columns of the features."""
        return self.num_mel_bins + int(self.use_energy)

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
class DeltaOptions(Options):
    """The options of Kaldi's add-deltas; order 0 adds none."""

    delta_order: int = key("order of the deltas; 0: none", default=0, check=_below_1000)
    delta_window: int = key("frames on each side of a delta", default=2, check=_window)


@dataclass(frozen=True)
class CmvnOptions(Options):
    """Normalisation of mean and variance, after the deltas."""

    cmvn: str = key(
        "statistics: none, global (one set for all) or speaker",
        default="none",
        check=one_of("none", "global", "speaker"),
    )
    norm_vars: bool = key("normalise the variances too", default=False)


@dataclass(frozen=True)
class FeatureOptions:
    """Everything from a waveform to the rows that a network reads."""

    kind: FeatureTypeOptions = FeatureTypeOptions()
    fbank: FbankOptions = FbankOptions()
    deltas: DeltaOptions = DeltaOptions()
    cmvn: CmvnOptions = CmvnOptions()

    @property
    def sample_rate(self) -> int:
        """Of the waveforms, in Hz."""
        return self.fbank.sample_rate

    @property
    def dim(self) -> int:
        """Columns of the features, deltas included."""
        return self.fbank.dim * (self.deltas.delta_order + 1)

    @property
    def frame_shift_s(self) -> float:
        """Seconds from one frame to the next."""
        return self.fbank.window_shift / self.sample_rate

    def frame_centre_s(self, frame: int) -> float:
        """The time of the middle of frame number `frame`, in seconds."""
        fbank = self.fbank
        middle = fbank.window_length / 2 if fbank.snip_edges else fbank.window_shift / 2
        return (frame * fbank.window_shift + middle) / self.sample_rate

    def num_frames(self, num_samples: int) -> int:
        """Frames of a waveform of `num_samples` samples."""
        return self.fbank.num_frames(num_samples)


_CLASSES = (FeatureTypeOptions, FbankOptions, DeltaOptions, CmvnOptions)


def parse_feature_options(text: str, source: str) -> FeatureOptions:
    """The options in Kaldi's `--option=value` lines.

    Args:
        text: the lines.
        source: the file's name, for error messages.

    Raises:
        ConfigError: an unknown option or a value that breaks its rule.
    """
    return FeatureOptions(*parse_options(text, source, _CLASSES))


def format_feature_options(options: FeatureOptions) -> str:
    """The lines that `parse_feature_options` reads: the type, and what is not at its default."""
    # an empty text would stand for no features at all
    kind = f"--feature-type={options.kind.feature_type}\n"
    return kind + format_options(options.fbank, options.deltas, options.cmvn)
