"""Writing the values that Kaldi's model files are made of, in their binary and their text form."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

from kws.kaldi.scanning import Array, Real


class BinaryPrinter:
    """Collects a binary file."""

    binary = True

    def __init__(self) -> None:
        self._parts: list[bytes] = [b"\0B"]

    def content(self) -> bytes:
        """All that was written."""
        return b"".join(self._parts)

    def token(self, token: str) -> None:
        self._parts.append(token.encode("latin-1") + b" ")

    def newline(self) -> None:
        """The end of a line of text; nothing in a binary file."""

    def int32(self, value: int) -> None:
        self._parts.append(struct.pack("<bi", 4, value))

    def real(self, value: Real) -> None:
        double = isinstance(value, np.float64)
        self._parts.append(struct.pack("<bd" if double else "<bf", 8 if double else 4, value))

    def flag(self, value: bool) -> None:
        self._parts.append(b"T" if value else b"F")

    def array(self, values: Array) -> None:
        """A vector or a matrix, of floats or doubles."""
        letter = "F" if values.dtype.itemsize == 4 else "D"
        self.token(letter + ("V" if values.ndim == 1 else "M"))
        for length in values.shape:
            self.int32(length)
        self._parts.append(values.astype(f"<f{values.dtype.itemsize}").tobytes())

    def ints(self, values: Sequence[int]) -> None:
        self.int32(len(values))
        self._parts.append(struct.pack(f"<{len(values)}i", *values))


class TextPrinter:
    """Collects a text file; numbers have 7 digits."""

    binary = False

    def __init__(self) -> None:
        self._parts: list[str] = []

    def content(self) -> bytes:
        """All that was written."""
        return "".join(self._parts).encode("latin-1")

    def token(self, token: str) -> None:
        self._parts.append(f"{token} ")

    def newline(self) -> None:
        self._parts.append("\n")

    def int32(self, value: int) -> None:
        self._parts.append(f"{value} ")

    def real(self, value: Real) -> None:
        self._parts.append(f"{value:.7g} ")

    def flag(self, value: bool) -> None:
        self._parts.append("T " if value else "F ")

    def array(self, values: Array) -> None:
        """A vector or a matrix, of floats or doubles."""
        if values.size == 0:
            self._parts.append(" [ ]\n")
        elif values.ndim == 1:
            self._parts.append(f" [ {_joined(values)}]\n")
        else:
            self._parts.append(" [" + "".join(f"\n  {_joined(row)}" for row in values) + "]\n")

    def ints(self, values: Sequence[int]) -> None:
        self._parts.append("[ " + "".join(f"{value} " for value in values) + "]\n")


Printer = BinaryPrinter | TextPrinter


def _joined(values: Array) -> str:
    return "".join(f"{value:.7g} " for value in values.tolist())
