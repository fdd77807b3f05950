"""Kaldi's tables: archives (ark) and scripts (scp), by specifiers such as `scp:feats.scp`.

Everything is read and written here, in Python: what ends in `|` (a command) runs only where the
caller allows it, an archive that is cut short is an error and not a shorter table, and a file
takes its name only when it is whole.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from kws.errors import InputError
from kws.files import atomic_path
from kws.kaldi.archives import Form, Reader, TableWriter, read_archive
from kws.kaldi.compression import CompressionMethod, compressed_matrix
from kws.kaldi.matrices import Matrix, binary_matrix, read_matrix_object, text_matrix
from kws.kaldi.reading import FormatError
from kws.kaldi.scripts import read_object_at, read_script
from kws.kaldi.specifiers import Specifier, is_command, screen_command, screen_specifier
from kws.kaldi.streams import opened, to_write
from kws.kaldi.vectors import (
    Posterior,
    Vector,
    binary_int_vector,
    binary_posterior,
    binary_vector,
    read_int_vector_object,
    read_posterior_object,
    read_vector_object,
    text_int_vector,
    text_posterior,
    text_vector,
)

T = TypeVar("T")
Writing: TypeAlias = AbstractContextManager[TableWriter[T]]


def read_matrices(
    rspecifier: str, *, allow_commands: bool = False, dtype: npt.DTypeLike = np.float32
) -> Iterator[tuple[str, Matrix]]:
    """The matrices of a table, in its order.

    Args:
        rspecifier: `ark:FILE` or `scp:FILE`, with options; `-` is standard input, FILE.gz is
            unpacked. With `p`, entries of an scp that cannot be read are left out with a warning.
        allow_commands: let files be commands (`sox a.mp3 -t wav - |`).
        dtype: of the matrices.

    Yields:
        key, matrix (rows, columns)

    Raises:
        InputError: names the table, the key and what is wrong with it.
    """
    for key, matrix in _read(rspecifier, partial(read_matrix_object, dtype=dtype), allow_commands):
        yield key, _cast(matrix, dtype)


def read_vectors(
    rspecifier: str, *, allow_commands: bool = False, dtype: npt.DTypeLike = np.float32
) -> Iterator[tuple[str, Vector]]:
    """The vectors of floats or doubles of a table: key, (n,); arguments as for `read_matrices`."""
    for key, vector in _read(rspecifier, partial(read_vector_object, dtype=dtype), allow_commands):
        yield key, _cast(vector, dtype)


def read_int_vectors(
    rspecifier: str, *, allow_commands: bool = False
) -> Iterator[tuple[str, npt.NDArray[np.int32]]]:
    """The vectors of whole numbers of a table, such as alignments: key, (n,) int32."""
    yield from _read(rspecifier, read_int_vector_object, allow_commands)


def read_posteriors(
    rspecifier: str, *, allow_commands: bool = False
) -> Iterator[tuple[str, list[list[tuple[int, float]]]]]:
    """The posteriors of a table: key, and per frame its (index, weight) pairs."""
    yield from _read(rspecifier, read_posterior_object, allow_commands)


def write_matrices(
    wspecifier: str | Specifier,
    *,
    allow_commands: bool = False,
    compression: CompressionMethod | None = None,
) -> Writing[npt.ArrayLike]:
    """Open a table of matrices for writing; its files take their names when the block succeeds.

    Args:
        wspecifier: `ark:FILE`, `ark,t:FILE` or `ark,scp:FILE,FILE`, or such a one in its parts;
            `-` is standard output, FILE.gz is packed.
        allow_commands: let the archive be a command that reads it (`| ssh host tee feats.ark`).
        compression: how; None: not at all. In text what is left of the values is written.

    Returns:
        a context of a writer of matrices (rows, columns); float64 is kept, all else becomes
        float32. An empty one stands as 0 x 0, as Kaldi writes it.
    """
    form = _MATRICES if compression is None else _compressed(compression)
    return _write(wspecifier, form, allow_commands)


def write_vectors(
    wspecifier: str | Specifier, *, allow_commands: bool = False
) -> Writing[npt.ArrayLike]:
    """Open a table of vectors (n,) for writing; float64 is kept, all else becomes float32."""
    return _write(wspecifier, _VECTORS, allow_commands)


def write_int_vectors(
    wspecifier: str | Specifier, *, allow_commands: bool = False
) -> Writing[npt.ArrayLike]:
    """Open a table of vectors (n,) of whole numbers of 32 bits for writing."""
    return _write(wspecifier, _INT_VECTORS, allow_commands)


def write_posteriors(
    wspecifier: str | Specifier, *, allow_commands: bool = False
) -> Writing[Posterior]:
    """Open a table of posteriors, per frame (index, weight) pairs, for writing."""
    return _write(wspecifier, _POSTERIORS, allow_commands)


def read_matrix(path: str | Path, dtype: npt.DTypeLike = np.float64) -> Matrix:
    """The one matrix that a file holds, binary or text.

    Raises:
        InputError: the file holds something else.
    """
    screen_command(str(path), str(path), allow_commands=False)
    try:
        with opened(str(path)) as stream:
            return _cast(read_matrix_object(stream, dtype), dtype)
    except FormatError as error:
        raise InputError(f"{path}: {error}; a matrix in Kaldi's format is needed") from None


def write_matrix(path: str | Path, matrix: npt.ArrayLike) -> None:
    """Write one matrix to a file of its own, in binary; float64 stays so."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(binary_matrix(np.asarray(matrix)))


def _read(rspecifier: str, read: Reader[T], allow_commands: bool) -> Iterator[tuple[str, T]]:
    specifier = screen_specifier(rspecifier, allow_commands=allow_commands)
    if "ark" in specifier.files:
        return read_archive(specifier, read)
    read_at = partial(read_object_at, read=read)
    return read_script(specifier, read_at, allow_commands=allow_commands)


@contextmanager
def _write(
    wspecifier: str | Specifier, form: Form[T], allow_commands: bool
) -> Iterator[TableWriter[T]]:
    specifier = (
        wspecifier
        if isinstance(wspecifier, Specifier)
        else screen_specifier(wspecifier, allow_commands=allow_commands, writing=True)
    )
    name, script = specifier.files["ark"], specifier.files.get("scp")
    if script is not None and (name == "-" or is_command(name) or name.endswith(".gz")):
        raise InputError(f"{specifier.text}: an scp needs an archive in a plain file; name one")
    with ExitStack() as stack:
        script_path = stack.enter_context(atomic_path(script)) if script is not None else None
        archive = stack.enter_context(to_write(name, specifier.text))
        writer = TableWriter(archive, specifier, form)
        yield writer
        archive.flush()
        if script_path is not None:
            script_path.write_text("".join(writer.scp_lines), encoding="utf-8")


def _cast(values: Any, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    with np.errstate(over="ignore"):  # doubles that no float holds become infinite
        return np.asarray(values, dtype=dtype)


def _floats(values: npt.ArrayLike) -> Any:
    array = np.asarray(values)
    return array if array.dtype == np.float64 else array.astype(np.float32)


def _ints(values: npt.ArrayLike) -> npt.NDArray[np.int32]:
    array = np.asarray(values)
    whole = array.astype(np.int32) if array.dtype.kind in "iu" or not array.size else None
    if whole is None or (whole != array).any():
        raise FormatError("holds values that are no whole numbers of 32 bits")
    return whole


def _compressed(method: CompressionMethod) -> Form[npt.ArrayLike]:
    def text(matrix: npt.ArrayLike) -> str:
        content = io.BytesIO(compressed_matrix(matrix, method))
        return text_matrix(read_matrix_object(io.BufferedReader(content)))

    return Form(lambda matrix: compressed_matrix(matrix, method), text)


_MATRICES: Form[npt.ArrayLike] = Form(
    lambda matrix: binary_matrix(_floats(matrix)), lambda matrix: text_matrix(_floats(matrix))
)
_VECTORS: Form[npt.ArrayLike] = Form(
    lambda vector: binary_vector(_floats(vector)), lambda vector: text_vector(_floats(vector))
)
_INT_VECTORS: Form[npt.ArrayLike] = Form(
    lambda vector: binary_int_vector(_ints(vector)), lambda vector: text_int_vector(_ints(vector))
)
_POSTERIORS: Form[Posterior] = Form(binary_posterior, text_posterior)
