"""Rows of numbers that come one block after the other, of which nobody knows how many."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


class Rows:
    """Takes blocks of rows; joining a list of them at the end would take twice the memory.

    Args:
        num_columns: of a row.
        dtype: of its numbers.
    """

    def __init__(self, num_columns: int, dtype: npt.DTypeLike = np.float32) -> None:
        self._rows: npt.NDArray[np.floating] = np.empty((1024, num_columns), dtype)
        self._number = 0

    def add(self, rows: npt.NDArray[np.floating]) -> None:
        """Append (N, num_columns)."""
        end = self._number + len(rows)
        if end > len(self._rows):
            size = max(end, 17 * len(self._rows) // 16)
            # realloc, which moves large pages instead of copying them
            self._rows.resize((size, self._rows.shape[1]), refcheck=False)
        self._rows[self._number : end] = rows
        self._number = end

    def values(self) -> npt.NDArray[np.floating]:
        """All of them; nothing is to be added after that."""
        return self._rows[: self._number]
