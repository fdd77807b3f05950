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


class Recent:
    """The latest samples of one stream, at 16-bit scale, and the number of all.

    Attributes:
        heard: the bytes of float32, always the same array. Whoever extends it himself, which takes
            least time, calls `trim` now and then.
        most_heard: bytes at which it is worth while.
    """

    def __init__(self, most_samples: int) -> None:
        """Make it empty.

        Args:
            most_samples: that are kept.
        """
        self._most = most_samples * np.dtype(np.float32).itemsize  # bytes
        self.most_heard = 4 * self._most
        self.heard = bytearray()
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.heard.clear()
        self._forgotten = 0  # bytes

    def append(self, samples: npt.NDArray[np.float32]) -> None:
        """Take the next samples, (S,)."""
        self.heard += samples.tobytes()
        if len(self.heard) > self.most_heard:
            self.trim()

    def trim(self) -> None:
        """Let go of what is old; there is something."""
        num_old = len(self.heard) - self._most
        del self.heard[:num_old]
        self._forgotten += num_old

    @property
    def num_samples(self) -> int:
        """That have come in all."""
        return (self._forgotten + len(self.heard)) // np.dtype(np.float32).itemsize

    def samples(self) -> npt.NDArray[np.float32]:
        """(S,), at most `most_samples`."""
        return np.frombuffer(self.heard[-self._most :], np.float32)


class SampleBuffer:
    """The samples of one stream that have not completed a frame yet, and the latest of all.

    What it gives out ends where a frame does: a stream that has given out equally many frames as
    another has given out equally many samples. It lies at the front of `values`, always the same
    array, and what waits behind it.
    """

    def __init__(
        self, first_samples: int, frame_shift: int, most_samples: int, recent_samples: int
    ) -> None:
        """Make it empty.

        Args:
            first_samples: samples that complete frame 0.
            frame_shift: samples from frame to frame.
            most_samples: that come at once.
            recent_samples: that are kept when they have completed frames.
        """
        self._first_samples, self._frame_shift = first_samples, frame_shift
        self.recent = Recent(recent_samples)
        self.values = np.zeros((1, max(first_samples, frame_shift) + most_samples), np.float32)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.recent.clear()
        self._until = self._first_samples  # to the end of the next frame
        self._given = 0  # samples at the front that have been given out
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
        num_waiting = self.bring_forward()
        self._end += len(samples)
        room = self.values[0, num_waiting : self._end]
        if scale == 1.0:
            room[:] = samples
        else:
            np.multiply(samples, scale, out=room, casting="same_kind")
        self.recent.append(room)
        if self._end < self._until:
            return self.values[:, :0]
        num_frames = 1 + (self._end - self._until) // self._frame_shift
        self._given = self._until + (num_frames - 1) * self._frame_shift
        self._until = self._frame_shift
        self.num_frames += num_frames
        return self.values[:, : self._given]

    def bring_forward(self) -> int:
        """Let go of what was given out; the number of samples that wait."""
        num_waiting = self._end - self._given
        if self._given:
            self.values[0, :num_waiting] = self.values[0, self._given : self._end]
            self._given, self._end = 0, num_waiting
        return num_waiting

    def rest(self) -> npt.NDArray[np.float32]:
        """What has not been given out: (1, S), less than a frame's need."""
        return self.values[:, self._given : self._end]
