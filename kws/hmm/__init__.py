"""Units, frame labels and alignments; phone models, language models, graphs and decoding."""

from kws.hmm.alignment import Alignment, align
from kws.hmm.bootstrap import place_by_energy
from kws.hmm.decoding import DecodedLattice, DecodedPath, Decoder, DecodingOptions
from kws.hmm.fst_file import read_graph, write_fst
from kws.hmm.gmm import Gmm, Mixture
from kws.hmm.graphs import decoding_graph, grammar_fst
from kws.hmm.labels import (
    FILLER,
    Span,
    TimedWord,
    UnitInventory,
    frame_labels,
    inventory_of,
    units_of,
)
from kws.hmm.ngram import NgramModel, estimate_ngrams, format_arpa, parse_arpa, perplexity
from kws.hmm.phone_alignment import AlignOptions, PhoneAligner, PhonePath, equal_path, timed_path
from kws.hmm.phone_model import PhoneModel
from kws.hmm.symbols import Symbols, phone_symbols, read_symbols, write_symbols
from kws.hmm.topology import topology_text

__all__ = [
    "FILLER",
    "AlignOptions",
    "Alignment",
    "DecodedLattice",
    "DecodedPath",
    "Decoder",
    "DecodingOptions",
    "Gmm",
    "Mixture",
    "NgramModel",
    "PhoneAligner",
    "PhoneModel",
    "PhonePath",
    "Span",
    "Symbols",
    "TimedWord",
    "UnitInventory",
    "align",
    "decoding_graph",
    "equal_path",
    "estimate_ngrams",
    "format_arpa",
    "frame_labels",
    "grammar_fst",
    "inventory_of",
    "parse_arpa",
    "perplexity",
    "phone_symbols",
    "place_by_energy",
    "read_graph",
    "read_symbols",
    "timed_path",
    "topology_text",
    "units_of",
    "write_fst",
    "write_symbols",
]
