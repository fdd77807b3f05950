"""From a network's posteriors to the confidences of keywords."""

from kws.keyword import Keyword
from kws.posterior.confidence import Confidence, OrderedConfidence
from kws.posterior.smoothing import Smoothing

__all__ = [
    "Confidence",
    "Keyword",
    "OrderedConfidence",
    "Smoothing",
]
