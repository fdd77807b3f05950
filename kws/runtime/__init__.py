"""The deployed detector: an exported file on numpy and onnxruntime, without torch."""

from kws.keyword import Keyword
from kws.runtime.batch import process_batch
from kws.runtime.detector import Detector
from kws.runtime.metadata import Metadata
from kws.runtime.model import Model, Scores
from kws.runtime.stream import Stream

__all__ = [
    "Detector",
    "Keyword",
    "Metadata",
    "Model",
    "Scores",
    "Stream",
    "process_batch",
]
