"""Rows of numbers that come one block after the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


class Rows:
    """Takes blocks of rows; joining a list of them at the end would take twice the memory.

    Args:
        num_columns: of a row.
        dtype: of its numbers.
        expected: rows, about: room for so many costs nothing before they come, room for more is a
            copy.
    """

    def __init__(
        self, num_columns: int, dtype: npt.DTypeLike = np.float32, expected: int = 0
    ) -> None:
        self._rows: npt.NDArray[np.floating] = np.empty((expected + 1000, num_columns), dtype)
        self._number = 0

    def add(self, rows: npt.NDArray[np.floating]) -> None:
        """Append (N, num_columns)."""
        end = self._number + len(rows)
        if end > len(self._rows):
            size = max(end, 2 * len(self._rows))
            larger = np.empty((size, self._rows.shape[1]), self._rows.dtype)
            larger[: self._number] = self._rows[: self._number]
            self._rows = larger
        self._rows[self._number : end] = rows
        self._number = end

    def values(self) -> npt.NDArray[np.floating]:
        """All of them; nothing is to be added after that."""
        return self._rows[: self._number]
