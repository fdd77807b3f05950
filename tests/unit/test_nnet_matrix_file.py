"""Matrix and vector files that configs name: Kaldi's text and binary forms, and what is none."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from kws.config import ConfigError, ConfigLine
from kws.nnet.matrix_file import read_matrix, read_vector

LINE = ConfigLine("AffineComponent", (), "net.config:3")


def binary(kind: bytes, rows: int, columns: int, values: bytes) -> bytes:
    return b"\0B" + kind + b" " + struct.pack("<bibi", 4, rows, 4, columns) + values


@pytest.mark.parametrize(
    "content",
    [
        b" [\n  1 2 \n  3 4.5 ]\n",
        b"[ 1 2 ; 3 4.5 ]",
        b"[\n1 2\n3 4.5\n]\n",
        binary(b"FM", 2, 2, struct.pack("<4f", 1, 2, 3, 4.5)),
        binary(b"DM", 2, 2, struct.pack("<4d", 1, 2, 3, 4.5)),
    ],
)
def test_matrix_is_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m"
    path.write_bytes(content)
    assert read_matrix(LINE, str(path)).tolist() == [[1.0, 2.0], [3.0, 4.5]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "its text does not stand between [ and ]"),
        (b"[ ]", "it is empty"),
        (b"[ 1 2\n3 ]", "its rows differ in length"),
        (b"1 2\n3 4", "its text does not stand between [ and ]"),
        (b"[ 1 x ]", "could not convert string to float: 'x'"),
        (b"[ 1 nan ]", "it holds values that are not finite"),
        (binary(b"FV", 1, 1, b"...."), "its type is not FM or DM; convert it with copy-matrix"),
        (binary(b"CM", 1, 1, b"...."), "its type is not FM or DM; convert it with copy-matrix"),
        (binary(b"FM", 2, 2, b"...."), "2 x 2 values do not fit its 17 bytes"),
        (binary(b"FM", -2, -2, b"." * 16), "-2 x -2 values do not fit its 29 bytes"),
    ],
)
def test_what_is_no_matrix(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "m"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_matrix(LINE, str(path))
    assert str(caught.value) == (
        f"net.config:3: AffineComponent: matrix={path}: not a Kaldi matrix ({reason})"
    )


def test_commands_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="No such file"):
        read_matrix(LINE, "touch${IFS}made|")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [2, 4, 9, 12])
def test_truncated_header(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "m"
    path.write_bytes(binary(b"FM", 1, 1, b"....")[:cut])
    with pytest.raises(ConfigError, match="not a Kaldi matrix"):
        read_matrix(LINE, str(path))


def binary_vector(kind: bytes, dim: int, values: bytes) -> bytes:
    return b"\0B" + kind + b" " + struct.pack("<bi", 4, dim) + values


@pytest.mark.parametrize(
    "content",
    [
        b" [ 1 2 4.5 ]\n",
        binary_vector(b"FV", 3, struct.pack("<3f", 1, 2, 4.5)),
        binary_vector(b"DV", 3, struct.pack("<3d", 1, 2, 4.5)),
    ],
)
def test_vector_is_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "v"
    path.write_bytes(content)
    assert read_vector(LINE, "bias", str(path)).tolist() == [1.0, 2.0, 4.5]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[ 1 2\n3 4 ]", "it has more than one row"),
        (b"[ ]", "it is empty"),
        (b"[ 1 inf ]", "it holds values that are not finite"),
        (binary_vector(b"FV", 2, b"...."), "2 values do not fit its 12 bytes"),
        (binary_vector(b"FV", 0, b""), "0 values do not fit its 8 bytes"),
        (binary_vector(b"FM", 1, b"...."), "its type is not FV or DV; convert it with copy-vector"),
    ],
)
def test_what_is_no_vector(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "v"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_vector(LINE, "bias", str(path))
    assert str(caught.value) == (
        f"net.config:3: AffineComponent: bias={path}: not a Kaldi vector ({reason})"
    )
