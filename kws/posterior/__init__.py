"""From a network's posteriors to the confidences of keywords."""

from kws.posterior.confidence import Confidence, Keyword, OrderedConfidence
from kws.posterior.smoothing import Smoothing

__all__ = [
    "Confidence",
    "Keyword",
    "OrderedConfidence",
    "Smoothing",
]
