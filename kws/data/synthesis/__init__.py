"""Speech, noise and rooms by synthesis, for those who have no recordings."""

from kws.data.synthesis.corpus import SetSummary, synthesize_corpus
from kws.data.synthesis.options import CorpusOptions, SetOptions, parse_keywords

__all__ = ["CorpusOptions", "SetOptions", "SetSummary", "parse_keywords", "synthesize_corpus"]
