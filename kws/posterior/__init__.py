"""From a network's posteriors to the confidences of keywords."""

from kws.posterior.confidence import Confidence as Confidence
from kws.posterior.confidence import Keyword as Keyword
from kws.posterior.confidence import OrderedConfidence as OrderedConfidence
from kws.posterior.smoothing import Smoothing as Smoothing
