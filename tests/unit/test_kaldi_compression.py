from __future__ import annotations

from pathlib import Path

import kaldi_native_io
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from kws.errors import InputError
from kws.kaldi import CompressionMethod, read_matrices, write_matrices

METHODS = kaldi_native_io.CompressionMethod.__members__


@pytest.fixture(scope="module", autouse=True)
def _in_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("compression"))
        yield


def assert_as_kaldi(matrix: np.ndarray) -> None:
    """Every method writes kaldi_native_io's bytes, and reads its values from them."""
    for method, theirs in zip(CompressionMethod, METHODS.values(), strict=True):
        with write_matrices("ark:x.ark", compression=method) as writer:
            writer.write("a", matrix)
        with kaldi_native_io.CompressedMatrixWriter("ark:y.ark") as compressed:
            compressed.write("a", matrix, method=theirs)
        assert Path("x.ark").read_bytes() == Path("y.ark").read_bytes(), method
        ((_, found),) = read_matrices("ark:x.ark")
        with kaldi_native_io.SequentialFloatMatrixReader("ark:y.ark") as reader:
            ((_, expected),) = ((key, value.copy()) for key, value in reader)
        assert np.array_equal(found, expected), method


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 8, 9, 300])
def test_every_number_of_rows_is_compressed_as_kaldi_does(rows: int) -> None:
    random = np.random.default_rng(rows)
    assert_as_kaldi((10 * random.standard_normal((rows, 7))).astype(np.float32))


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 12), st.integers(1, 3)),
        elements=st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False)
        | st.sampled_from([0.0, 1.0, 255.0, -32768.0, 1e-30])
        # a span far below the values: percentiles coincide as floats
        | st.floats(1e6, 1e6 + 2, width=32),
    )
)
def test_odd_matrices_are_compressed_as_kaldi_does(matrix: np.ndarray) -> None:
    assert_as_kaldi(matrix)


def test_an_empty_matrix_and_one_of_doubles() -> None:
    with write_matrices("ark:x.ark", compression=CompressionMethod.AUTOMATIC) as writer:
        writer.write("a", np.zeros((0, 0)))
        writer.write("b", np.array([[1 / 3, 2.0]]))
    assert Path("x.ark").read_bytes().startswith(b"a \0BCM " + bytes(16) + b"b \0BCM2 ")
    found = dict(read_matrices("ark:x.ark"))
    assert found["a"].shape == (0, 0)
    assert found["b"] == pytest.approx(np.array([[1 / 3, 2.0]]), abs=2 / 65535)


def test_text_holds_what_is_left_of_the_values() -> None:
    # 0.1 * 255 + 0.499 is just below 26
    matrix = np.array([[0.1, 0.9, 0.5]], dtype=np.float32)
    with write_matrices("ark,t:x.ark", compression=CompressionMethod.ONE_BYTE_ZERO_ONE) as writer:
        writer.write("a", matrix)
    assert Path("x.ark").read_text() == "a  [\n  0.09803922 0.8980393 0.4980392 ]\n"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "x.ark: a: holds NaN or infinite values, which cannot be compressed"),
        (float("inf"), "x.ark: a: holds NaN or infinite values, which cannot be compressed"),
        (3.4e38, "x.ark: a: has values from -3.4e+38 to 3.4e+38, a span too large to compress"),
    ],
)
def test_what_cannot_be_compressed(value: float, message: str) -> None:
    Path("x.ark").unlink(missing_ok=True)
    with (
        pytest.raises(InputError) as caught,
        write_matrices("ark:x.ark", compression=CompressionMethod.AUTOMATIC) as writer,
    ):
        writer.write("a", np.array([[value, -3.4e38]]))
    assert str(caught.value) == message
    assert not Path("x.ark").exists()


@pytest.mark.parametrize("token", [b"CM", b"CM2", b"CM3"])
@pytest.mark.parametrize("size", [(2**31 - 1, 2**31 - 1), (-1, 2), (0, 5)])
def test_a_damaged_header_is_one_line(token: bytes, size: tuple[int, int]) -> None:
    sizes = b"".join(number.to_bytes(4, "little", signed=True) for number in size)
    Path("x.ark").write_bytes(b"a \0B" + token + b" " + bytes(8) + sizes + bytes(40))
    with pytest.raises(InputError, match=r"^ark:x\.ark: a: (ends too early|says that it has)"):
        list(read_matrices("ark:x.ark"))
