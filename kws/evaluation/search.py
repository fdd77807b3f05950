"""Searches in a long array for many askers at once, each at a cost of log(length)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class RangeMaxima:
    """The maxima of all stretches of 1, 2, 4, 8 ... values of an array (a sparse table)."""

    def __init__(self, values: Floats, longest: int) -> None:
        """Build the table.

        Args:
            values: (F,).
            longest: no search will go further than this many values from where it starts.
        """
        # behind the end stands infinity, which ends every search
        level = np.append(values, np.inf)
        self._levels = [level]
        size = 1
        while size < longest:
            later = np.append(level[size:], np.full(min(size, len(level)), np.inf))
            level = np.maximum(level, later)
            self._levels.append(level)
            size *= 2

    def first_at_least(self, starts: Ints, bounds: Floats) -> Ints:
        """The first place at or after each start whose value is no less than its bound.

        Args:
            starts: (N,), from 0 to F.
            bounds: (N,).

        Returns:
            (N,), F where there is none; any place beyond the bound's reach where there is none
            within `longest` values.
        """
        places = starts.copy()
        for exponent in reversed(range(len(self._levels))):
            places += (self._levels[exponent][places] < bounds).astype(np.int64) << exponent
        return places

    def largest(self, starts: Ints, ends: Ints) -> Floats:
        """The largest value from each start to its end, both included.

        Args:
            starts: (N,).
            ends: (N,), no smaller than `starts` and less than `longest` behind them.
        """
        exponents = np.frexp((ends - starts + 1).astype(np.float64))[1] - 1
        maxima = np.empty(len(starts))
        for exponent in np.unique(exponents):
            of = exponents == exponent
            level, size = self._levels[exponent], 1 << int(exponent)
            maxima[of] = np.maximum(level[starts[of]], level[ends[of] - size + 1])
        return maxima


def running_max(values: Floats, width: int) -> Floats:
    """The largest of the last `width` values at every place, of fewer at the beginning."""
    largest, covered = values, 1
    while covered < min(width, len(values)):
        shift = min(covered, width - covered)
        later = np.maximum(largest[shift:], largest[:-shift])
        largest, covered = np.concatenate((largest[:shift], later)), covered + shift
    return largest
