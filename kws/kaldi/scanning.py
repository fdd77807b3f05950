"""Reading the values that Kaldi's model files are made of, in their binary and their text form.

A file's content is in memory when it is read; a size that it claims is compared with the bytes
that are left before room is made for it.
"""

from __future__ import annotations

import abc
import re
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kws.errors import InputError

Real: TypeAlias = np.float32 | np.float64
Array: TypeAlias = npt.NDArray[Any]
MAX_SHOWN = 24  # bytes of a file in a message
_REAL = re.compile(
    rb"-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|-?(inf|infinity|nan)", re.IGNORECASE
)
_INT = re.compile(rb"[+-]?[0-9]{1,11}")
_WORD = re.compile(rb"\S+")


class Scanner(abc.ABC):
    """Takes one value after the other from a file's content.

    Attributes:
        content: the whole file.
        source: its name, for messages.
        thing: what it is read as, for messages.
        offset: the byte that is read next.
    """

    binary: bool

    def __init__(self, content: bytes, source: str, thing: str, offset: int = 0) -> None:
        self.content = content
        self.source = source
        self.thing = thing
        self.offset = offset

    def error(self, expected: str, offset: int | None = None) -> InputError:
        """The error that at `offset` (by default here) stands something else than `expected`."""
        at = self.offset if offset is None else offset
        shown = self.content[at : at + MAX_SHOWN].decode("latin-1").encode("unicode_escape")
        found = f"'{shown.decode('ascii')}'" if shown else "the end of the file"
        return InputError(
            f"{self.source}: byte {at}: expected {expected}, found {found}; give {self.thing}"
        )

    @abc.abstractmethod
    def token(self, expected: str = "a token") -> str:
        """The next word; `expected` says in an error what it should be."""

    def expect(self, *tokens: str) -> str:
        """The next word, which must be one of `tokens`."""
        expected = " or ".join(tokens)
        start = self.offset
        token = self.token(expected)
        if token not in tokens:
            raise self.error(expected, self.skipped(start))
        return token

    def skipped(self, offset: int) -> int:
        """Where what follows `offset` begins."""
        return offset

    @abc.abstractmethod
    def int32(self) -> int:
        """An integer of 32 bits."""

    def count(self, num_bytes: int = 1) -> int:
        """A number of things, each of at least `num_bytes` bytes, that are to follow."""
        start = self.skipped(self.offset)
        value = self.int32()
        if not 0 <= value * num_bytes <= len(self.content) - self.offset:
            raise self.error("a count that the file has room for", start)
        return value

    @abc.abstractmethod
    def real(self, dtype: type[Real] = np.float32) -> Real:
        """A number; of a text it gets `dtype`, a binary file tells its own."""

    @abc.abstractmethod
    def flag(self) -> bool:
        """A T or an F."""

    @abc.abstractmethod
    def vector(self) -> Array:
        """A vector, (n,)."""

    @abc.abstractmethod
    def matrix(self) -> Array:
        """A matrix, (rows, columns)."""

    @abc.abstractmethod
    def ints(self) -> tuple[int, ...]:
        """A vector of integers."""

    def finish(self) -> None:
        """Nothing may follow."""
        if self.skipped(self.offset) < len(self.content):
            raise self.error("the end of the file", self.skipped(self.offset))


class BinaryScanner(Scanner):
    """The values of a binary file."""

    binary = True

    def token(self, expected: str = "a token") -> str:
        end = self.content.find(b" ", self.offset, self.offset + 64)
        if end < 0:
            raise self.error(expected)
        word = self.content[self.offset : end]
        self.offset = end + 1
        return word.decode("latin-1")

    def int32(self) -> int:
        self._width(4, "an int32")
        return int.from_bytes(self._take(4, "an int32"), "little", signed=True)

    def real(self, dtype: type[Real] = np.float32) -> Real:
        if self.content[self.offset : self.offset + 1] == b"\x08":
            self.offset += 1
            return np.float64(np.frombuffer(self._take(8, "a double"), "<f8")[0])
        self._width(4, "a float or double")
        return np.float32(np.frombuffer(self._take(4, "a float"), "<f4")[0])

    def flag(self) -> bool:
        if self.content[self.offset : self.offset + 1] not in (b"T", b"F"):
            raise self.error("T or F")
        self.offset += 1
        return self.content[self.offset - 1 : self.offset] == b"T"

    def vector(self) -> Array:
        dtype = self._kind("V", "a vector (FV or DV)")
        start = self.offset
        return self._array(dtype, (self.int32(),), start)

    def matrix(self) -> Array:
        dtype = self._kind("M", "a matrix (FM or DM)")
        start = self.offset
        return self._array(dtype, (self.int32(), self.int32()), start)

    def ints(self) -> tuple[int, ...]:
        start = self.offset
        return tuple(self._array(np.dtype("<i4"), (self.int32(),), start).tolist())

    def _width(self, width: int, expected: str) -> None:
        if self.content[self.offset : self.offset + 1] != bytes([width]):
            raise self.error(f"{expected} (a byte {width:02x} before it)")
        self.offset += 1

    def _take(self, num_bytes: int, expected: str) -> bytes:
        if num_bytes > len(self.content) - self.offset:
            raise self.error(f"{num_bytes} bytes of {expected}")
        self.offset += num_bytes
        return self.content[self.offset - num_bytes : self.offset]

    def _kind(self, letter: str, expected: str) -> np.dtype[Any]:
        start = self.offset
        token = self.token(expected)
        if token not in ("F" + letter, "D" + letter):
            raise self.error(expected, start)
        return np.dtype("<f4" if token[0] == "F" else "<f8")

    def _array(self, dtype: np.dtype[Any], shape: tuple[int, ...], start: int) -> Array:
        if min(shape) < 0 or (min(shape) == 0 and max(shape) > 0):
            raise self.error("a size that can be", start)
        num_values = 1
        for length in shape:
            num_values *= length
        expected = f"{' x '.join(map(str, shape))} values"
        content = self._take(num_values * dtype.itemsize, expected)
        return np.frombuffer(content, dtype).reshape(shape)


class TextScanner(Scanner):
    """The values of a text file."""

    binary = False

    def skipped(self, offset: int) -> int:
        found = _WORD.search(self.content, offset)
        return found.start() if found else len(self.content)

    def token(self, expected: str = "a token") -> str:
        return self._word(expected).decode("latin-1")

    def int32(self) -> int:
        start = self.skipped(self.offset)
        word = self._word("an int32")
        if not _INT.fullmatch(word) or not -(2**31) <= int(word) < 2**31:
            raise self.error("an int32", start)
        return int(word)

    def real(self, dtype: type[Real] = np.float32) -> Real:
        start = self.skipped(self.offset)
        word = self._word("a number")
        value = self._reals(word, start)[0]
        return np.float64(float(word)) if dtype is np.float64 else np.float32(value)

    def flag(self) -> bool:
        start = self.skipped(self.offset)
        word = self._word("T or F")
        if word not in (b"T", b"F"):
            raise self.error("T or F", start)
        return word == b"T"

    def vector(self) -> Array:
        body, start = self._brackets("a vector, [ ... ]")
        return self._reals(body, start)

    def matrix(self) -> Array:
        body, start = self._brackets("a matrix, [ ... ]")
        lines = (line for line in body.replace(b";", b"\n").split(b"\n") if line.strip())
        rows = [self._reals(line, start) for line in lines]
        if any(len(row) != len(rows[0]) for row in rows):
            raise self.error("a matrix whose rows are equally long", start)
        return np.stack(rows) if rows else np.zeros((0, 0), np.float32)

    def ints(self) -> tuple[int, ...]:
        body, start = self._brackets("whole numbers, [ ... ]")
        words = body.split()
        if not all(_INT.fullmatch(word) and -(2**31) <= int(word) < 2**31 for word in words):
            raise self.error("whole numbers, [ ... ]", start)
        return tuple(map(int, words))

    def ints_until(self, end: str) -> tuple[int, ...]:
        """The whole numbers before the token `end`, which is taken too."""
        values: list[int] = []
        encoded = end.encode()
        while True:
            at = self.skipped(self.offset)
            if self.content[at : at + len(encoded)] == encoded:
                self.expect(end)
                return tuple(values)
            values.append(self.int32())

    def _word(self, expected: str) -> bytes:
        found = _WORD.search(self.content, self.offset)
        if found is None:
            self.offset = len(self.content)
            raise self.error(expected)
        self.offset = found.end()
        return found.group()

    def _brackets(self, expected: str) -> tuple[bytes, int]:
        start = self.skipped(self.offset)
        if self.content[start : start + 1] != b"[":
            raise self.error(expected, start)
        end = self.content.find(b"]", start)
        if end < 0:
            raise self.error("the ] of what begins here", start)
        self.offset = end + 1
        return self.content[start + 1 : end], start

    def _reals(self, text: bytes, start: int) -> Array:
        """The numbers in a part of the file that begins at `start` or later."""
        words = text.split()
        if not all(map(_REAL.fullmatch, words)):
            wrong = next(word for word in words if not _REAL.fullmatch(word))
            raise self.error("a number", self.content.index(wrong, start))
        values = np.array([float(word) for word in words], dtype=np.float64)
        with np.errstate(over="ignore"):
            rounded = values.astype(np.float32)
        too_large = np.flatnonzero(np.isinf(rounded))
        if any(b"n" not in words[index].lower() for index in too_large):  # no inf in the file
            raise self.error("numbers that a float can hold", start)
        return rounded
