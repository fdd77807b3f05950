"""Kaldi's own files: tables (ark, scp) and matrices."""

from kws.kaldi.specifiers import Specifier, is_specifier, parse_specifier, screen_specifier
from kws.kaldi.tables import (
    MatrixWriter,
    read_matrices,
    read_matrix,
    read_waves,
    write_matrices,
    write_matrix,
)

__all__ = [
    "MatrixWriter",
    "Specifier",
    "is_specifier",
    "parse_specifier",
    "read_matrices",
    "read_matrix",
    "read_waves",
    "screen_specifier",
    "write_matrices",
    "write_matrix",
]
