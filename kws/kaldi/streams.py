"""What the file names of tables open: files, standard input, commands."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from kws.errors import InputError
from kws.kaldi.specifiers import is_command


@contextmanager
def opened(name: str, offset: int | None = None) -> Iterator[BinaryIO]:
    """Open what a specifier or an scp names: a file from `offset` on, `-` or a command's output.

    Whether a command may run is asked before (`screen_command`).
    """
    if is_command(name):
        yield io.BytesIO(_output_of(name))
    elif name == "-":
        yield sys.stdin.buffer
    else:
        with Path(name).open("rb") as stream:
            stream.seek(offset or 0)
            yield stream


@contextmanager
def input_of(command: str, place: str) -> Iterator[BinaryIO]:
    """A stream whose content becomes the input of `| command` when the block ends."""
    content = io.BytesIO()
    yield content
    done = subprocess.run(
        command.strip().removeprefix("|"), shell=True, input=content.getvalue(), check=False
    )
    if done.returncode != 0:
        raise InputError(f"{place}: the command failed with exit status {done.returncode}")


def _output_of(command: str) -> bytes:
    done = subprocess.run(
        command.strip().removesuffix("|"), shell=True, stdout=subprocess.PIPE, check=False
    )
    if done.returncode != 0:
        raise InputError(f"`{command.strip()}` failed with exit status {done.returncode}")
    return done.stdout
