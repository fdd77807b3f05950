"""Which frames of its units made a keyword's confidence."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.keyword import Keyword
from kws.runtime.metadata import Metadata


@dataclass(frozen=True)
class UnitPeak:
    """A unit's largest smoothed posterior and when it was."""

    unit: str
    posterior: float
    time_s: float


def unit_peaks(
    smoothed: npt.NDArray[np.floating], first: int, keyword: Keyword, metadata: Metadata
) -> tuple[UnitPeak, ...]:
    """The peak of each of a keyword's units, in spoken order.

    Args:
        smoothed: (T, units), T >= 1: the frames to look at.
        first: the frame of smoothed[0], counted from the start of the stream.
        keyword: whose units.
        metadata: of the exported file.
    """
    frames = np.array([smoothed[:, unit].argmax() for unit in keyword.units])
    return _peaks(smoothed, frames, first, keyword, metadata)


def confidence_peaks(
    smoothed: npt.NDArray[np.floating], first: int, keyword: Keyword, metadata: Metadata
) -> tuple[UnitPeak, ...]:
    """What the confidence at the last frame given is the geometric mean of.

    Args:
        smoothed: (T, units), T >= 1: the last w_max frames of the confidence, or what is known
            of them.
        first: the frame of smoothed[0].
        keyword: whose units.
        metadata: its kind of confidence decides whether the peaks have to be in order.
    """
    if metadata.posterior.get("confidence", "chen") != "ordered":
        return unit_peaks(smoothed, first, keyword, metadata)
    frames = _best_in_order(smoothed[:, keyword.units])
    return _peaks(smoothed, frames, first, keyword, metadata)


def in_order(peaks: tuple[UnitPeak, ...]) -> bool:
    """Whether the units peaked one after the other as they are spoken."""
    return all(a.time_s < b.time_s for a, b in itertools.pairwise(peaks))


def _peaks(
    smoothed: npt.NDArray[np.floating],
    frames: npt.NDArray[np.intp],
    first: int,
    keyword: Keyword,
    metadata: Metadata,
) -> tuple[UnitPeak, ...]:
    return tuple(
        UnitPeak(
            metadata.units[unit],
            float(smoothed[frame, unit]),
            metadata.frame_offset_s + (first + int(frame)) * metadata.frame_shift_s,
        )
        for unit, frame in zip(keyword.units, frames, strict=True)
    )


def _best_in_order(values: npt.NDArray[np.floating]) -> npt.NDArray[np.intp]:
    """The frames `k_1 < ... < k_n` with the largest product `prod_i values[k_i, i]`.

    best[t] of the units so far is the largest product that ends at or before t; fewer frames
    than units have no such choice, and each unit gets its largest.

    Args:
        values: (T, n).
    """
    num_frames, num_units = values.shape
    if num_frames < num_units:
        return np.asarray(values.argmax(axis=0))
    best = np.ones(num_frames + 1)  # best[t]: of the first t frames
    choices = []
    for i in range(num_units):
        # unit i at frame t: the units before it within the first t frames
        product = np.where(np.arange(num_frames) >= i, best[:-1] * values[:, i], -1.0)
        running = np.maximum.accumulate(product)
        is_new = product > np.concatenate(([-np.inf], running[:-1]))
        choices.append(np.maximum.accumulate(np.where(is_new, np.arange(num_frames), 0)))
        best = np.concatenate(([-1.0], running))
    frames = np.zeros(num_units, np.intp)
    last = num_frames - 1
    for i in reversed(range(num_units)):
        frames[i] = choices[i][last]
        last = int(frames[i]) - 1
    return frames
