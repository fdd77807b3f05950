"""Data dirs, word times and what is made of them."""

from kws.data.ctm import Word, read_ctm, read_wrd_phn, write_ctm
from kws.data.data_dir import (
    NO_TRANSCRIPT,
    DataDir,
    Utterance,
    read_data_dir,
)
from kws.data.hashing import hash_of
from kws.data.licences import licence_files
from kws.data.text import keyword_spans, keywords_in
from kws.data.writing import write_data_dir

__all__ = [
    "NO_TRANSCRIPT",
    "DataDir",
    "Utterance",
    "Word",
    "hash_of",
    "keyword_spans",
    "keywords_in",
    "licence_files",
    "read_ctm",
    "read_data_dir",
    "read_wrd_phn",
    "write_ctm",
    "write_data_dir",
]
