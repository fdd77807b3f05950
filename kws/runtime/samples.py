"""What a caller gives as samples, checked, and kept until it completes frames."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from kws.errors import InputError

FULL_SCALE = 32768.0
LOUDEST = 4.0  # floats beyond this are no audio in [-1, 1]; lossy codecs overshoot by less
_SCALES = {
    np.dtype(np.int16): 1.0,
    np.dtype(np.float32): FULL_SCALE,
    np.dtype(np.float64): FULL_SCALE,
}


def check_samples(samples: npt.NDArray[np.generic]) -> float:
    """Refuse what is no mono audio.

    Args:
        samples: (S,) of int16, or of float32 or float64 in [-1, 1].

    Returns:
        the factor to 16-bit scale.

    Raises:
        InputError: another type or shape, values that are not finite or far beyond [-1, 1].
    """
    if not isinstance(samples, np.ndarray):
        raise InputError(
            f"samples are a {type(samples).__name__}: they must be a numpy array of int16, or of "
            "float32 or float64 in [-1, 1]; convert them"
        )
    scale = _SCALES.get(samples.dtype)
    if scale is None:
        raise InputError(
            f"samples are of type {samples.dtype}: it must be int16, or float32 or float64 in "
            "[-1, 1]; convert them"
        )
    if samples.ndim != 1:
        raise InputError(
            f"samples have shape {samples.shape}: it must be (S,), one channel; choose one, such "
            "as samples[:, 0]"
        )
    if scale != 1.0:
        _check_values(samples)
    return scale


def _check_values(samples: npt.NDArray[np.generic]) -> None:
    peak = float(np.abs(samples).max(initial=0.0))  # NaN when any sample is
    if peak <= LOUDEST:
        return
    if not math.isfinite(peak):
        first = int(np.flatnonzero(~np.isfinite(samples))[0])
        raise InputError(
            f"samples[{first}] is {samples[first]}: samples must be finite; repair their source"
        )
    raise InputError(
        f"samples of type {samples.dtype} reach {peak:g}: floats must lie in [-1, 1]; divide "
        "samples at 16-bit scale by 32768"
    )


class SampleBuffer:
    """The samples of one stream that have not completed a frame yet.

    What it gives out ends where a frame does: a stream that has given out equally many frames as
    another has given out equally many samples.
    """

    def __init__(self, first_samples: int, frame_shift: int) -> None:
        """Make it empty.

        Args:
            first_samples: samples that complete frame 0.
            frame_shift: samples from frame to frame.
        """
        self._frame_shift = frame_shift
        self._until = first_samples  # to the end of the next frame, from the samples given out
        self._values = np.zeros((1, first_samples + 16 * frame_shift), np.float32)
        self._begin = 0  # of what has not been given out
        self._end = 0
        self.num_frames = 0  # given out

    def feed(self, samples: npt.NDArray[np.generic], scale: float) -> npt.NDArray[np.float32]:
        """Take samples in; give out those that complete frames.

        Args:
            samples: (S,), checked.
            scale: their factor to 16-bit scale.

        Returns:
            (1, any multiple of frames, 0 included) at 16-bit scale, valid until the next call.
        """
        self._append(samples, scale)
        waiting = self._end - self._begin
        if waiting < self._until:
            return self._values[:, :0]
        num_frames = 1 + (waiting - self._until) // self._frame_shift
        begin = self._begin
        self._begin += self._until + (num_frames - 1) * self._frame_shift
        self._until = self._frame_shift
        self.num_frames += num_frames
        return self._values[:, begin : self._begin]

    def rest(self) -> npt.NDArray[np.float32]:
        """What has not been given out: (1, S), less than a frame's need."""
        return self._values[:, self._begin : self._end]

    def _append(self, samples: npt.NDArray[np.generic], scale: float) -> None:
        end = self._end + len(samples)
        if end > self._values.shape[1]:
            end = self._make_room(len(samples))
        if scale == 1.0:
            self._values[0, self._end : end] = samples
        else:
            room = self._values[0, self._end : end]
            np.multiply(samples, scale, out=room, casting="same_kind")
        self._end = end

    def _make_room(self, num_samples: int) -> int:
        """Bring what waits to the front, of a larger array if need be; the end to come."""
        waiting = self._values[0, self._begin : self._end]
        end = len(waiting) + num_samples
        if 2 * end > self._values.shape[1]:
            self._values = np.zeros((1, 4 * end), np.float32)
        self._values[0, : len(waiting)] = waiting
        self._begin, self._end = 0, len(waiting)
        return end
