"""Raw samples from a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from kws.errors import InputError


def read_raw_chunks(
    stream: BinaryIO, sample_rate: int, chunk_s: float
) -> Iterator[npt.NDArray[np.float32]]:
    """Samples of raw 16-bit little-endian mono audio, chunk by chunk, as they come.

    Args:
        stream: such as sys.stdin.buffer.
        sample_rate: of the samples, in Hz.
        chunk_s: length of a chunk in seconds; the last one may be shorter.

    Yields:
        (S,) float32 at 16-bit scale

    Raises:
        InputError: the stream ends in the middle of a sample (after the last whole one).
    """
    chunk_bytes = 2 * max(1, round(chunk_s * sample_rate))
    pending = b""
    while received := stream.read(chunk_bytes - len(pending)):
        pending += received
        if len(pending) == chunk_bytes:
            yield np.frombuffer(pending, dtype="<i2").astype(np.float32)
            pending = b""
    whole = len(pending) // 2 * 2
    if whole:
        yield np.frombuffer(pending[:whole], dtype="<i2").astype(np.float32)
    if len(pending) > whole:
        raise InputError(
            "standard input: ends in the middle of a 16-bit sample (an odd number of bytes); "
            "give raw 16-bit little-endian mono samples"
        )
