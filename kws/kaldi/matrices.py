"""Kaldi's matrices as they stand in files: binary (plain and compressed) and text."""

from __future__ import annotations

import struct
from io import BufferedReader
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.kaldi.compression import COMPRESSED, take_compressed
from kws.kaldi.reading import (
    FormatError,
    begins_binary,
    reals,
    take_array,
    take_brackets,
    take_count,
    take_token,
)

Matrix = npt.NDArray[Any]
_PLAIN: dict[str, np.dtype[Any]] = {"FM": np.dtype("<f4"), "DM": np.dtype("<f8")}


def read_matrix_object(stream: BufferedReader, dtype: npt.DTypeLike = np.float64) -> Matrix:
    """Read one matrix, binary or text, from where `stream` stands.

    Args:
        dtype: that of the numbers of a text, and what they have to fit into.

    Returns:
        (rows, columns), float64 where a binary one holds doubles, float32 where it does not

    Raises:
        FormatError: something else stands there, or it ends too early.
    """
    if not begins_binary(stream):
        return _of_text(take_brackets(stream, "a matrix"), dtype)
    token = take_token(stream)
    if token in COMPRESSED:
        return take_compressed(token, stream)
    if token not in _PLAIN:
        raise FormatError(f"holds an object of type {token!r}, not a matrix")
    rows, columns = take_count(stream), take_count(stream)
    if (rows == 0) != (columns == 0):
        raise FormatError(f"says that it has {rows} rows and {columns} columns")
    return np.asarray(take_array(stream, _PLAIN[token], (rows, columns)))


def binary_matrix(matrix: Matrix) -> bytes:
    """A matrix in Kaldi's binary form: float64 as doubles, all else as floats."""
    token = b"DM" if matrix.dtype == np.float64 else b"FM"
    values = matrix if matrix.size else matrix.reshape(0, 0)
    rows, columns = values.shape
    size = struct.pack("<bibi", 4, rows, 4, columns)
    return b"".join((b"\0B", token, b" ", size, values.astype(_PLAIN[token.decode()]).tobytes()))


def text_matrix(matrix: Matrix) -> str:
    """A matrix in Kaldi's text form, with 7 significant digits."""
    if not matrix.size:
        return " [ ]\n"
    rows = "".join("\n  " + "".join(f"{value:.7g} " for value in row) for row in matrix.tolist())
    return f" [{rows}]\n"


def _of_text(body: bytes, dtype: npt.DTypeLike) -> Matrix:
    """The matrix of ` 1 2 \\n 3 4 `: rows end at a newline or a semicolon."""
    rows = [row for line in body.replace(b";", b"\n").split(b"\n") if (row := line.split())]
    if any(len(row) != len(rows[0]) for row in rows):
        raise FormatError("has rows of different lengths")
    values = reals([word for row in rows for word in row], dtype)
    return np.asarray(values.reshape(len(rows), len(rows[0]) if rows else 0))
