"""Kaldi's compressed matrices (compressed-matrix.cc), number for number.

Every step has the precision that it has there, float or double, so that the codes and what is read
back from them are the same bits.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from io import BufferedReader
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.kaldi.reading import FormatError, take, take_array

Matrix = npt.NDArray[Any]
COMPRESSED = ("CM", "CM2", "CM3")
_UINT16 = np.float32(1.52590218966964e-05)  # 1/65535 as Kaldi writes it
_LARGEST_INT = 2.0**31


class CompressionMethod(IntEnum):
    """Kaldi's numbers of the ways to compress a matrix (`--compression-method`).

    AUTOMATIC is SPEECH_FEATURE for more than 8 rows, else TWO_BYTE_AUTO. SPEECH_FEATURE takes a
    byte per value between percentiles of its column; the others spread one or two bytes evenly
    over the matrix's range ("auto") or over a fixed one, and cut off what lies beyond it.
    """

    AUTOMATIC = 1
    SPEECH_FEATURE = 2
    TWO_BYTE_AUTO = 3
    TWO_BYTE_SIGNED_INTEGER = 4
    ONE_BYTE_AUTO = 5
    ONE_BYTE_UNSIGNED_INTEGER = 6
    ONE_BYTE_ZERO_ONE = 7


_FIXED_RANGES = {
    CompressionMethod.TWO_BYTE_SIGNED_INTEGER: (-32768.0, 65535.0),
    CompressionMethod.ONE_BYTE_UNSIGNED_INTEGER: (0.0, 255.0),
    CompressionMethod.ONE_BYTE_ZERO_ONE: (0.0, 1.0),
}
_TWO_BYTES = (CompressionMethod.TWO_BYTE_AUTO, CompressionMethod.TWO_BYTE_SIGNED_INTEGER)


def compressed_matrix(matrix: npt.ArrayLike, method: CompressionMethod) -> bytes:
    """A matrix in Kaldi's compressed binary form.

    Args:
        matrix: (rows, columns), finite; float32 is made of it.
        method: how.

    Raises:
        FormatError: the matrix holds NaN or infinite values, or spans more than a float can.
    """
    values = np.asarray(matrix, dtype=np.float32)
    if not values.size:
        return b"\0BCM " + struct.pack("<ffii", 0, 0, 0, 0)
    if method is CompressionMethod.AUTOMATIC:
        few = len(values) <= 8
        method = CompressionMethod.TWO_BYTE_AUTO if few else CompressionMethod.SPEECH_FEATURE
    low, spread = _range(values, method)
    head = struct.pack("<ffii", low, spread, *values.shape)
    if method is CompressionMethod.SPEECH_FEATURE:
        return b"\0BCM " + head + _by_column(values, low, spread)
    if method in _TWO_BYTES:
        return b"\0BCM2 " + head + _even(values, low, spread, 65535).astype("<u2").tobytes()
    return b"\0BCM3 " + head + _even(values, low, spread, 255).astype("u1").tobytes()


def take_compressed(token: str, stream: BufferedReader) -> Matrix:
    """The matrix whose form is `token`: (rows, columns) float32.

    Raises:
        FormatError: it is damaged or ends too early.
    """
    low, spread, rows, columns = struct.unpack("<ffii", take(stream, 16))
    if rows < 0 or columns < 0 or (rows == 0) != (columns == 0):
        raise FormatError(f"says that it has {rows} rows and {columns} columns")
    low, spread = np.float32(low), np.float32(spread)
    with np.errstate(all="ignore"):  # a damaged header may say NaN
        if token == "CM3":
            step = np.float32(float(spread) * (1.0 / 255.0))
            return np.asarray(low + take_array(stream, "u1", (rows, columns)) * step)
        if token == "CM2":
            step = np.float32(float(spread) * (1.0 / 65535.0))
            return np.asarray(low + take_array(stream, "<u2", (rows, columns)) * step)
        percentiles = _percentile_values(take_array(stream, "<u2", (columns, 4)), low, spread)
        codes = take_array(stream, "u1", (columns, rows))
        return np.ascontiguousarray(_between(codes, percentiles).T)


def _range(values: Matrix, method: CompressionMethod) -> tuple[np.float32, np.float32]:
    """The value of code 0 and the span of all codes."""
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise FormatError("holds NaN or infinite values, which cannot be compressed")
    if method in _FIXED_RANGES:
        fixed = _FIXED_RANGES[method]
        return np.float32(fixed[0]), np.float32(fixed[1])
    if high == low:
        high = np.float32(float(low) + (1.0 + abs(float(low))))
    with np.errstate(over="ignore"):
        spread = np.float32(high - low)
    if not np.isfinite(spread):
        raise FormatError(f"has values from {low:g} to {high:g}, a span too large to compress")
    return low, spread


def _even(values: Matrix, low: np.float32, spread: np.float32, largest: int) -> Matrix:
    """Codes 0 ... largest, evenly over the range."""
    share = np.clip((values - low) / spread, np.float32(0), np.float32(1))
    codes = (share * np.float32(largest)).astype(np.float64) + 0.499
    return np.asarray(codes, dtype=np.int64)


def _by_column(values: Matrix, low: np.float32, spread: np.float32) -> bytes:
    """Per column four percentiles, then the columns' codes between them."""
    rows = len(values)
    sorted_codes = _even(np.sort(values, axis=0), low, spread, 65535)
    at = [0, rows // 4, 3 * (rows // 4), rows - 1] if rows >= 5 else [0, 1, 2, 3]
    codes: list[Matrix] = []
    for position, limit in zip(at, (65532, 65533, 65534, 65535), strict=True):
        least = codes[-1] + 1 if codes else np.zeros_like(sorted_codes[0])
        found = sorted_codes[position] if position < rows else least
        codes.append(np.minimum(np.maximum(found, least), limit))
    percentiles = np.stack(codes, axis=1).astype("<u2")  # (columns, 4)
    p0, p25, p75, p100 = _percentile_values(percentiles, low, spread)
    columns = values.T
    with np.errstate(all="ignore"):  # percentiles may coincide as floats
        lower = _code(columns, p0, p25, 0, 64)
        middle = _code(columns, p25, p75, 64, 192)
        upper = _code(columns, p75, p100, 192, 255)
    found = np.where(columns < p25, lower, np.where(columns < p75, middle, upper))
    return percentiles.tobytes() + found.astype("u1").tobytes()


def _code(values: Matrix, start: Matrix, end: Matrix, first: int, last: int) -> Matrix:
    """Codes from `first` at `start` to `last` at `end`."""
    share = (values - start) / (end - start)
    code = (share * np.float32(last - first)).astype(np.float64) + 0.5
    # C++ makes the smallest int of what no int can hold
    whole = np.where(np.abs(code) < _LARGEST_INT, np.trunc(code), -_LARGEST_INT)
    return np.asarray(np.clip(first + whole, first, last))


def _percentile_values(codes: Matrix, low: np.float32, spread: np.float32) -> list[Matrix]:
    """The four percentiles of each column (columns, 4) as values, each (columns, 1)."""
    values = low + (spread * _UINT16) * codes.astype(np.float32)
    return [values[:, index : index + 1] for index in range(4)]


def _between(codes: Matrix, percentiles: list[Matrix]) -> Matrix:
    """The values of codes (columns, rows) between the percentiles of their columns."""
    p0, p25, p75, p100 = percentiles
    all_codes = np.arange(256, dtype=np.float32)[None]
    low, middle, high = all_codes[:, :65], all_codes[:, 65:193] - 64, all_codes[:, 193:] - 192
    by_code = np.concatenate(  # (columns, 256)
        (
            p0 + ((p25 - p0) * low).astype(np.float64) * (1 / 64.0),
            p25 + ((p75 - p25) * middle).astype(np.float64) * (1 / 128.0),
            p75 + ((p100 - p75) * high).astype(np.float64) * (1 / 63.0),
        ),
        axis=1,
    ).astype(np.float32)
    return np.take_along_axis(by_code, codes, axis=1)
