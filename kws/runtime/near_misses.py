"""Bursts of confidence that came near a threshold and did not reach it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from kws.detection import Detection, Detector
from kws.errors import InputError
from kws.runtime.metadata import Metadata

DEFAULT_SHARE = 0.5  # of the threshold
PATIENCE_S = 5.0  # a confidence that hovers is told of while its audio is still at hand


@dataclass
class _Burst:
    """Frames in a row in which a keyword's confidence is at or above the lower threshold."""

    keyword: int
    start: int
    peak: int
    confidence: float  # at the peak
    stop: int | None = None  # exclusive; None while it lasts


class NearMisses:
    """A second detector with lower thresholds, whose events did not become real ones.

    A near miss is told when its burst is over or has lasted 5 s: as long as the confidence stays
    above the lower threshold it can still reach the real one.
    """

    def __init__(
        self,
        metadata: Metadata,
        thresholds: Mapping[str, float],
        near_miss_threshold: float | None = None,
        refractory_s: float | None = None,
    ) -> None:
        """Make it for a new stream.

        Args:
            metadata: of the exported file.
            thresholds: the real ones, of every keyword.
            near_miss_threshold: the lower one of all keywords; None: half of each keyword's own.
            refractory_s: of the real detector; None: the file's.

        Raises:
            InputError: it is not above 0 and below every threshold.
        """
        lower = {}
        for name, threshold in thresholds.items():
            low = DEFAULT_SHARE * threshold if near_miss_threshold is None else near_miss_threshold
            if not 0 < low < threshold:
                raise InputError(
                    f"near-miss threshold {low:g}: it must be above 0 and below the threshold of "
                    f"{name!r}, {threshold:g}"
                )
            lower[name] = low
        self._metadata = metadata
        self._lower = [lower[keyword.name] for keyword in metadata.keywords]
        self._upper = [thresholds[keyword.name] for keyword in metadata.keywords]
        self._detector = Detector(
            metadata.keywords,
            lower,
            refractory_s=metadata.refractory_s if refractory_s is None else refractory_s,
            frame_shift_s=metadata.frame_shift_s,
            frame_offset_s=metadata.frame_offset_s,
            w_max=metadata.w_max,
            offsets=metadata.word_offsets,
            tell_nested=True,
        )
        self._state = self._detector.init_state()
        self._patience = round(PATIENCE_S / metadata.frame_shift_s)
        self._num_frames = 0
        self._bursts: list[_Burst] = []
        self._events: list[Detection] = []  # ended, while their bursts may go on

    def step(
        self, confidences: npt.NDArray[np.floating], smoothed: npt.NDArray[np.floating]
    ) -> list[Detection]:
        """Take the next frames; the near misses that are over in them.

        Args:
            confidences: (T, keywords), T >= 0.
            smoothed: (T, units).
        """
        exact = confidences.astype(np.float64)  # thresholds are compared in full precision
        for k, lower in enumerate(self._lower):
            self._follow(k, exact[:, k], lower)
        self._num_frames += len(confidences)
        events, self._state = self._detector.step((exact, smoothed), self._state)
        self._events += events
        return self._over()

    def finish(
        self,
        confidences: npt.NDArray[np.floating],
        smoothed: npt.NDArray[np.floating],
        duration_s: float,
    ) -> list[Detection]:
        """Take the last frames and end the stream: the near misses that it ends.

        Args:
            confidences: (T, keywords), T >= 0.
            smoothed: (T, units).
            duration_s: of what was heard; see `Detector.finish`.
        """
        events = self.step(confidences, smoothed)
        for burst in self._bursts:
            burst.stop = self._num_frames if burst.stop is None else burst.stop
        self._events += self._detector.flush(self._state)
        return [event.until(duration_s) for event in events + self._over()]

    def _follow(self, keyword: int, confidence: npt.NDArray[np.float64], lower: float) -> None:
        """The bursts of one keyword in a chunk."""
        last = next((b for b in self._bursts if b.keyword == keyword and b.stop is None), None)
        if last is None and not (confidence >= lower).any():
            return
        for frame, value in enumerate(confidence.tolist(), self._num_frames):
            if value < lower:
                if last is not None:
                    last.stop, last = frame, None
            elif last is None:
                last = _Burst(keyword, frame, frame, value)
                self._bursts.append(last)
            elif value > last.confidence:
                last.peak, last.confidence = frame, value

    def _over(self) -> list[Detection]:
        """The near misses among the events whose bursts are over."""
        found, waiting = [], []
        names = [keyword.name for keyword in self._metadata.keywords]
        for event in self._events:
            trigger = event.trigger_frame
            burst = next(
                b
                for b in self._bursts
                if names[b.keyword] == event.keyword
                and b.start <= trigger
                and (b.stop is None or trigger < b.stop)
            )
            if burst.stop is None and self._num_frames - trigger < self._patience:
                waiting.append(event)
            elif burst.confidence < self._upper[burst.keyword]:
                peak_s = self._metadata.frame_offset_s + burst.peak * self._metadata.frame_shift_s
                found.append(
                    replace(
                        event,
                        peak_s=peak_s,
                        confidence=burst.confidence,
                        end_frame=max(event.end_frame, burst.peak),
                        peak_frame=burst.peak,
                    )
                )
        self._events = waiting
        # an event is known w_max frames after its trigger at the latest
        oldest = self._num_frames - self._metadata.w_max - 1
        self._bursts = [b for b in self._bursts if b.stop is None or b.stop > oldest]
        return found
