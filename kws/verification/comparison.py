"""What two ways of running one detector have made of a recording, compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.detection import Detection

Array = npt.NDArray[np.floating]
SAME_TIME_S = 1e-6  # times are frame numbers times the shift: this is rounding, a frame is 10 ms


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
class Difference:
    """How far one way is from the whole recording at once.

    Args:
        features, posteriors, confidences: the largest absolute difference; NaN where a value is
            none.
        frame: where that of the confidences is.
        num_frames, num_frames_expected: of the two ways; only frames that both have are compared.
        missing: events that this way has not found.
        extra: events that only this way has found.
    """

    features: float
    posteriors: float
    confidences: float
    frame: int
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


def compare(expected: Track, track: Track) -> Difference:
    """The difference of two tracks of one recording.

    Args:
        expected: of the whole recording at once; it has a frame.
        track: of another way.
    """
    confidences = _differences(expected.confidences, track.confidences)
    frame = int(np.argmax(confidences)) if len(confidences) else 0  # argmax prefers NaN
    return Difference(
        features=_largest(_differences(expected.features, track.features)),
        posteriors=_largest(_differences(expected.posteriors, track.posteriors)),
        confidences=_largest(confidences),
        frame=frame,
        num_frames=len(track.confidences),
        num_frames_expected=len(expected.confidences),
        missing=_without(expected.events, track.events),
        extra=_without(track.events, expected.events),
    )


def _differences(expected: Array, values: Array) -> Array:
    """The largest difference of each frame that both have: (T,)."""
    number = min(len(expected), len(values))
    apart: Array = np.abs(expected[:number].astype(np.float64) - values[:number])
    return np.asarray(apart.max(axis=1, initial=0.0))


def _largest(differences: Array) -> float:
    return float(differences.max(initial=0.0))


def _without(events: tuple[Detection, ...], others: tuple[Detection, ...]) -> tuple[Detection, ...]:
    """The events that are not among the others."""
    return tuple(event for event in events if not any(_is_same(event, o) for o in others))


def _is_same(event: Detection, other: Detection) -> bool:
    """Whether keyword and frames are the same; confidences are compared at every frame anyway."""
    times = [(e.start_s, e.end_s, e.peak_s, e.trigger_s) for e in (event, other)]
    return event.keyword == other.keyword and bool(
        np.allclose(times[0], times[1], rtol=0, atol=SAME_TIME_S)
    )
