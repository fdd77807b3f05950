"""Reading what objects in Kaldi's tables are made of: bytes, tokens, brackets, numbers of a text.

A size that a file claims is compared with what is left of it before room is made; where that is not
known, as of standard input, room is made as the bytes come.
"""

from __future__ import annotations

import os
import re
import stat
import struct
from io import BufferedReader, FileIO
from typing import Any

import numpy as np
import numpy.typing as npt

_BLOCK = 1 << 20  # bytes
_SPACES = b" \t\n\v\f\r"
# What C++ reads with >>, which knows no hexadecimal numbers; in matrices and vectors Kaldi looks at
# the first character before it, and at words
_WEIGHT = re.compile(rb"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_REAL = re.compile(rb"(?=[-0-9])" + _WEIGHT.pattern + rb"|inf|infinity|nan", re.IGNORECASE)
_TOUCHING_WORD = re.compile(rb"(?:nan|inf|infinity)[\];]", re.IGNORECASE)
_INT = re.compile(rb"[+-]?[0-9]{1,12}")


class FormatError(ValueError):
    """Bytes that are not the object that is read; its text says in what way."""


def take(stream: BufferedReader, num_bytes: int) -> bytes | bytearray:
    """The next `num_bytes` bytes.

    Raises:
        FormatError: there are fewer.
    """
    left = _bytes_left(stream) if num_bytes > _BLOCK else num_bytes
    if left is not None and left < num_bytes:
        raise FormatError("ends too early (cut short?)")
    content: bytes | bytearray
    if num_bytes <= _BLOCK:
        content = stream.read(num_bytes)
    elif left is not None:
        content = bytearray(num_bytes)
        del content[stream.readinto(content) :]
    else:
        content = bytearray()
        while block := stream.read(min(num_bytes - len(content), _BLOCK)):
            content += block
    if len(content) < num_bytes:
        raise FormatError("ends too early (cut short?)")
    return content


def take_array(stream: BufferedReader, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> Any:
    """An array that stands as raw bytes; it can be written to."""
    kind = np.dtype(dtype)
    num_bytes = kind.itemsize
    for length in shape:
        num_bytes *= length
    content = take(stream, num_bytes)
    values = np.frombuffer(content, dtype=kind).reshape(shape)
    return values if isinstance(content, bytearray) else values.copy()


def take_int(stream: BufferedReader) -> int:
    """A whole number in its binary form: its width, 4, and its bytes."""
    width, value = struct.unpack("<bi", take(stream, 5))
    if width != 4:
        raise FormatError("has a damaged header")
    return int(value)


def take_count(stream: BufferedReader) -> int:
    """A number of things in its binary form."""
    value = take_int(stream)
    if value < 0:
        raise FormatError("has a damaged header")
    return value


def take_token(stream: BufferedReader) -> str:
    """The word, such as `FM`, that begins a binary object."""
    token = b""
    while not token.endswith(b" "):
        if len(token) > 8:
            raise FormatError("is not an object of a table")
        token += take(stream, 1)
    return token[:-1].decode("latin-1")


def begins_binary(stream: BufferedReader) -> bool:
    """Whether a binary object stands here; its mark is taken."""
    if stream.peek(1)[:1] != b"\0":
        return False
    if take(stream, 2) != b"\0B":
        raise FormatError("is neither binary nor text")
    return True


def skip_spaces(stream: BufferedReader) -> None:
    """Go on to the next byte that is none of white space."""
    while (ahead := stream.peek(1)) and ahead[0] in _SPACES:
        stream.read(len(ahead) - len(ahead.lstrip(_SPACES)))


def take_line(stream: BufferedReader) -> bytes:
    """The rest of a line, without its end.

    Raises:
        FormatError: the file is over.
    """
    line = stream.readline()
    if not line:
        raise FormatError("ends too early (cut short?)")
    return line


def take_brackets(stream: BufferedReader, thing: str) -> bytes:
    """What stands between `[` and `]`; the end of the line after it is taken too.

    Args:
        thing: what is read, for the error.
    """
    skip_spaces(stream)
    start = stream.read(1)
    if start == b"[" and stream.peek(1)[:1] == b"]":
        start += stream.read(1)
    if start not in (b"[", b"[]") or stream.peek(1)[:1].strip(_SPACES):
        shown = (start + stream.peek(1)[:20]).split(b"\n")[0][:20].decode("latin-1")
        if not start:
            raise FormatError("ends too early (cut short?)")
        raise FormatError(f"has {shown!r} where {thing}, `[ ... ]`, must be")
    if start == b"[]":
        return b""
    parts = []
    while ahead := stream.peek(1):
        end = ahead.find(b"]")
        parts.append(stream.read(end + 1 if end >= 0 else len(ahead)))
        if end >= 0:
            _skip_line_end(stream)
            content = b"".join(parts)
            _check_words(content)
            return content[:-1]
    raise FormatError(f"ends before the ] of {thing}")


def reals(words: list[bytes], dtype: npt.DTypeLike) -> Any:
    """The numbers that words of a text matrix or vector stand for: (len(words),).

    Raises:
        FormatError: a word is no number, or one that `dtype` cannot hold.
    """
    return _numbers(words, _REAL, dtype)


def weights(words: list[bytes]) -> Any:
    """The weights that words of a text of posteriors stand for: (len(words),) float32.

    Raises:
        FormatError: a word is no number, or one that a float cannot hold.
    """
    return _numbers(words, _WEIGHT, np.float32)


def integers(words: list[bytes]) -> list[int]:
    """The whole numbers of 32 bits that words of a text stand for.

    Raises:
        FormatError: a word is none.
    """
    values = []
    for word in words:
        if not _INT.fullmatch(word) or not -(2**31) <= int(word) < 2**31:
            raise FormatError(f"has {_shown(word)} where a whole number must be")
        values.append(int(word))
    return values


def _numbers(words: list[bytes], pattern: re.Pattern[bytes], dtype: npt.DTypeLike) -> Any:
    if not all(map(pattern.fullmatch, words)):
        wrong = next(word for word in words if not pattern.fullmatch(word))
        raise FormatError(f"has {_shown(wrong)} where a number must be")
    exact = np.array([float(word) for word in words], dtype=np.float64)
    with np.errstate(over="ignore"):
        values = exact.astype(dtype)
    for index in np.flatnonzero(np.isinf(values)):
        if words[index][:1] not in b"iI":
            raise FormatError(f"has {_shown(words[index])}, which is too large")
    return values


def _bytes_left(stream: BufferedReader) -> int | None:
    """How much of a file is left to read; None of what is no file."""
    if not isinstance(stream.raw, FileIO):
        return None
    status = os.fstat(stream.fileno())
    return status.st_size - stream.tell() if stat.S_ISREG(status.st_mode) else None


def _check_words(content: bytes) -> None:
    """A word (nan) ends at white space alone; a number may touch what is behind it."""
    if b"n" in content or b"N" in content:
        touching = _TOUCHING_WORD.search(content)
        if touching:
            raise FormatError(f"has {_shown(touching[0])} where a number must be")


def _skip_line_end(stream: BufferedReader) -> None:
    for byte in (b"\r", b"\n"):
        if stream.peek(1)[:1] == byte:
            stream.read(1)


def _shown(word: bytes) -> str:
    return repr(word[:20].decode("latin-1"))
