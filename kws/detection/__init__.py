"""From confidences to keyword events; free of torch."""

from kws.detection.detector import Detection, Detector, frames_of
from kws.detection.triggers import event_triggers

__all__ = [
    "Detection",
    "Detector",
    "event_triggers",
    "frames_of",
]
