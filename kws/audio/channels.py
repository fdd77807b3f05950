"""Which channel of a sound is heard, and a word when that one is silent beside another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
import numpy.typing as npt

from kws.audio.notices import NOTICES
from kws.errors import InputError

Samples = npt.NDArray[np.float32]
Channel = int | Literal["mean"] | None  # from 0; the mean of all; None: the first, with a notice
SILENT_DBFS = -75.0  # a microphone's own noise alone is louder
DEAD_BELOW_DB = 40.0  # of the loudest channel: no room attenuates one microphone of two so much


def check_channel(channel: Channel, num_channels: int, place: str) -> None:
    """InputError where a channel is asked for that there is not."""
    if isinstance(channel, int) and not 0 <= channel < num_channels:
        raise InputError(
            f"{place}: channel={channel}: it has {num_channels} channel(s), counted from 0"
        )


def choose(
    pieces: Iterable[Samples], channel: Channel, place: str, *, tell_after: float = math.inf
) -> Iterator[Samples]:
    """One channel of pieces of sound.

    A notice says when that one is silent and another is not, at the end or after `tell_after`.

    Args:
        pieces: (S, channels) each, in [-1, 1].
        channel: as for `kws.audio.read_audio`, checked.
        place: where they come from.
        tell_after: so many samples, of streams that have no end; 0: never.

    Yields:
        (S,) each
    """
    powers: npt.NDArray[np.float32] | None = None  # the largest so far, by channel
    num_samples = 0
    for piece in pieces:
        if piece.shape[1] == 1:
            yield piece[:, 0]
            continue
        power = piece.var(axis=0) if len(piece) else np.zeros(piece.shape[1], np.float32)
        powers = power if powers is None else np.maximum(powers, power)
        if num_samples < tell_after <= num_samples + len(piece):
            _tell_if_silent(powers, channel, place)
        num_samples += len(piece)
        if channel == "mean":
            yield piece.mean(axis=1, dtype=np.float32)
        else:
            yield np.ascontiguousarray(piece[:, channel or 0])
    if powers is not None and num_samples < tell_after:
        _tell_if_silent(powers, channel, place)


def _tell_if_silent(powers: npt.NDArray[np.float32], channel: Channel, place: str) -> None:
    if channel == "mean":
        return
    used, live = channel or 0, int(powers.argmax())
    levels_dbfs = [10 * math.log10(power) if power > 0 else -math.inf for power in powers.tolist()]
    limit_dbfs = max(SILENT_DBFS, levels_dbfs[live] - DEAD_BELOW_DB)
    if levels_dbfs[used] < limit_dbfs <= levels_dbfs[live]:
        NOTICES.add(f"channel {used} is silent, channel {live} is not: --channel {live}", place)
