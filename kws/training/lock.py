"""One training at a time in a folder."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kws.errors import InputError

FILE_NAME = ".train.lock"
TAKEN = (errno.EACCES, errno.EAGAIN)  # POSIX leaves to the system which one it is
KEPT_BY_NONE = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)  # a file system that has no locks


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep other processes from training in `directory` until the block ends.

    The lock is the system's and ends with this process, however that ends; processes that are
    forked from this one hold no part of it.

    Args:
        directory: is made when absent, and goes again when nothing was put into it.

    Raises:
        InputError: another process trains in it.
    """
    path = directory / FILE_NAME
    made = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = _open_locked(path)
    try:
        yield
    finally:
        with suppress(OSError):  # Windows keeps what is open
            path.unlink()
        os.close(descriptor)
        with suppress(OSError):  # not empty
            for folder in made:
                folder.rmdir()


def _open_locked(path: Path) -> int:
    """The descriptor of the file at `path`, which is made when absent, with a lock on it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor, path.parent)
            # whoever had the lock may have removed the file since it was opened
            if _is_file_at(path, descriptor):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_file_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _lock(descriptor: int, directory: Path) -> None:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            # not flock: a forked process would hold that lock too, and outlive this one with it
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in TAKEN:
            raise InputError(
                f"{directory}: another training is running in this folder; wait until it has "
                "ended, or give another --exp"
            ) from None
        if error.errno not in KEPT_BY_NONE:
            raise
