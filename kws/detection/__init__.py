"""From confidences to keyword events; free of torch."""

from kws.detection.detector import Detection as Detection
from kws.detection.detector import Detector as Detector
from kws.detection.detector import frames_of as frames_of
from kws.detection.triggers import event_triggers as event_triggers
