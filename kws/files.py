"""Files that are either whole or not there, and texts whatever editor has written them."""

from __future__ import annotations

import codecs
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kws.errors import InputError


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; rename it to `path` when the block succeeds.

    When the block raises (a full disk, an interrupt), the temporary file goes and what was at
    `path` before stays as it was.

    Args:
        path: the file to make or replace; its folder is made when absent.
    """
    path = Path(path)
    if path.exists() and not path.is_file() and not path.is_dir():
        with named(path):
            yield path  # a pipe or a device such as /dev/null is written to, never replaced
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # the suffix stays last: writers that choose a format by it see the right one
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        with named(path, temporary):
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_can_be_made(path: Path) -> None:
    """Tell before long work, not after it, that `path` cannot be made or replaced at its end.

    Raises:
        PermissionError: the folder in which it will lie, or be made, may not be written.
    """
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


@contextmanager
def named(path: str | Path, temporary: Path | None = None) -> Iterator[None]:
    """Let an OSError in the block (a full disk) name `path`, not nothing or `temporary`."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename not in (None, temporary and str(temporary)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


def read_text(path: str | Path) -> str:
    """The text of the UTF-8 file `path`.

    Raises:
        InputError: the file cannot be read, or is no text.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a file that can be read") from None
    return "\n".join(decoded(raw, place) for raw, place in raw_lines(content, path))


def raw_lines(content: bytes, path: str | Path) -> list[tuple[bytes, str]]:
    """The lines of a text and their places (`path:1`), for `decoded`.

    They are without what Windows' editors add: a byte order mark before the first line, carriage
    returns at the ends.
    """
    lines = content.removeprefix(codecs.BOM_UTF8).split(b"\n")
    return [(raw.removesuffix(b"\r"), f"{path}:{number}") for number, raw in enumerate(lines, 1)]


def decoded(raw: bytes, place: str) -> str:
    """A line of a UTF-8 text.

    Raises:
        InputError: it is in another encoding, or no text.
    """
    try:
        line = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        is_utf_16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        hint = " (but perhaps UTF-16)" if is_utf_16 else ""
        raise InputError(
            f"{place}: byte 0x{raw[error.start]:02x} is not UTF-8{hint}; convert the file to UTF-8"
        ) from None
    if "\0" in line:
        raise InputError(
            f"{place}: byte 0x00 is no text (but perhaps UTF-16); convert the file to UTF-8"
        )
    return line


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
