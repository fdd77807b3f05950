"""When a keyword's confidence raises an alarm: one alarm for one burst."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kws.errors import InputError

FEW = 32  # frames


@dataclass(frozen=True)
class Arming:
    """What a keyword's past leaves behind; frames count from the start of the stream.

    After a trigger the keyword is armed again when the refractory period has passed AND its
    confidence has been below the threshold since.
    """

    ready: int = 0  # the first frame after the refractory period
    fell: bool = True  # below the threshold since the last trigger


def next_triggers(
    confidence: np.ndarray, threshold: float, refractory_frames: int, arming: Arming, start: int
) -> tuple[list[int], Arming]:
    """The frames of one chunk at which a keyword triggers.

    Args:
        confidence: (T,), confidences of the chunk.
        threshold: it triggers at or above this.
        refractory_frames: the least distance of two triggers, in frames.
        arming: what the frames before left behind.
        start: the chunk's first frame, counted from the start of the stream.

    Returns:
        the triggers, counted from the start of the stream, and the arming after the chunk.
    """
    if len(confidence) <= FEW:
        return _frame_by_frame(confidence.tolist(), threshold, refractory_frames, arming, start)
    # in float64: numpy would round the threshold to the precision of float32 confidences
    above = confidence.astype(np.float64, copy=False) >= threshold
    if not above.any():
        return [], Arming(arming.ready, arming.fell or len(confidence) > 0)
    high = start + np.flatnonzero(above)
    low = start + np.flatnonzero(~above)
    ready, fell, frame = arming.ready, arming.fell, start
    triggers = []
    while True:
        if not fell:
            i = np.searchsorted(low, frame)
            if i == len(low):
                break
            frame, fell = int(low[i]), True
        i = np.searchsorted(high, max(frame, ready))
        if i == len(high):
            break
        frame = int(high[i])
        triggers.append(frame)
        ready, fell = frame + refractory_frames, False
    return triggers, Arming(ready, fell)


def _frame_by_frame(
    confidence: list[float], threshold: float, refractory_frames: int, arming: Arming, start: int
) -> tuple[list[int], Arming]:
    """`next_triggers` of few frames, which take less time than a few calls of numpy."""
    ready, fell = arming.ready, arming.fell
    triggers = []
    for frame, value in enumerate(confidence, start):
        if not value >= threshold:  # NaN is no trigger
            fell = True
        elif fell and frame >= ready:
            triggers.append(frame)
            ready, fell = frame + refractory_frames, False
    return triggers, Arming(ready, fell)


def event_triggers(confidence: np.ndarray, threshold: float, refractory_frames: int) -> np.ndarray:
    """The frames at which a `Detector` would trigger on one keyword's confidences.

    Args:
        confidence: (T,), the whole stream.
        threshold: it triggers at or above this.
        refractory_frames: the least distance of two triggers, in frames.

    Returns:
        (number of events,) int64, ascending.
    """
    if confidence.ndim != 1:
        raise InputError(f"confidence has shape {confidence.shape}: it must be (T,)")
    triggers, _ = next_triggers(confidence, threshold, refractory_frames, Arming(), 0)
    return np.array(triggers, dtype=np.int64)
