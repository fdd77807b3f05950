"""The matrix files that a config names (`matrix=FILE`): Kaldi's text and binary forms."""

from __future__ import annotations

import struct
from pathlib import Path

import torch
from torch import Tensor

from kws.config import ConfigLine

_ELEMENT_SIZES = {b"FM ": 4, b"DM ": 8}
_HEADER = struct.Struct("<xixi")  # each dimension behind a byte that holds its size, 4


def read_matrix(line: ConfigLine, path: str) -> Tensor:
    """The matrix in the file `path`, relative to the working directory as in Kaldi.

    Args:
        line: the config line that names the file, for messages.
        path: a plain file; commands (`... |`) are not run.

    Returns:
        (rows, columns), float64.

    Raises:
        ConfigError: the file cannot be read or holds no matrix.
    """
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as reason:
        explained = getattr(reason, "strerror", None) or reason
        raise line.error(f"matrix={path}: {explained}; name a file that can be read") from None
    try:
        return _parse_binary(content[2:]) if content[:2] == b"\0B" else _parse_text(content)
    except (ValueError, struct.error) as reason:
        raise line.error(f"matrix={path}: not a Kaldi matrix ({reason})") from None


def _parse_binary(content: bytes) -> Tensor:
    size = _ELEMENT_SIZES.get(content[:3])
    if size is None:
        raise ValueError("its type is not FM or DM; convert it with copy-matrix")
    rows, columns = _HEADER.unpack_from(content, 3)
    values = content[3 + _HEADER.size :]
    if rows <= 0 or columns <= 0 or len(values) < rows * columns * size:
        raise ValueError(f"{rows} x {columns} values do not fit its {len(content)} bytes")
    dtype = torch.float32 if size == 4 else torch.float64
    flat = torch.frombuffer(bytearray(values), dtype=dtype, count=rows * columns)
    return flat.reshape(rows, columns).double()


def _parse_text(content: bytes) -> Tensor:
    text = content.decode("ascii").strip()
    if not (text.startswith("[") and text.endswith("]")):
        raise ValueError("its text does not stand between [ and ]")
    lines = text[1:-1].replace(";", "\n").split("\n")
    rows = [[float(word) for word in row.split()] for row in lines if row.strip()]
    if not rows:
        raise ValueError("it is empty")
    if len({len(row) for row in rows}) != 1:
        raise ValueError("its rows differ in length")
    return torch.tensor(rows, dtype=torch.float64)
