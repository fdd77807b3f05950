"""Kaldi's own files: tables (ark, scp), matrices and nnet2 models."""

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
    MatrixWriter,
    read_matrices,
    read_matrix,
    read_waves,
    write_matrices,
    write_matrix,
)
from kws.kaldi.transitions import TransitionModel

__all__ = [
    "KaldiComponent",
    "KaldiModel",
    "MatrixWriter",
    "Specifier",
    "TransitionModel",
    "format_kaldi_model",
    "is_kaldi_model",
    "is_specifier",
    "parse_kaldi_model",
    "parse_specifier",
    "read_kaldi_model",
    "read_matrices",
    "read_matrix",
    "read_transition_model",
    "read_waves",
    "screen_specifier",
    "write_kaldi_model",
    "write_matrices",
    "write_matrix",
]
