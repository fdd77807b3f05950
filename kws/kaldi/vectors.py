"""Kaldi's vectors and posteriors as they stand in tables, binary and text."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from io import BufferedReader
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from kws.kaldi.reading import (
    FormatError,
    begins_binary,
    integers,
    reals,
    take_array,
    take_brackets,
    take_count,
    take_line,
    take_token,
    weights,
)

Vector: TypeAlias = npt.NDArray[Any]
Posterior: TypeAlias = Sequence[Sequence[tuple[int, float]]]
_REAL_KINDS: dict[str, np.dtype[Any]] = {"FV": np.dtype("<f4"), "DV": np.dtype("<f8")}
# in tables each number has its width before it
_INT = np.dtype([("width", "i1"), ("value", "<i4")])
_PAIR = np.dtype([("width", "i1"), ("index", "<i4"), ("width2", "i1"), ("weight", "<f4")])


def read_vector_object(stream: BufferedReader, dtype: npt.DTypeLike = np.float64) -> Vector:
    """Read one vector of floats or doubles, binary or text, from where `stream` stands.

    Args:
        dtype: that of the numbers of a text, and what they have to fit into.

    Returns:
        (n,), float64 where a binary one holds doubles, float32 where it does not

    Raises:
        FormatError: something else stands there, or it ends too early.
    """
    if begins_binary(stream):
        token = take_token(stream)
        if token not in _REAL_KINDS:
            raise FormatError(f"holds an object of type {token!r}, not a vector")
        return np.asarray(take_array(stream, _REAL_KINDS[token], (take_count(stream),)))
    body = take_brackets(stream, "a vector")
    if b"\n" in body or b"\r" in body:
        raise FormatError("goes on in a second line, as a matrix does; a vector is one line")
    return np.asarray(reals(body.split(), dtype))


def binary_vector(vector: Vector) -> bytes:
    """A vector in Kaldi's binary form: float64 as doubles, all else as floats."""
    token = "DV" if vector.dtype == np.float64 else "FV"
    size = struct.pack("<bi", 4, len(vector))
    content = vector.astype(_REAL_KINDS[token]).tobytes()
    return b"".join((b"\0B", token.encode(), b" ", size, content))


def text_vector(vector: Vector) -> str:
    """A vector in Kaldi's text form, with 7 significant digits."""
    return " [ " + "".join(f"{value:.7g} " for value in vector.tolist()) + "]\n"


def read_int_vector_object(stream: BufferedReader) -> npt.NDArray[np.int32]:
    """Read one vector of whole numbers (an alignment), binary or a line of text: (n,)."""
    if not begins_binary(stream):
        return np.array(integers(take_line(stream).split()), dtype=np.int32)
    items = take_array(stream, _INT, (take_count(stream),))
    if (items["width"] != 4).any():
        raise FormatError("is no vector of whole numbers")
    return np.asarray(items["value"], dtype=np.int32)


def binary_int_vector(vector: npt.NDArray[np.int32]) -> bytes:
    """A vector of whole numbers in Kaldi's binary form."""
    items = np.empty(len(vector), dtype=_INT)
    items["width"], items["value"] = 4, vector
    return b"\0B" + struct.pack("<bi", 4, len(vector)) + items.tobytes()


def text_int_vector(vector: npt.NDArray[np.int32]) -> str:
    """A vector of whole numbers in Kaldi's text form, a line."""
    return "".join(f"{value} " for value in vector.tolist()) + "\n"


def read_posterior_object(stream: BufferedReader) -> list[list[tuple[int, float]]]:
    """Read one utterance's posteriors: per frame its indices with their weights.

    The text form is a line such as `[ 3 0.25 8 0.75 ] [ 3 1 ]`.
    """
    if not begins_binary(stream):
        return _posterior_of_text(take_line(stream))
    frames = []
    for _ in range(take_count(stream)):
        pairs = take_array(stream, _PAIR, (take_count(stream),))
        if (pairs["width"] != 4).any() or (pairs["width2"] != 4).any():
            raise FormatError("holds no posteriors")
        frames.append(list(zip(pairs["index"].tolist(), pairs["weight"].tolist(), strict=True)))
    return frames


def binary_posterior(posterior: Posterior) -> bytes:
    """Posteriors in Kaldi's binary form."""
    parts = [b"\0B", struct.pack("<bi", 4, len(posterior))]
    for frame in posterior:
        parts.append(struct.pack("<bi", 4, len(frame)))
        parts += [struct.pack("<bibf", 4, index, 4, weight) for index, weight in frame]
    return b"".join(parts)


def text_posterior(posterior: Posterior) -> str:
    """Posteriors in Kaldi's text form, a line, with 7 significant digits."""
    frames = ("".join(f"{index} {weight:.7g} " for index, weight in frame) for frame in posterior)
    return "".join(f"[ {frame}] " for frame in frames) + "\n"


def _posterior_of_text(line: bytes) -> list[list[tuple[int, float]]]:
    *parts, rest = line.split(b"]")
    frames = []
    for part in parts:
        opening, *words = part.split() or [b""]
        if opening != b"[" or part.endswith(b"[") or len(words) % 2:
            raise FormatError("has no `[ index weight ... ]` where a frame's posteriors must be")
        pairs = zip(integers(words[::2]), weights(words[1::2]).tolist(), strict=True)
        frames.append(list(pairs))
    if rest.strip():
        raise FormatError(f"has {rest.strip()[:20].decode('latin-1')!r} after the last ]")
    return frames
