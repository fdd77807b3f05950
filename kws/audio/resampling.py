"""Sample rate conversion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import soxr

from kws.errors import InputError

QUALITY = "VHQ"


def resample(
    samples: npt.NDArray[np.float32], from_rate: int, to_rate: int
) -> npt.NDArray[np.float32]:
    """Samples at another rate (soxr, quality VHQ, linear phase: nothing is shifted in time).

    Args:
        samples: (S,) at 16-bit scale.
        from_rate, to_rate: in Hz.

    Returns:
        (ceil or floor of S * to_rate / from_rate,)
    """
    if from_rate == to_rate or not len(samples):
        return np.asarray(samples, dtype=np.float32)
    converted = soxr.resample(np.asarray(samples, np.float32), from_rate, to_rate, quality=QUALITY)
    return np.asarray(converted, dtype=np.float32)


def resample_chunks(
    chunks: Iterable[npt.NDArray[np.float32]], from_rate: int, to_rate: int
) -> Iterator[npt.NDArray[np.float32]]:
    """The samples of a stream at another rate, as they become known: those of `resample`.

    Args:
        chunks: (S,) each, at 16-bit scale. What they raise passes when the samples before it have
            been given.
        from_rate, to_rate: in Hz.

    Yields:
        (S',) float32
    """
    stream = soxr.ResampleStream(from_rate, to_rate, 1, dtype="float32", quality=QUALITY)
    fault = None
    try:
        for chunk in chunks:
            yield stream.resample_chunk(chunk)
    except InputError as error:
        fault = error
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
    if fault is not None:
        raise fault
