"""Kaldi's matrices as they stand in files: binary (plain and compressed) and text."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[Any]
_PLAIN: dict[bytes, np.dtype[Any]] = {b"FM": np.dtype("<f4"), b"DM": np.dtype("<f8")}
_COMPRESSED = (b"CM", b"CM2", b"CM3")


class FormatError(ValueError):
    """Bytes that are not a matrix; its text says in what way."""


def read_matrix_object(stream: BinaryIO) -> Matrix:
    """Read one matrix, binary or text, from where `stream` stands.

    Returns:
        (rows, columns), float64 where the file holds doubles or text, float32 otherwise

    Raises:
        FormatError: something else stands there, or it ends too early.
    """
    start = _exactly(stream, 1)
    if start == b"\0":
        if _exactly(stream, 1) != b"B":
            raise FormatError("is neither a binary nor a text matrix")
        return _read_binary(stream)
    return _read_text(start, stream)


def binary_matrix(matrix: Matrix) -> bytes:
    """A matrix (float32 or float64) in Kaldi's binary form."""
    token = b"DM" if matrix.dtype == np.float64 else b"FM"
    values = np.ascontiguousarray(matrix, dtype=_PLAIN[token])
    rows, columns = values.shape
    size = struct.pack("<bibi", 4, rows, 4, columns)
    return b"\0B" + token + b" " + size + bytes(values.tobytes())


def text_matrix(matrix: Matrix) -> str:
    """A matrix in Kaldi's text form, with 7 significant digits."""
    if not matrix.size:
        return " [ ]\n"
    rows = "".join("\n  " + "".join(f"{value:.7g} " for value in row) for row in matrix.tolist())
    return f" [{rows}]\n"


def _read_binary(stream: BinaryIO) -> Matrix:
    token = b""
    while not token.endswith(b" "):
        if len(token) > 8:
            raise FormatError("is not a matrix")
        token += _exactly(stream, 1)
    token = token[:-1]
    if token in _PLAIN:
        rows, columns = _size(stream), _size(stream)
        return _array(stream, _PLAIN[token], (rows, columns))
    if token in _COMPRESSED:
        return _read_compressed(token, stream)
    raise FormatError(f"holds an object of type {token.decode('latin-1')!r}, not a matrix")


def _read_compressed(token: bytes, stream: BinaryIO) -> Matrix:
    """Decode compressed-matrix.cc's three forms: CM, CM2, CM3."""
    low, spread, rows, columns = struct.unpack("<ffii", _exactly(stream, 16))
    if rows < 0 or columns < 0:
        raise FormatError(f"says that it has {rows} rows and {columns} columns")
    low, spread = np.float32(low), np.float32(spread)
    if token == b"CM3":
        step = spread / np.float32(255)
        return np.asarray(low + _array(stream, np.dtype("u1"), (rows, columns)) * step)
    if token == b"CM2":
        step = spread / np.float32(65535)
        return np.asarray(low + _array(stream, np.dtype("<u2"), (rows, columns)) * step)
    percentiles = _array(stream, np.dtype("<u2"), (columns, 4))
    p0, p25, p75, p100 = (low + percentiles * (spread / np.float32(65535))).T
    codes = _array(stream, np.dtype("u1"), (columns, rows)).T.astype(np.float32)
    upper = p75 + (p100 - p75) * (codes - 192) / 63
    middle = p25 + (p75 - p25) * (codes - 64) / 128
    lower = p0 + (p25 - p0) * codes / 64
    values = np.where(codes <= 64, lower, np.where(codes <= 192, middle, upper))
    return np.asarray(values, dtype=np.float32)


def _read_text(start: bytes, stream: BinaryIO) -> Matrix:
    """Read `[ 1 2 \\n 3 4 ]`: rows end at a newline or a semicolon, the matrix at `]`."""
    line = start + stream.readline()
    while line and not line.strip():
        line = stream.readline()
    text = line.strip()
    if not text.startswith(b"[") or text[1:2].strip(b"] "):
        raise FormatError(f"has {text[:20].decode('latin-1')!r} where a matrix, `[ ... ]`, must be")
    lines = [text]
    while b"]" not in lines[-1]:
        lines.append(stream.readline())
        if not lines[-1]:
            raise FormatError("ends before the ] of a matrix")
    text, _, rest = b"\n".join(lines).partition(b"]")
    if rest.strip():
        raise FormatError(f"has {rest.strip()[:20].decode('latin-1')!r} after the ] of a matrix")
    rows = [row.split() for row in text[1:].replace(b";", b"\n").split(b"\n")]
    rows = [row for row in rows if row]
    if any(len(row) != len(rows[0]) for row in rows):
        raise FormatError("has rows of different lengths")
    try:
        values = [[float(value) for value in row] for row in rows]
    except ValueError as error:
        raise FormatError(f"has a value that is no number: {error}") from None
    return np.array(values, dtype=np.float64).reshape(len(rows), len(rows[0]) if rows else 0)


def _size(stream: BinaryIO) -> int:
    width, value = struct.unpack("<bi", _exactly(stream, 5))
    if width != 4 or value < 0:
        raise FormatError("has a damaged header")
    return int(value)


def _array(stream: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, int]) -> Matrix:
    content = _exactly(stream, dtype.itemsize * shape[0] * shape[1])
    return np.frombuffer(content, dtype=dtype).reshape(shape).copy()  # writable


def _exactly(stream: BinaryIO, num_bytes: int) -> bytes:
    content = stream.read(num_bytes)
    if len(content) < num_bytes:
        raise FormatError("ends before the end of a matrix (cut short?)")
    return content
