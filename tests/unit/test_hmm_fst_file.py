"""Files of FSTs, whole and damaged."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from kws.errors import InputError
from kws.hmm import (
    Decoder,
    PhoneModel,
    decoding_graph,
    estimate_ngrams,
    grammar_fst,
    phone_symbols,
    read_graph,
    topology_text,
    write_fst,
)
from kws.hmm.packages import kaldi_package


@pytest.fixture(scope="module")
def model() -> PhoneModel:
    return PhoneModel(topology_text([1, 2]))


@pytest.fixture
def path(tmp_path: Path, model: PhoneModel) -> Path:
    """HCLG.fst of two phones."""
    symbols = phone_symbols([["a", "b"]])
    ngrams = estimate_ngrams([["a", "b"], ["b", "a", "b"], ["a"]])
    graph = decoding_graph(model, grammar_fst(ngrams, symbols), symbols)
    write_fst(tmp_path / "HCLG.fst", graph)
    return tmp_path / "HCLG.fst"


def test_a_graph_is_read_as_it_was_written(tmp_path: Path, path: Path) -> None:
    write_fst(tmp_path / "again.fst", read_graph(path))
    assert (tmp_path / "again.fst").read_bytes() == path.read_bytes()


def test_it_is_openfsts_form(tmp_path: Path) -> None:
    kaldifst = kaldi_package("kaldifst")
    fst = kaldifst.compile("0 1 3 4 0.5\n1 0.25\n")
    write_fst(tmp_path / "a.fst", fst)
    content = (tmp_path / "a.fst").read_bytes()
    assert content[-40:] == struct.pack("<fqiifi fq", np.inf, 1, 3, 4, 0.5, 1, 0.25, 0)
    assert read_graph(tmp_path / "a.fst").to_str() == fst.to_str()


def test_a_damaged_graph_is_told(path: Path, model: PhoneModel) -> None:
    """Cut short or with bytes changed: refused, or a graph that can be searched."""
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    refused = 0
    for number in range(300):
        content = bytearray(whole[: random.integers(len(whole))] if number % 3 == 0 else whole)
        for _ in range(3 if len(content) == len(whole) else 0):
            content[random.integers(len(content))] = random.integers(256)
        path.write_bytes(content)
        try:
            lattice = Decoder(read_graph(path), model).decode(np.zeros((9, 6)))
            assert lattice is None or len(lattice.best(3).ids) == 9
        except InputError:
            refused += 1
    assert refused > 150


HEADER = 26  # bytes of the magic number and the two names


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (0, b"\0", "is not an FST of type vector; give an HCLG.fst"),
        (8, b"const ", "is not an FST of type vector"),
        (HEADER + 4, struct.pack("<i", 1), "with tables of symbols of its own"),
        (HEADER + 16, struct.pack("<q", 10**9), "that is damaged or empty; make the graph again"),
        (HEADER + 24, struct.pack("<q", 0), "that is damaged or empty"),
        (HEADER + 24, struct.pack("<q", 1), "an FST that is damaged"),
        (HEADER + 24, struct.pack("<q", 2**62), "that is damaged or empty"),
        (HEADER + 44, struct.pack("<q", 2**60), "that is cut short"),
        (HEADER + 44, struct.pack("<q", -1), "that is cut short"),
        (HEADER + 40, struct.pack("<f", np.nan), "an FST that is damaged"),
        (HEADER + 52, struct.pack("<i", -1), "an FST that is damaged"),
        (HEADER + 60, struct.pack("<f", np.inf), "an FST that is damaged"),
        (HEADER + 64, struct.pack("<i", 10**6), "an FST that is damaged"),
    ],
)
def test_what_a_file_claims_is_checked(path: Path, offset: int, value: bytes, message: str) -> None:
    content = bytearray(path.read_bytes())
    content[offset : offset + len(value)] = value
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_graph(path)


def test_nothing_may_follow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(InputError, match="an FST with something behind it; make the graph again"):
        read_graph(path)
