"""What the file names of tables open: files, gzip files, standard input and output, commands."""

from __future__ import annotations

import codecs
import gzip
import io
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from kws.errors import InputError
from kws.files import atomic_path, named
from kws.kaldi.reading import FormatError
from kws.kaldi.specifiers import is_command
from kws.shell import start_command


@contextmanager
def opened(name: str, offset: int | None = None) -> Iterator[io.BufferedReader]:
    """Open what a specifier or an scp names, to read; a text's byte order mark is passed over.

    That is a file from `offset` on, what a .gz holds, `-` (standard input) or a command's output.
    Whether a command may run is asked before (`screen_command`).

    Raises:
        InputError: the command failed.
        FormatError: the .gz is none, or damaged.
    """
    with _opened(name, offset) as stream:
        if not offset and stream.peek(3).startswith(codecs.BOM_UTF8):
            stream.read(3)
        yield stream


@contextmanager
def _opened(name: str, offset: int | None) -> Iterator[io.BufferedReader]:
    if is_command(name):
        with _output_of(name) as stream:
            yield stream
    elif name == "-":
        with _buffered(sys.stdin.buffer) as stream:
            yield stream
    elif name.endswith(".gz"):
        with Path(name).open("rb") as packed, _unpacked(packed) as stream:
            if offset:
                stream.seek(offset)
            yield stream
    else:
        with Path(name).open("rb") as stream:
            if offset:  # a pipe (<(zcat feats.gz)) has no other place to go to
                stream.seek(offset)
            yield stream


@contextmanager
def to_write(name: str, place: str) -> Iterator[BinaryIO]:
    """Open what a wspecifier names, to write; a file takes its name when the block succeeds."""
    with named(name):
        if name == "-":
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        elif is_command(name):
            with _input_of(name, place) as stream:
                yield stream
        else:
            with atomic_path(name) as temporary, temporary.open("wb") as file:
                if not name.endswith(".gz"):
                    yield file
                    return
                # no name and no time in it: the same table is the same file
                with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
                    yield cast(BinaryIO, packed)


@contextmanager
def _buffered(stream: BinaryIO) -> Iterator[io.BufferedReader]:
    """The stream as one that can be looked ahead in; it stays open."""
    if isinstance(stream, io.BufferedReader):
        yield stream
        return
    reader = io.BufferedReader(cast(io.RawIOBase, stream))
    try:
        yield cast(io.BufferedReader, reader)
    finally:
        reader.detach()


@contextmanager
def _unpacked(packed: BinaryIO) -> Iterator[io.BufferedReader]:
    with (
        gzip.GzipFile(fileobj=packed, mode="rb") as content,
        _buffered(cast(BinaryIO, content)) as s,
    ):
        try:
            yield s
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            said = str(error).rstrip(".")
            raise FormatError(f"is no whole gzip file ({said}); pack it again") from None


@contextmanager
def _output_of(command: str) -> Iterator[io.BufferedReader]:
    with start_command(command.strip().removesuffix("|"), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        stream = cast(io.BufferedReader, process.stdout)
        yield stream
        # what is not wanted any more is let through, so that the command ends as it would
        while stream.read(1 << 20):
            pass
    if process.returncode != 0:
        raise InputError(f"`{command.strip()}` failed with exit status {process.returncode}")


@contextmanager
def _input_of(command: str, place: str) -> Iterator[BinaryIO]:
    process = start_command(command.strip().removeprefix("|"), stdin=subprocess.PIPE)
    assert process.stdin is not None
    took_all = True
    try:
        try:
            yield cast(BinaryIO, process.stdin)
        finally:
            process.stdin.close()
    except BrokenPipeError:
        took_all = False
    finally:
        status = process.wait()
    if status != 0:
        raise InputError(f"{place}: the command failed with exit status {status}")
    if not took_all:
        raise InputError(f"{place}: the command ended before it had taken everything")
