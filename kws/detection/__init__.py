"""From confidences to keyword events; free of torch."""

from kws.detection.detector import (
    Detection,
    Detector,
    check_refractory,
    check_threshold,
    frames_of,
)
from kws.detection.triggers import event_triggers

__all__ = [
    "Detection",
    "Detector",
    "check_refractory",
    "check_threshold",
    "event_triggers",
    "frames_of",
]
