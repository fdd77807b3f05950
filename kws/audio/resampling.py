"""Sample rate conversion."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr


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
    converted = soxr.resample(np.asarray(samples, np.float32), from_rate, to_rate, quality="VHQ")
    return np.asarray(converted, dtype=np.float32)
