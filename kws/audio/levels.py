"""How loud the channels of whole recordings are, however long: enough to find the useless ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kws.audio.channels import DEAD_BELOW_DB, SILENT_DBFS
from kws.audio.files import read_pieces
from kws.audio.fitness import CLIPPED_SHARE
from kws.audio.measures import FRAME_S, Clipping, Floats, dbfs


@dataclass(frozen=True)
class ChannelLevel:
    """One channel of a recording.

    Attributes:
        loudest_dbfs: power of the loudest 20 ms, in dB relative to full scale; minus infinity when
            nothing changes. A room's impulse response, all of which lies in one moment, is a sound.
        is_constant: whether all samples are the same.
        offset: the smallest of them.
        clipped_share: of the samples, those at full scale or in flat tops.
    """

    loudest_dbfs: float
    is_constant: bool
    offset: float
    clipped_share: float

    @property
    def is_clipped(self) -> bool:
        return self.clipped_share > CLIPPED_SHARE


@dataclass(frozen=True)
class Levels:
    """A whole recording.

    Attributes:
        num_samples: of each channel.
        sample_rate: in Hz.
        channels: the first to the last.
    """

    num_samples: int
    sample_rate: int
    channels: Sequence[ChannelLevel]

    def is_silent(self, channel: int) -> bool:
        """Whether a channel holds no sound, or far less than the loudest channel does."""
        loudest_dbfs = max(one.loudest_dbfs for one in self.channels)
        limit_dbfs = max(SILENT_DBFS, loudest_dbfs - DEAD_BELOW_DB)
        return self.channels[channel].loudest_dbfs < limit_dbfs

    def live_channel(self) -> int | None:
        """The loudest channel; None when all are silent."""
        channels = range(len(self.channels))
        loudest = max(channels, key=lambda channel: self.channels[channel].loudest_dbfs)
        return None if self.is_silent(loudest) else loudest


def measure_levels(source: str | Path | BinaryIO, *, name: str | None = None) -> Levels:
    """Read a recording to its end, piece by piece, and measure its channels.

    Args:
        source, name: as for `read_audio`.

    Raises:
        InputError: as `read_audio`.
    """
    powers: list[Floats] = []  # the largest by channel
    clippings: list[Clipping] = []  # by channel
    extremes: list[Floats] = []  # smallest and largest: (2, channels)
    num_samples = rate = 0
    for piece, rate in read_pieces(source, name=name):
        x = piece.astype(np.float64)  # (S, channels)
        powers.append(_frame_powers(x, round(FRAME_S * rate)).max(axis=0))
        clippings = clippings or [Clipping() for _ in x.T]
        if len(x):
            for clipping, row in zip(clippings, x.T, strict=True):
                clipping.add(row)
        extremes.append(np.stack([x.min(axis=0), x.max(axis=0)]))
        num_samples += len(x)
    smallest, largest = np.min(extremes, axis=0)[0], np.max(extremes, axis=0)[1]
    shares = [clipping.num_samples() / num_samples for clipping in clippings]
    channels = [
        ChannelLevel(dbfs(float(power)), bool(low == high), float(low), float(share))
        for power, low, high, share in zip(
            np.max(powers, axis=0), smallest, largest, shares, strict=True
        )
    ]
    return Levels(num_samples, rate, channels)


def _frame_powers(x: Floats, frame: int) -> Floats:
    """Variance (T, channels) of every whole frame of (S, channels), or of all there is."""
    frame = max(min(frame, len(x)), 1)
    frames = x[: len(x) // frame * frame].reshape(-1, frame, x.shape[1])
    powers: Floats = frames.var(axis=1)
    return powers
