"""Feature options: Kaldi's `--option=value` lines as frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass, field

from kws.config import (
    Check,
    ConfigError,
    between,
    format_options,
    key,
    keys_of,
    make_options,
    one_of,
    read_options,
)
from kws.features.mel_options import FbankOptions, MfccOptions, Options

FEATURE_TYPES: dict[str, type[FbankOptions | MfccOptions]] = {
    "fbank": FbankOptions,
    "mfcc": MfccOptions,
}
MAX_DELTA_REACH = 1000  # frames on each side: 10 s


@dataclass(frozen=True)
class FeatureTypeOptions(Options):
    """Which features."""

    feature_type: str = key(
        "the features: " + " or ".join(FEATURE_TYPES),
        default="fbank",
        check=one_of(*FEATURE_TYPES),
    )


@dataclass(frozen=True)
class DeltaOptions(Options):
    """The options of Kaldi's add-deltas; order 0 adds none."""

    delta_order: int = key("order of the deltas; 0: none", default=0, check=between(0, 999))
    delta_window: int = key("frames on each side of a delta", default=2, check=between(1, 999))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.delta_order * self.delta_window > MAX_DELTA_REACH:
            raise ConfigError(
                f"delta-order={self.delta_order}, delta-window={self.delta_window}: the deltas "
                f"reach over order times window frames, at most {MAX_DELTA_REACH}; lower one of "
                "them"
            )


@dataclass(frozen=True)
class CmvnOptions(Options):
    """Normalisation of mean and variance, after the deltas."""

    cmvn: str = key(
        "statistics: none, global (one set for all), speaker or utterance (one set for each)",
        default="none",
        check=one_of("none", "global", "speaker", "utterance"),
    )
    norm_vars: bool = key("normalise the variances too", default=False)
    skip_dims: tuple[int, ...] = key(
        "columns that are left as they are, from 0, joined by colons",
        default=(),
        check=Check("must be 0 or greater", lambda value: all(column >= 0 for column in value)),
    )

    @property
    def stream_fault(self) -> str | None:
        """Why a stream cannot be normalised so; None where it can."""
        needed = {"speaker": "a speaker's", "utterance": "an utterance's"}.get(self.cmvn)
        if needed is None:
            return None
        return f"cmvn={self.cmvn}: {needed} statistics are not known in a stream; use --cmvn=global"


@dataclass(frozen=True)
class FeatureOptions:
    """Everything from a waveform to the rows that a network reads."""

    # its class is the type of the features
    raw: FbankOptions | MfccOptions = field(default_factory=FbankOptions)
    deltas: DeltaOptions = DeltaOptions()
    cmvn: CmvnOptions = CmvnOptions()

    def __post_init__(self) -> None:
        outside = [column for column in self.cmvn.skip_dims if column >= self.dim]
        if outside:
            raise ConfigError(
                f"skip-dims: there is no column {outside[0]}; the features have columns 0 to "
                f"{self.dim - 1}"
            )

    @property
    def sample_rate(self) -> int:
        """Of the waveforms, in Hz."""
        return self.raw.sample_rate

    @property
    def dim(self) -> int:
        """Columns of the features, deltas included."""
        return self.raw.dim * (self.deltas.delta_order + 1)

    @property
    def frame_shift_s(self) -> float:
        """Seconds from one frame to the next."""
        return self.raw.window_shift / self.sample_rate

    def frame_centre_s(self, frame: int) -> float:
        """The time of the middle of frame number `frame`, in seconds."""
        raw = self.raw
        middle = raw.window_length / 2 if raw.snip_edges else raw.window_shift / 2
        return (frame * raw.window_shift + middle) / self.sample_rate

    def num_frames(self, num_samples: int) -> int:
        """Frames of a waveform of `num_samples` samples."""
        return self.raw.num_frames(num_samples)


def parse_feature_options(text: str, source: str) -> FeatureOptions:
    """The options in Kaldi's `--option=value` lines.

    Args:
        text: the lines.
        source: the file's name, for error messages.

    Raises:
        ConfigError: an unknown option, one of another feature type or a value that breaks its rule.
    """
    common = (DeltaOptions, CmvnOptions)
    values = read_options(text, source, (FeatureTypeOptions, *FEATURE_TYPES.values(), *common))
    kind = values.pop("feature-type", "fbank")
    classes: tuple[type, ...] = (FEATURE_TYPES[kind], *common)
    known = {name for cls in classes for name in keys_of(cls)}
    for name in values:
        if name not in known:
            raise ConfigError(
                f"{source}: feature-type={kind} has no option {name}; remove it or choose another "
                "--feature-type"
            )
    options = make_options(values, source, classes)
    try:
        return FeatureOptions(*options)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None


def format_feature_options(options: FeatureOptions) -> str:
    """The lines that `parse_feature_options` reads: the type, and what is not at its default."""
    kinds = {cls: kind for kind, cls in FEATURE_TYPES.items()}
    # an empty text would stand for no features at all
    head = f"--feature-type={kinds[type(options.raw)]}\n"
    return head + format_options(options.raw, options.deltas, options.cmvn)
