"""The files that a config names (`matrix=FILE`, `bias=FILE`): Kaldi's text and binary forms."""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from kws.config import ConfigLine

_ELEMENTS = {b"F": torch.float32, b"D": torch.float64}


def read_matrix(line: ConfigLine, path: str) -> Tensor:
    """The matrix in the file `path`, relative to the working directory as in Kaldi.

    Args:
        line: the config line that names the file as its `matrix`, for messages.
        path: a plain file; commands (`... |`) are not run.

    Returns:
        (rows, columns), float64.

    Raises:
        ConfigError: the file cannot be read or holds no matrix of finite numbers.
    """
    return _read(line, "matrix", path, "matrix", _matrix_from_text)


def read_vector(line: ConfigLine, key: str, path: str) -> Tensor:
    """The vector in the file `path`; as `read_matrix`.

    Args:
        line: the config line that names the file, for messages.
        key: its key for the file.
        path: a plain file.

    Returns:
        (dim,), float64.

    Raises:
        ConfigError: the file cannot be read or holds no vector of finite numbers.
    """
    return _read(line, key, path, "vector", _vector_from_text)


def _read(
    line: ConfigLine, key: str, path: str, kind: str, from_text: Callable[[bytes], Tensor]
) -> Tensor:
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as reason:
        explained = getattr(reason, "strerror", None) or reason
        raise line.error(f"{key}={path}: {explained}; name a file that can be read") from None
    is_binary = content[:2] == b"\0B"
    try:
        text = content.removeprefix(codecs.BOM_UTF8)
        values = _from_binary(content[2:], kind) if is_binary else from_text(text)
        if not torch.isfinite(values).all():
            raise ValueError("it holds values that are not finite")
    except (ValueError, struct.error) as reason:
        raise line.error(f"{key}={path}: not a Kaldi {kind} ({reason})") from None
    return values


def _from_binary(content: bytes, kind: str) -> Tensor:
    letter, num_dims = ("M", 2) if kind == "matrix" else ("V", 1)
    types = {element + f"{letter} ".encode(): dtype for element, dtype in _ELEMENTS.items()}
    dtype = types.get(content[:3])
    if dtype is None:
        raise ValueError(f"its type is not F{letter} or D{letter}; convert it with copy-{kind}")
    header = struct.Struct("<" + "xi" * num_dims)  # before each a byte that holds its size, 4
    shape = header.unpack_from(content, 3)
    values = content[3 + header.size :]
    size = torch.Size(shape).numel()
    if min(shape) <= 0 or len(values) < size * dtype.itemsize:
        sizes = " x ".join(map(str, shape))
        raise ValueError(f"{sizes} values do not fit its {len(content)} bytes")
    flat = torch.frombuffer(bytearray(values), dtype=dtype, count=size)
    return flat.reshape(shape).double()


def _rows_of_text(content: bytes) -> list[list[float]]:
    text = content.decode("ascii").strip()
    if not (text.startswith("[") and text.endswith("]")):
        raise ValueError("its text does not stand between [ and ]")
    lines = text[1:-1].replace(";", "\n").split("\n")
    rows = [[float(word) for word in row.split()] for row in lines if row.strip()]
    if not rows:
        raise ValueError("it is empty")
    return rows


def _matrix_from_text(content: bytes) -> Tensor:
    rows = _rows_of_text(content)
    if len({len(row) for row in rows}) != 1:
        raise ValueError("its rows differ in length")
    return torch.tensor(rows, dtype=torch.float64)


def _vector_from_text(content: bytes) -> Tensor:
    rows = _rows_of_text(content)
    if len(rows) != 1:
        raise ValueError("it has more than one row")
    return torch.tensor(rows[0], dtype=torch.float64)
