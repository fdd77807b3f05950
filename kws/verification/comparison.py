"""What two ways of running one detector have made of a recording, compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.detection import Detection

Array = npt.NDArray[np.floating]
FLOAT_TOLERANCE = 1e-4  # in confidence: float32 sums in another order stay far below


@dataclass(frozen=True, eq=False)
class Track:
    """What one way of running a detector makes of a recording.

    Args:
        features: (T, D) filter-bank features, before deltas and CMVN.
        posteriors: (T, C).
        confidences: (T, K).
        events: in the order in which they ended.
    """

    features: Array
    posteriors: Array
    confidences: Array
    events: tuple[Detection, ...]


@dataclass(frozen=True)
class Grid:
    """What columns and frames are.

    Args:
        keywords: the columns of the confidences.
        frame_shift_s: time from frame to frame.
        frame_offset_s: the centre of frame 0.
    """

    keywords: tuple[str, ...]
    frame_shift_s: float
    frame_offset_s: float

    def frame(self, time_s: float) -> int:
        """The frame at a time."""
        return round((time_s - self.frame_offset_s) / self.frame_shift_s)

    def time_s(self, frame: int) -> float:
        """The time of a frame."""
        return self.frame_offset_s + frame * self.frame_shift_s


@dataclass(frozen=True)
class Difference:
    """How far one way is from the whole recording at once.

    Args:
        features, posteriors, confidences: the largest absolute difference; NaN where a value is
            none.
        time_s: where that of the confidences is.
        num_frames, num_frames_expected: of the two ways; only frames that both have are compared.
        missing: events that this way has not found.
        extra: events that only this way has found.
    """

    features: float
    posteriors: float
    confidences: float
    time_s: float
    num_frames: int
    num_frames_expected: int
    missing: tuple[Detection, ...]
    extra: tuple[Detection, ...]

    @property
    def events_agree(self) -> bool:
        """Whether both ways have found the same events at the same frames."""
        return not self.missing and not self.extra

    def is_within(self, tolerance: float) -> bool:
        """Whether every confidence is there, and none differs by more than `tolerance`."""
        # NaN is not within
        return self.num_frames == self.num_frames_expected and self.confidences <= tolerance


def compare(expected: Track, track: Track, grid: Grid, *, is_lossy: bool = False) -> Difference:
    """The difference of two tracks of one recording.

    Args:
        expected: of the whole recording at once; it has a frame.
        track: of another way.
        grid: of both.
        is_lossy: confidences differ by intention: events of a keyword that overlap are the same.
    """

    def without(ours: Track, theirs: Track) -> tuple[Detection, ...]:
        """The events of one track that are not among those of the other."""
        return tuple(
            event
            for event in ours.events
            if not any(
                _overlap(event, match) if is_lossy else _are_same(event, match, ours, grid)
                for match in theirs.events
            )
        )

    confidences = _differences(expected.confidences, track.confidences)
    frame = int(np.argmax(confidences)) if len(confidences) else 0  # argmax prefers NaN
    return Difference(
        features=_largest(_differences(expected.features, track.features)),
        posteriors=_largest(_differences(expected.posteriors, track.posteriors)),
        confidences=_largest(confidences),
        time_s=grid.time_s(frame),
        num_frames=len(track.confidences),
        num_frames_expected=len(expected.confidences),
        missing=without(expected, track),
        extra=without(track, expected),
    )


def _differences(expected: Array, values: Array) -> Array:
    """The largest difference of each frame that both have: (T,)."""
    number = min(len(expected), len(values))
    apart: Array = np.abs(expected[:number].astype(np.float64) - values[:number])
    return np.asarray(apart.max(axis=1, initial=0.0))


def _largest(differences: Array) -> float:
    return float(differences.max(initial=0.0))


def _overlap(event: Detection, other: Detection) -> bool:
    is_apart = event.end_s < other.start_s or other.end_s < event.start_s
    return event.keyword == other.keyword and not is_apart


def _are_same(event: Detection, other: Detection, track: Track, grid: Grid) -> bool:
    """Whether keyword and frames are the same; confidences are compared at every frame anyway.

    The peak is the first frame of largest confidence. A confidence is made of largest values of a
    window and often stays what it is for many frames: which of them is larger by a bit in the last
    place is nothing that either knows, so another peak of the same height is the same.
    """
    frames, others = (
        [grid.frame(time_s) for time_s in (e.trigger_s, e.start_s, e.end_s)] for e in (event, other)
    )
    if event.keyword != other.keyword or frames != others:
        return False
    confidences = track.confidences[:, grid.keywords.index(event.keyword)]
    peak = grid.frame(other.peak_s)
    return peak < len(confidences) and bool(confidences[peak] >= event.confidence - FLOAT_TOLERANCE)
