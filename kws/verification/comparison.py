"""What two ways of running one detector have made of a recording, compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.detection import Detection

Array = npt.NDArray[np.floating]
FLOAT_TOLERANCE = 1e-4  # in confidence: float32 sums in another order stay far below
TOLD = ("trigger", "start", "end")  # times of an event
SAME_TIME_S = 1e-6  # both ways count frames; two frames are far further apart


@dataclass(frozen=True, eq=False)
class Track:
    """What one way of running a detector makes of a recording.

    Args:
        features: (T, D) filter-bank features, before deltas and CMVN; None: it does not tell them.
        posteriors: (T, C).
        smoothed: (T, C).
        confidences: (T, K).
        events: in the order in which they ended.
    """

    features: Array | None
    posteriors: Array
    smoothed: Array
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

    def time_s(self, frame: int) -> float:
        """The time of a frame."""
        return self.frame_offset_s + frame * self.frame_shift_s


@dataclass(frozen=True)
class Tolerance:
    """How far a way may be from what it is compared with.

    Args:
        confidences: of every one of them.
        posteriors: of every one, smoothed or not.
    """

    confidences: float
    posteriors: float


@dataclass(frozen=True)
class Difference:
    """How far one way is from what it is compared with.

    Args:
        features, posteriors, smoothed, confidences: the largest absolute difference; NaN where a
            value is none; features are None where a way does not tell them.
        time_s: where that of the confidences is.
        num_frames, num_frames_expected: of the two ways; only frames that both have are compared.
        missing: events that this way has not found.
        extra: events that only this way has found.
    """

    features: float | None
    posteriors: float
    smoothed: float
    confidences: float
    time_s: float
    num_frames: int
    num_frames_expected: int
    missing: tuple[Detection, ...]
    extra: tuple[Detection, ...]

    @property
    def events_agree(self) -> bool:
        """Whether both ways have found the same events at the same times."""
        return not self.missing and not self.extra

    def is_within(self, tolerance: Tolerance) -> bool:
        """Whether every value is there, and none differs by more than `tolerance`."""
        # NaN is not within
        return (
            self.num_frames == self.num_frames_expected
            and self.confidences <= tolerance.confidences
            and self.posteriors <= tolerance.posteriors
            and self.smoothed <= tolerance.posteriors
        )


def compare(
    expected: Track,
    track: Track,
    grid: Grid,
    *,
    tolerance: float = FLOAT_TOLERANCE,
    is_lossy: bool = False,
) -> Difference:
    """The difference of two tracks of one recording.

    Args:
        expected: what the other is compared with; it has a frame.
        track: of another way.
        grid: of both.
        tolerance: of the confidences.
        is_lossy: confidences differ by intention: events of a keyword that overlap are the same.
    """

    confidences = _differences(expected.confidences, track.confidences)
    # where confidences differ more, so do those of the same events
    apart = max(tolerance, _largest(confidences))

    def without(ours: Track, theirs: Track) -> tuple[Detection, ...]:
        """The events of one track that are not among those of the other."""
        return tuple(
            event
            for event in ours.events
            if not any(
                _overlap(event, match)
                if is_lossy
                else abs(event.confidence - match.confidence) <= apart
                and _are_same(event, match, ours, grid, tolerance)
                for match in theirs.events
            )
        )

    frame = int(np.argmax(confidences)) if len(confidences) else 0  # argmax prefers NaN
    features = None
    if expected.features is not None and track.features is not None:
        features = _largest(_differences(expected.features, track.features))
    return Difference(
        features=features,
        posteriors=_largest(_differences(expected.posteriors, track.posteriors)),
        smoothed=_largest(_differences(expected.smoothed, track.smoothed)),
        confidences=_largest(confidences),
        time_s=grid.time_s(frame),
        num_frames=len(track.confidences),
        num_frames_expected=len(expected.confidences),
        missing=without(expected, track),
        extra=without(track, expected),
    )


def worst(differences: Sequence[Difference]) -> Difference:
    """The largest of each of several differences, at least one, and the events of all."""

    def largest(name: str) -> float:
        return float(np.max([getattr(d, name) for d in differences]))  # NaN when any is

    has_features = all(d.features is not None for d in differences)
    furthest = differences[int(np.argmax([d.confidences for d in differences]))]
    incomplete = [d for d in differences if d.num_frames != d.num_frames_expected]
    shown = (incomplete or differences)[0]
    return Difference(
        features=largest("features") if has_features else None,
        posteriors=largest("posteriors"),
        smoothed=largest("smoothed"),
        confidences=furthest.confidences,
        time_s=furthest.time_s,
        num_frames=shown.num_frames,
        num_frames_expected=shown.num_frames_expected,
        missing=tuple(event for d in differences for event in d.missing),
        extra=tuple(event for d in differences for event in d.extra),
    )


def _differences(expected: Array, values: Array) -> Array:
    """The largest difference of each frame that both have: (T,)."""
    number = min(len(expected), len(values))
    apart: Array = np.abs(expected[:number].astype(np.float64) - values[:number])
    return np.asarray(apart.max(axis=1, initial=0.0))


def _largest(differences: Array) -> float:
    return float(differences.max(initial=0.0))


def _overlap(event: Detection, other: Detection) -> bool:
    is_apart = event.end_frame < other.start_frame or other.end_frame < event.start_frame
    return event.keyword == other.keyword and not is_apart


def _are_same(
    event: Detection, other: Detection, track: Track, grid: Grid, tolerance: float
) -> bool:
    """Whether keyword and times are the same; confidences are compared at every frame anyway.

    The peak is the first frame of largest confidence. A confidence is made of largest values of a
    window and often stays what it is for many frames: which of them is larger by a bit in the last
    place is nothing that either knows, so another peak of the same height is the same.
    """
    if event.keyword != other.keyword:
        return False
    frames, others = ([e.trigger_frame, e.start_frame, e.end_frame] for e in (event, other))
    # what is told of them too
    times = ((getattr(e, f"{name}_s") for e in (event, other)) for name in TOLD)
    if frames != others or not all(_is_same_time(ours, theirs) for ours, theirs in times):
        return False
    confidences = track.confidences[:, grid.keywords.index(event.keyword)]
    peak = other.peak_frame
    return peak < len(confidences) and bool(confidences[peak] >= event.confidence - tolerance)


def _is_same_time(ours: float | None, theirs: float | None) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    return abs(ours - theirs) <= SAME_TIME_S
