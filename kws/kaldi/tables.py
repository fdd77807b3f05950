"""Kaldi's tables: archives (ark) and scripts (scp), by specifiers such as `scp:feats.scp`.

Everything is read and written here, in Python: what ends in `|` (a command) runs only where the
caller allows it, an archive that is cut short is an error and not a shorter table, and a file
takes its name only when it is whole.
"""

from __future__ import annotations

import io
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from kws.audio import Waveform, read_audio
from kws.errors import InputError
from kws.files import atomic_path, named
from kws.kaldi.matrices import (
    FormatError,
    Matrix,
    binary_matrix,
    read_matrix_object,
    text_matrix,
)
from kws.kaldi.specifiers import Specifier, is_command, screen_command, screen_specifier
from kws.kaldi.streams import input_of, opened

logger = logging.getLogger(__name__)


def read_matrices(
    rspecifier: str, *, allow_commands: bool = False, dtype: npt.DTypeLike = np.float32
) -> Iterator[tuple[str, Matrix]]:
    """The matrices of a table, in its order.

    Args:
        rspecifier: `ark:FILE` or `scp:FILE`, with options; `-` is standard input. With `p`,
            entries of an scp that cannot be read are left out with a warning.
        allow_commands: let files be commands (`gunzip -c feats.gz |`).
        dtype: of the matrices.

    Yields:
        key, matrix (rows, columns)

    Raises:
        InputError: names the table, the key and what is wrong with it.
    """
    specifier = screen_specifier(rspecifier, allow_commands=allow_commands)
    if "ark" in specifier.files:
        objects = _archive(specifier.files["ark"], rspecifier, read_matrix_object)
    else:
        objects = _script(specifier, allow_commands, _matrix_at)
    for key, matrix in objects:
        yield key, np.asarray(matrix, dtype=dtype)


def read_waves(
    rspecifier: str, *, sample_rate: int | None = None, allow_commands: bool = False
) -> Iterator[tuple[str, Waveform]]:
    """The waveforms of a table: an scp of sound files (any that libsndfile reads), or an archive.

    Args:
        rspecifier: as for `read_matrices`.
        sample_rate: convert to this rate in Hz; None: keep each file's.
        allow_commands: let files be commands (`sox a.mp3 -t wav - |`).
    """
    specifier = screen_specifier(rspecifier, allow_commands=allow_commands)
    if "ark" in specifier.files:
        for key, content in _archive(specifier.files["ark"], rspecifier, _riff):
            name = f"{rspecifier}: {key}"
            yield key, read_audio(io.BytesIO(content), sample_rate=sample_rate, name=name)
        return

    def wave_at(name: str) -> Waveform:
        path, offset = _split_offset(name)
        if not is_command(name) and offset is None:
            return read_audio(path, sample_rate=sample_rate)
        with opened(path, offset) as stream:
            content = stream.read() if offset is None else _riff(stream)
        return read_audio(io.BytesIO(content), sample_rate=sample_rate, name=name)

    yield from _script(specifier, allow_commands, wave_at)


def read_matrix(path: str | Path, dtype: npt.DTypeLike = np.float64) -> Matrix:
    """The one matrix that a file holds, binary or text.

    Raises:
        InputError: the file holds something else.
    """
    try:
        with Path(path).open("rb") as stream:
            return np.asarray(read_matrix_object(stream), dtype=dtype)
    except FormatError as error:
        raise InputError(f"{path}: {error}; a matrix in Kaldi's format is needed") from None


def write_matrix(path: str | Path, matrix: npt.ArrayLike) -> None:
    """Write one matrix to a file of its own, in binary; float64 stays so."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(binary_matrix(np.asarray(matrix)))


class MatrixWriter:
    """Writes matrices under keys to an archive, and where each begins to an scp."""

    def __init__(self, archive: BinaryIO, name: str, text: bool) -> None:
        self._archive, self._name, self._text = archive, name, text
        self._position = 0
        self.scp_lines: list[str] = []

    def write(self, key: str, matrix: npt.ArrayLike) -> None:
        """Append one matrix; an empty one stands as 0 x 0, as Kaldi writes it.

        Args:
            key: without white space.
            matrix: (rows, columns); float64 is kept, all else becomes float32.
        """
        if not key or key.split() != [key]:
            raise InputError(f"{self._name}: {key!r} is not a key; keys are one word each")
        values = np.asarray(matrix)
        if values.dtype != np.float64:
            values = values.astype(np.float32)
        values = values if values.size else values.reshape(0, 0)
        content = text_matrix(values).encode() if self._text else binary_matrix(values)
        head = key.encode() + b" "
        self._archive.write(head + content)
        self.scp_lines.append(f"{key} {self._name}:{self._position + len(head)}\n")
        self._position += len(head) + len(content)


@contextmanager
def write_matrices(
    wspecifier: str | Specifier, *, allow_commands: bool = False
) -> Iterator[MatrixWriter]:
    """Open a table for writing; its files take their names when the block succeeds.

    Args:
        wspecifier: `ark:FILE`, `ark,t:FILE` or `ark,scp:FILE,FILE`, or such a one in its parts;
            `-` is standard output.
        allow_commands: let the archive be a command that reads it (`| gzip -c > feats.gz`).
    """
    specifier = (
        wspecifier
        if isinstance(wspecifier, Specifier)
        else screen_specifier(wspecifier, allow_commands=allow_commands, writing=True)
    )
    name, script, text = (
        specifier.files["ark"],
        specifier.files.get("scp"),
        "t" in specifier.options,
    )
    if script is not None and (name == "-" or is_command(name)):
        raise InputError(f"{specifier.text}: an scp needs an archive in a file; name one")
    with ExitStack() as stack:
        script_path = stack.enter_context(atomic_path(script)) if script is not None else None
        stack.enter_context(named(name))
        if name == "-":
            archive: BinaryIO = sys.stdout.buffer
        elif is_command(name):
            archive = stack.enter_context(input_of(name, specifier.text))
        else:
            temporary = stack.enter_context(atomic_path(name))
            archive = stack.enter_context(temporary.open("wb"))
        writer = MatrixWriter(archive, name, text)
        yield writer
        archive.flush()
        if script_path is not None:
            script_path.write_text("".join(writer.scp_lines), encoding="utf-8")


def _archive(name: str, place: str, read: Any) -> Iterator[tuple[str, Any]]:
    """The keys and objects of an archive."""
    with opened(name) as stream:
        while key := _key(stream, place):
            try:
                value = read(stream)
            except FormatError as error:
                raise InputError(f"{place}: {key}: {error}; write the archive again") from None
            yield key, value


def _key(stream: BinaryIO, place: str) -> str:
    """The next key and the space after it; nothing at the end."""
    key = b""
    while (byte := stream.read(1)) not in (b"", b" ", b"\t"):
        if byte == b"\n" and not key:
            continue  # the end of the text entry before
        key += byte
        if byte == b"\n" or len(key) > 4096:
            break
    if key and byte not in (b" ", b"\t"):
        shown = key[:20].decode("latin-1")
        raise InputError(f"{place}: {shown!r} is not a key and an object; is it an archive?")
    text = key.decode("utf-8", "replace")
    if not text.isprintable() or "\ufffd" in text:
        raise InputError(f"{place}: {key[:20]!r} is not a key; is it an archive?")
    return text


def _script(specifier: Specifier, allow_commands: bool, read: Any) -> Iterator[tuple[str, Any]]:
    """The keys and objects of an scp; every line is screened before the first is read."""
    script = specifier.files["scp"]
    with opened(script) as stream:
        lines = stream.read().decode("utf-8", "replace").split("\n")
    entries = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        key, _, name = line.strip().replace("\t", " ").partition(" ")
        place = f"{script}:{number}"
        if not name.strip():
            raise InputError(f"{place}: {key!r} has no file; a line is a key and a file")
        screen_command(name, place, allow_commands=allow_commands)
        entries.append((place, key, name.strip()))
    for place, key, name in entries:
        try:
            value = read(name)
        except (InputError, FormatError, OSError) as error:
            said = f"{name}: {error.strerror}" if isinstance(error, OSError) else str(error)
            said = f"{name}: {said}" if isinstance(error, FormatError) else said
            if "p" not in specifier.options:
                raise InputError(f"{place}: {key}: {said}") from None
            logger.warning("%s: %s: %s; left out", place, key, said)
            continue
        yield key, value


def _matrix_at(name: str) -> Matrix:
    """The matrix at `file`, `file:offset` or either with `[rows,columns]` behind it."""
    ranged = re.fullmatch(r"(.*)\[([^\]]*)\]", name)
    path, offset = _split_offset(ranged[1] if ranged else name)
    with opened(path, offset) as stream:
        matrix = read_matrix_object(stream)
    return matrix if ranged is None else _cut(matrix, ranged[2])


def _cut(matrix: Matrix, text: str) -> Matrix:
    """Kaldi's `[first:last,first:last]`, both ends inclusive; `:` takes all."""
    parts = text.split(",")
    slices = []
    for part, size in zip(parts, matrix.shape, strict=False):
        bounds = re.fullmatch(r"(\d+):(\d+)", part)
        first, last = (int(bounds[1]), int(bounds[2])) if bounds else (0, size - 1)
        if (bounds is None and part != ":") or not first <= last < size or len(parts) > 2:
            raise FormatError(
                f"[{text}] is not a range of a matrix of {matrix.shape[0]} rows and "
                f"{matrix.shape[1]} columns"
            )
        slices.append(slice(first, last + 1))
    return matrix[tuple(slices)]


def _split_offset(name: str) -> tuple[str, int | None]:
    found = re.fullmatch(r"(.+):(\d+)", name)
    return (found[1], int(found[2])) if found and not Path(name).exists() else (name, None)


def _riff(stream: BinaryIO) -> bytes:
    """The RIFF file at which `stream` stands."""
    head = stream.read(8)
    if head[:4] not in (b"RIFF", b"RIFX") or len(head) < 8:
        raise FormatError("is not a wav")
    size = int.from_bytes(head[4:], "little" if head[:4] == b"RIFF" else "big")
    body = stream.read(size)
    if len(body) < size:
        raise FormatError("ends in the middle of a wav (cut short?)")
    return head + body
