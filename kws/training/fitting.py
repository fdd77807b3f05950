"""Whether features fit a training's options and data: told before it begins, not by a worker."""

from __future__ import annotations

from collections.abc import Sequence

from kws.config import ConfigError
from kws.data.augmentation import AugmentOptions
from kws.data.recordings import Recordings
from kws.errors import InputError
from kws.features import FeatureOptions


def check_warps(options: AugmentOptions, features: FeatureOptions, source: str) -> None:
    """Refuse warp factors that may be drawn but do not fit the features' mel bank.

    Args:
        options: between which factors one is drawn.
        features: with the limits of the mel bank and of its warp.
        source: the file of the features' options, for messages.

    Raises:
        ConfigError: the limits are out of order for a factor, or it leaves a mel bin empty.
    """
    first, last = (round(100 * w) for w in (options.vtln_warp_min, options.vtln_warp_max))
    for hundredth in (first, last, *range(first, last)):  # they are drawn so
        try:
            features.raw.mel_bank.weights(hundredth / 100)
        except ConfigError as error:
            raise ConfigError(
                f"{source}: {error}; change these, or the range from vtln-warp-min="
                f"{options.vtln_warp_min:g} to vtln-warp-max={options.vtln_warp_max:g} that "
                "training draws from (1 to 1: none)"
            ) from None


def check_lengths(
    recordings: Recordings, features: FeatureOptions, data: Sequence[str], source: str
) -> None:
    """Refuse a training set in which no utterance is as long as a frame.

    Args:
        recordings: of the set.
        features: with the length of a frame.
        data: the data dirs, for messages.
        source: the file of the features' options, for messages.

    Raises:
        InputError: so it is.
    """
    if not any(features.num_frames(len(recordings[i])) for i in range(len(recordings))):
        raise InputError(
            f"{' '.join(data)}: there is nothing to train on: no utterance is as long as a frame "
            f"(frame-length={features.raw.frame_length:g} ms, frame-shift="
            f"{features.raw.frame_shift:g} ms in {source}); give longer ones"
        )
