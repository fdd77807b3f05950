"""The background that goes on behind a recording's end, so that its last word is heard whole."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RECENT_S = 2.0  # what is looked at: a keyword is shorter, and rooms change
STRETCH_S = 0.1  # of the quietest sound
LENGTH_S = 0.5  # of what is made of it: a network looks ahead, smoothing is late
STEP_S = 0.01

Samples = npt.NDArray[np.float32]


def background(samples: Samples, sample_rate: int) -> Samples:
    """What to append to a recording before a detector ends it.

    It is the quietest 0.1 s of the last 2 s, to and fro: level and colour of the room without a
    click in it, zeros after a noise gate, and the same samples whenever the recording is the same,
    however it came in.

    Args:
        samples: (S,) at any scale: the recording, or no less than its last 2 s.
        sample_rate: in Hz.

    Returns:
        0.5 s; nothing where the recording is shorter than 0.1 s.
    """
    step, num_steps = max(1, round(STEP_S * sample_rate)), round(STRETCH_S / STEP_S)
    recent = samples[-recent_samples(sample_rate) :]
    steps = recent[len(recent) % step :].reshape(-1, step)
    if len(steps) < num_steps:
        return np.zeros(0, np.float32)
    powers = np.square(steps, dtype=np.float64).sum(axis=1)
    levels = np.lib.stride_tricks.sliding_window_view(powers, num_steps).sum(axis=1)
    latest = len(levels) - 1 - int(levels[::-1].argmin())
    stretch = steps[latest : latest + num_steps].reshape(-1)
    return np.resize(np.concatenate((stretch[::-1], stretch)), round(LENGTH_S * sample_rate))


def recent_samples(sample_rate: int) -> int:
    """How many of the last samples `background` looks at."""
    return round(RECENT_S * sample_rate)
