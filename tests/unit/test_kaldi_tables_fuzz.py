"""Damaged tables: one line for each, and no more memory than their size."""

from __future__ import annotations

import gzip
import logging
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.errors import InputError
from kws.kaldi import (
    CompressionMethod,
    read_int_vectors,
    read_matrices,
    read_posteriors,
    read_vectors,
    read_waves,
    write_int_vectors,
    write_matrices,
    write_posteriors,
    write_vectors,
)

Reader = Callable[[str], Iterator[tuple[str, Any]]]
WAV = (Path(__file__).parents[1] / "golden" / "edge" / "short20ms.wav").read_bytes()
PIECES = (
    b"\0B FM |DM |CM |CM2 |CM3 |FV |DV |SM |[|]|[ ]|\n|\r\n| |\t|nan|-inf|1e999|+1|0x1|;|k ".split(
        b"|"
    )
)
SIZES = [b"\4\xff\xff\xff\x7f", b"\4\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"RIFF\xff\xff\xff\xff"]


@pytest.fixture(scope="module", autouse=True)
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[Reader, bytes]]]:
    """Whole archives with what reads them."""
    matrices = [np.arange(20.0).reshape(10, 2), np.zeros((0, 0))]
    vectors = [np.array([1.5, 2.0]), np.zeros(0, dtype=np.float32)]
    kinds: list[tuple[Reader, Any, list[Any]]] = [
        (read_matrices, write_matrices, matrices),
        (read_vectors, write_vectors, vectors),
        (read_int_vectors, write_int_vectors, [[1, 2, 3], []]),
        (read_posteriors, write_posteriors, [[[(1, 0.5), (2, 0.5)], []], []]),
    ]
    found: list[tuple[Reader, bytes]] = [(read_waves, b"a " + WAV + b"b " + WAV)]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("fuzz"))
        writings = [
            (read, write(f"{form}:x"), values)
            for read, write, values in kinds
            for form in ("ark", "ark,t")
        ]
        for method in CompressionMethod:
            writings.append((read_matrices, write_matrices("ark:x", compression=method), matrices))
        for read, writing, values in writings:
            with writing as writer:
                for number, value in enumerate(values):
                    writer.write(f"k{number}", value)
            found.append((read, Path("x").read_bytes()))
        logging.disable(logging.WARNING)
        yield found
        logging.disable(logging.NOTSET)


@st.composite
def damages(draw: st.DrawFn) -> list[tuple[int, int, bytes]]:
    """Per damage where it is, in thousandths, how many bytes go and what comes in their place."""
    piece = st.sampled_from([*PIECES, *SIZES]) | st.binary(max_size=3)
    return draw(
        st.lists(
            st.tuples(st.integers(0, 1000), st.sampled_from([0, 0, 1, 4, 9, 10**6]), piece),
            min_size=1,
            max_size=4,
        )
    )


def damaged(content: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for where, size, piece in changes:
        start = len(content) * where // 1000
        content = content[:start] + piece + content[start + size :]
    return content


def assert_one_line(read: Reader, rspecifier: str) -> None:
    try:
        for key, _ in read(rspecifier):
            assert key.isprintable()
    except InputError as error:
        assert len(str(error).splitlines()) == 1


@settings(max_examples=400, deadline=None)
@given(data=st.data(), changes=damages())
def test_a_damaged_archive_is_one_line(
    seeds: list[tuple[Reader, bytes]], data: st.DataObject, changes: list[tuple[int, int, bytes]]
) -> None:
    read, whole = data.draw(st.sampled_from(seeds))
    content = damaged(whole, changes)
    Path("x.ark").write_bytes(content)
    assert_one_line(read, "ark:x.ark")
    Path("x.ark.gz").write_bytes(damaged(gzip.compress(whole), changes))
    assert_one_line(read, "ark:x.ark.gz")
    Path("x.scp").write_text(f"a x.ark:{data.draw(st.integers(0, len(content) + 1))}[0:1]\n")
    assert_one_line(read, "scp:x.scp")


@settings(max_examples=200, deadline=None)
@given(damages())
def test_a_damaged_scp_is_one_line(changes: list[tuple[int, int, bytes]]) -> None:
    Path("x.ark").write_bytes(b"k  [ 1 2 ]\n")
    scp = damaged(b"k0 x.ark:2[0:0]\nk1 x.ark:2\nk2 y.ark:4\n", changes)
    Path("x.scp").write_bytes(scp.replace(b"|", b"!"))
    for rspecifier in ("scp:x.scp", "scp,p:x.scp"):
        assert_one_line(read_matrices, rspecifier)


@pytest.mark.parametrize(
    ("read", "start"),
    [
        (read_matrices, b"\0BFM \4\xff\xff\xff\x7f\4\xff\xff\xff\x7f"),
        (read_matrices, b"\0BDM \4\xff\xff\xff\x7f\4\xff\xff\xff\x7f"),
        (read_matrices, b"\0BCM " + bytes(8) + b"\xff\xff\xff\x7f" * 2),
        (read_matrices, b"\0BCM2 " + bytes(8) + b"\xff\xff\xff\x7f" * 2),
        (read_matrices, b"\0BCM3 " + bytes(8) + b"\xff\xff\xff\x7f" * 2),
        (read_vectors, b"\0BDV \4\xff\xff\xff\x7f"),
        (read_int_vectors, b"\0B\4\xff\xff\xff\x7f"),
        (read_posteriors, b"\0B\4\xff\xff\xff\x7f\4\xff\xff\xff\x7f"),
        (read_waves, b"RIFF\xff\xff\xff\xff"),
    ],
)
def test_a_size_that_a_file_claims_costs_nothing(read: Reader, start: bytes) -> None:
    Path("x.ark").write_bytes(b"k " + start + bytes(3_000_000))
    tracemalloc.start()
    with pytest.raises(InputError, match=r"^ark:x\.ark: k: ends too early \(cut short\?\)"):
        list(read("ark:x.ark"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200_000
