from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kaldi_native_io
import numpy as np
import pytest

from kws.errors import InputError
from kws.kaldi import (
    read_int_vectors,
    read_posteriors,
    read_vectors,
    write_int_vectors,
    write_posteriors,
    write_vectors,
)

INTS = {"a": [1, -2, 2**31 - 1], "empty": [], "c": [-(2**31)]}
FLOATS = {"a": [1.5, -2.25, 1e-7], "empty": [], "c": [3e8]}
POSTERIORS = {"a": [[(3, 0.25), (8, 0.75)], [], [(0, 1.0)]], "empty": [], "c": [[(1, -0.5)]]}

KINDS = {
    "ints": (
        write_int_vectors,
        read_int_vectors,
        INTS,
        kaldi_native_io.Int32VectorWriter,
        kaldi_native_io.SequentialInt32VectorReader,
    ),
    "floats": (
        write_vectors,
        read_vectors,
        {key: np.array(values, dtype=np.float32) for key, values in FLOATS.items()},
        kaldi_native_io.FloatVectorWriter,
        kaldi_native_io.SequentialFloatVectorReader,
    ),
    "doubles": (
        write_vectors,
        read_vectors,
        {key: np.array(values) for key, values in FLOATS.items()},
        kaldi_native_io.DoubleVectorWriter,
        kaldi_native_io.SequentialDoubleVectorReader,
    ),
    "posteriors": (
        write_posteriors,
        read_posteriors,
        POSTERIORS,
        kaldi_native_io.PosteriorWriter,
        kaldi_native_io.SequentialPosteriorReader,
    ),
}


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def plain(value: Any) -> Any:
    """A vector (its numbers as float32) or posteriors as lists that can be compared."""
    if isinstance(value, np.ndarray):
        return value.astype(np.float32 if value.dtype.kind == "f" else np.int64).tolist()
    return [plain(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("options", ["ark", "ark,t"])
@pytest.mark.parametrize("kind", KINDS)
def test_round_trip_with_kaldi_native_io(kind: str, options: str) -> None:
    write, read, values, their_writer, their_reader = KINDS[kind]
    with write(f"{options},scp:x.ark,x.scp") as writer:
        for key, value in values.items():
            writer.write(key, value)
    with their_writer(f"{options},scp:y.ark,y.scp") as theirs:
        for key, value in values.items():
            theirs.write(key, value)
    assert Path("x.ark").read_bytes() == Path("y.ark").read_bytes()
    assert Path("x.scp").read_text().replace("x.ark", "y.ark") == Path("y.scp").read_text()
    expected = {key: plain(value) for key, value in values.items()}
    for name in ("ark:x.ark", "scp:x.scp"):
        found = dict(read(name))
        assert list(found) == list(values)
        assert {key: plain(value) for key, value in found.items()} == expected
        with their_reader(name) as reader:
            again = {key: plain(value.copy()) for key, value in reader}
        assert again == expected


def test_what_is_read_has_the_wanted_type() -> None:
    with write_vectors("ark:x.ark") as writer:
        writer.write("a", np.array([1 / 3, 1e300]))
    (double,) = (vector for _, vector in read_vectors("ark:x.ark", dtype=np.float64))
    assert double.tolist() == [1 / 3, 1e300]
    (single,) = (vector for _, vector in read_vectors("ark:x.ark"))
    assert single.dtype == np.float32
    assert single.tolist() == [float(np.float32(1 / 3)), float("inf")]
    with write_int_vectors("ark:i.ark") as ints:
        ints.write("a", [1, 2])
    (found,) = (vector for _, vector in read_int_vectors("ark:i.ark"))
    assert found.dtype == np.int32
    found[0] = 7  # what is read can be written to


def test_a_range_of_an_entry() -> None:
    with write_int_vectors("ark:x.ark") as writer:
        writer.write("a", range(10))
    with write_posteriors("ark:p.ark") as posteriors:
        posteriors.write("a", POSTERIORS["a"])
    Path("x.scp").write_text("b x.ark:2[3:5]\nc x.ark:2[:]\n")
    assert {k: v.tolist() for k, v in read_int_vectors("scp:x.scp")} == {
        "b": [3, 4, 5],
        "c": list(range(10)),
    }
    Path("x.scp").write_text("b p.ark:2[0:1]\n")
    assert dict(read_posteriors("scp:x.scp")) == {"b": POSTERIORS["a"][:2]}
    Path("x.scp").write_text("b x.ark:2[3:5,0:1]\n")
    with pytest.raises(InputError, match=re.escape("[3:5,0:1] is not a range of 10 values")):
        list(read_int_vectors("scp:x.scp"))


def test_weights_of_posteriors_may_begin_with_a_plus_or_a_point() -> None:
    """Which numbers of vectors and matrices may not: another function of Kaldi's reads them."""
    Path("x.ark").write_text("a [ +1 .5 2 +.25 ] [ ]\n")
    assert dict(read_posteriors("ark:x.ark")) == {"a": [[(1, 0.5), (2, 0.25)], []]}
    with kaldi_native_io.SequentialPosteriorReader("ark:x.ark") as reader:
        assert dict(reader) == {"a": [[(1, 0.5), (2, 0.25)], []]}


@pytest.mark.parametrize("value", [[2**31], [0.5], [float("nan")]])
def test_what_no_whole_number_of_32_bits_holds_is_not_written(value: list[float]) -> None:
    with (
        pytest.raises(InputError, match=r"^x\.ark: a: holds values that are no whole numbers"),
        write_int_vectors("ark:x.ark") as writer,
    ):
        writer.write("a", value)
    assert not Path("x.ark").exists()


WRONG: list[tuple[Callable[..., Any], bytes, str]] = [
    (read_int_vectors, b"a 1 x\n", "a: has 'x' where a whole number must be"),
    (read_int_vectors, b"a 2147483648\n", "a: has '2147483648' where a whole number must be"),
    (read_int_vectors, b"a \0B\4\2\0\0\0\4\1\0\0\0", "a: ends too early (cut short?)"),
    (read_int_vectors, b"a \0B\4\1\0\0\0\5\1\0\0\0", "a: is no vector of whole numbers"),
    (read_int_vectors, b"a \0B\4\xff\xff\xff\x7f", "a: ends too early (cut short?)"),
    (read_int_vectors, b"a \0B\4\xff\xff\xff\xff", "a: has a damaged header"),
    (read_int_vectors, b"a \0C", "a: is neither binary nor text"),
    (read_vectors, b"a [ 1\n2 ]\n", "a: goes on in a second line, as a matrix does"),
    (read_vectors, b"a [ 1 nan]\n", "a: has 'nan]' where a number must be"),
    (read_vectors, b"a []x\n", "a: has '[]x' where a vector"),
    (read_vectors, b"a 1 2 ]\n", "a: has '1 2 ]' where a vector, `[ ... ]`, must be"),
    (read_vectors, b"a \0BFM \4", "a: holds an object of type 'FM', not a vector"),
    (read_vectors, b"a \0BFV \4\xff\xff\xff\x7f", "a: ends too early (cut short?)"),
    (read_posteriors, b"a [ 1 0.5 ] x\n", "a: has 'x' after the last ]"),
    (read_posteriors, b"a [ 1 0.5\n", "a: has '[ 1 0.5' after the last ]"),
    (read_posteriors, b"a [ 1 ]\n", "a: has no `[ index weight ... ]` where a frame's"),
    (read_posteriors, b"a []\n", "a: has no `[ index weight ... ]` where a frame's"),
    (read_posteriors, b"a 1 0.5 ]\n", "a: has no `[ index weight ... ]` where a frame's"),
    (read_posteriors, b"a [ 1 inf ]\n", "a: has 'inf' where a number must be"),
    (read_posteriors, b"a [ 1 1e39 ]\n", "a: has '1e39', which is too large"),
    (read_posteriors, b"a [ 1 y ]\n", "a: has 'y' where a number must be"),
    (read_posteriors, b"a \0B\4\1\0\0\0\4\2\0\0\0\4", "a: ends too early (cut short?)"),
    (read_posteriors, b"a \0B\4\1\0\0\0\4\1\0\0\0\4\1\0\0\0\5....", "a: holds no posteriors"),
]


@pytest.mark.parametrize(("read", "content", "message"), WRONG)
def test_what_is_none(read: Callable[..., Any], content: bytes, message: str) -> None:
    Path("x.ark").write_bytes(content)
    with pytest.raises(InputError, match=rf"^ark:x\.ark: {re.escape(message)}") as caught:
        list(read("ark:x.ark"))
    assert "\n" not in str(caught.value)


def test_a_permissive_archive_ends_where_it_is_damaged(caplog: pytest.LogCaptureFixture) -> None:
    Path("x.ark").write_text("a 1 2\nb 1 x\nc 3\n")
    found = {key: vector.tolist() for key, vector in read_int_vectors("ark,p:x.ark")}
    assert found == {"a": [1, 2]}
    assert "b: has 'x' where a whole number must be" in caplog.text
    assert "the rest is left out" in caplog.text
