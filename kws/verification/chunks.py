"""Lengths of the chunks in which a recording is given."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from kws.runtime.steady import MOST_FRAMES

Scalar = TypeVar("Scalar", bound=np.generic)
# more sizes than a stream keeps arrays for, and one with too many frames for that; each comes
# twice, since what is easy is easy from the second time on
FRAMES_IN_TURN = (1, 1, 2, 2, 8, 8, 3, 3, 5, 5, MOST_FRAMES + 1)


def cut(samples: npt.NDArray[Scalar], lengths: Iterable[int]) -> Iterator[npt.NDArray[Scalar]]:
    """Chunks of the lengths given until nothing is left; the last one may be shorter.

    Args:
        samples: (S,)
        lengths: enough for all of them.
    """
    start = 0
    for length in lengths:
        if start >= len(samples):
            return
        yield samples[start : start + length]
        start += length


def random_lengths(random: np.random.Generator, longest: int) -> Iterator[int]:
    """From a sample to `longest`, all orders of magnitude alike, and one in ten is 0; no end."""
    while True:
        is_empty = random.random() < 0.1
        length = int(math.exp(random.uniform(0, math.log(longest))))
        yield 0 if is_empty else length


def equal_lengths(length: int, num_samples: int) -> Iterator[int]:
    """All the same, but for the first, which takes what is too much for that; no end.

    An odd size at the end would be a second one, and end what the runtime does for a single one.
    """
    return itertools.chain([num_samples % length], itertools.repeat(length))


def lengths_in_turn(frame_shift: int) -> Iterator[int]:
    """Whole frames, `FRAMES_IN_TURN` again and again; no end."""
    return (frame_shift * number for number in itertools.cycle(FRAMES_IN_TURN))
