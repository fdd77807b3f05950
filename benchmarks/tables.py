"""How long tables of 100 MB take to write and to read, beside kaldi_native_io, on one core.

    python benchmarks/tables.py

Both take turns on the same 800 matrices of 800 x 40 (text: a tenth of them); printed is the best of
the rounds, processor time, files in the page cache.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from typing import Annotated

import kaldi_native_io
import numpy as np
import numpy.typing as npt
import typer

from kws.kaldi import CompressionMethod, read_matrices, write_matrices

Matrices = list[npt.NDArray[np.float32]]


def write(matrices: Matrices, wspecifier: str, method: CompressionMethod | None = None) -> None:
    with write_matrices(wspecifier, compression=method) as writer:
        for number, matrix in enumerate(matrices):
            writer.write(f"u{number}", matrix)


def write_by_library(matrices: Matrices, wspecifier: str) -> None:
    with kaldi_native_io.FloatMatrixWriter(wspecifier) as writer:
        for number, matrix in enumerate(matrices):
            writer.write(f"u{number}", matrix)


def compress_by_library(matrices: Matrices, wspecifier: str) -> None:
    method = kaldi_native_io.CompressionMethod.kSpeechFeature
    with kaldi_native_io.CompressedMatrixWriter(wspecifier) as writer:
        for number, matrix in enumerate(matrices):
            writer.write(f"u{number}", matrix, method=method)


def read(rspecifier: str) -> None:
    for _ in read_matrices(rspecifier):
        pass


def read_by_library(rspecifier: str) -> None:
    with kaldi_native_io.SequentialFloatMatrixReader(rspecifier) as reader:
        for _, matrix in reader:
            matrix.copy()  # without it the matrix is gone with the next one


def cases(matrices: Matrices) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
    """What is measured, by kws and by the library; the earlier make the files of the later."""
    few, speech = matrices[: len(matrices) // 10], CompressionMethod.SPEECH_FEATURE
    return {
        "write ark,scp": (
            lambda: write(matrices, "ark,scp:k.ark,k.scp"),
            lambda: write_by_library(matrices, "ark,scp:l.ark,l.scp"),
        ),
        "read ark": (lambda: read("ark:k.ark"), lambda: read_by_library("ark:l.ark")),
        "read scp": (lambda: read("scp:k.scp"), lambda: read_by_library("scp:l.scp")),
        "write compressed": (
            lambda: write(matrices, "ark:kc.ark", speech),
            lambda: compress_by_library(matrices, "ark:lc.ark"),
        ),
        "read compressed": (lambda: read("ark:kc.ark"), lambda: read_by_library("ark:lc.ark")),
        "write text": (
            lambda: write(few, "ark,t:kt.ark"),
            lambda: write_by_library(few, "ark,t:lt.ark"),
        ),
        "read text": (lambda: read("ark:kt.ark"), lambda: read_by_library("ark:lt.ark")),
    }


def seconds(program: Callable[[], None]) -> float:
    start = time.process_time()
    program()
    return time.process_time() - start


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Times that each takes its turn.")] = 5,
    count: Annotated[int, typer.Option(min=10, help="Matrices of 800 x 40.")] = 800,
) -> None:
    random = np.random.default_rng(0)
    matrices = [random.standard_normal((800, 40)).astype(np.float32) for _ in range(count)]
    size = sum(matrix.nbytes for matrix in matrices) / 1e6
    print(f"{size:.0f} MB | kws | kaldi_native_io | ratio")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, programs in cases(matrices).items():
            ours, theirs = (
                min(taken)
                for taken in zip(
                    *([seconds(program) for program in programs] for _ in range(rounds)),
                    strict=True,
                )
            )
            print(f"{name} | {ours * 1e3:.0f} ms | {theirs * 1e3:.0f} ms | {ours / theirs:.2f}")
        os.chdir("/")


if __name__ == "__main__":
    typer.run(main)
