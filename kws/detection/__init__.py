"""From confidences to keyword events; free of torch."""

from kws.detection.detection import Detection, WordOffsets, word_offsets
from kws.detection.detector import Detector, check_refractory, check_threshold, frames_of
from kws.detection.nesting import Nesting
from kws.detection.triggers import event_triggers

__all__ = [
    "Detection",
    "Detector",
    "Nesting",
    "WordOffsets",
    "check_refractory",
    "check_threshold",
    "event_triggers",
    "frames_of",
    "word_offsets",
]
