"""Kaldi's own files: tables (ark, scp), matrices, nnet2 models and GMMs."""

from kws.kaldi.archives import TableWriter
from kws.kaldi.compression import CompressionMethod
from kws.kaldi.gmm import (
    DiagGmm,
    GmmModel,
    format_gmm_model,
    parse_gmm_model,
    read_gmm_model,
    write_gmm_model,
    write_transition_model,
)
from kws.kaldi.nnet2 import (
    KaldiComponent,
    KaldiModel,
    format_kaldi_model,
    is_kaldi_model,
    parse_kaldi_model,
    read_kaldi_model,
    read_transition_model,
    write_kaldi_model,
)
from kws.kaldi.specifiers import Specifier, is_specifier, parse_specifier, screen_specifier
from kws.kaldi.tables import (
    read_int_vectors,
    read_matrices,
    read_matrix,
    read_posteriors,
    read_vectors,
    write_int_vectors,
    write_matrices,
    write_matrix,
    write_posteriors,
    write_vectors,
)
from kws.kaldi.transitions import TransitionModel, format_topology, transition_model
from kws.kaldi.wave_tables import read_waves

__all__ = [
    "CompressionMethod",
    "DiagGmm",
    "GmmModel",
    "KaldiComponent",
    "KaldiModel",
    "Specifier",
    "TableWriter",
    "TransitionModel",
    "format_gmm_model",
    "format_kaldi_model",
    "format_topology",
    "is_kaldi_model",
    "is_specifier",
    "parse_gmm_model",
    "parse_kaldi_model",
    "parse_specifier",
    "read_gmm_model",
    "read_int_vectors",
    "read_kaldi_model",
    "read_matrices",
    "read_matrix",
    "read_posteriors",
    "read_transition_model",
    "read_vectors",
    "read_waves",
    "screen_specifier",
    "transition_model",
    "write_gmm_model",
    "write_int_vectors",
    "write_kaldi_model",
    "write_matrices",
    "write_matrix",
    "write_posteriors",
    "write_transition_model",
    "write_vectors",
]
