"""Files that are either whole or not there."""

from __future__ import annotations

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
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a file that can be read") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file in UTF-8; name a text file") from None


def write_text(path: str | Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
