"""A part of a file, as a file of its own."""

from __future__ import annotations

import io
from typing import BinaryIO


class Part(io.RawIOBase):
    """A part of a file, in which any place may be asked for: it goes to the nearest that there is.

    libsndfile goes wherever headers say, also beyond 2^63 bytes; the system's refusal, raised
    inside the call out of C, would be a traceback on standard error.

    Args:
        file: can be read from any place.
        first: where the part begins; None: where the file is.
        end: where it ends; None: with the file.
    """

    def __init__(self, file: BinaryIO, first: int | None = None, end: int | None = None) -> None:
        self._file = file
        self._first = file.tell() if first is None else first
        self._end = file.seek(0, io.SEEK_END) if end is None else end
        self.seek(0)

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell() - self._first

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: self._first, io.SEEK_CUR: self._file.tell(), io.SEEK_END: self._end}
        target = max(self._first, min(base[whence] + offset, self._end))
        return self._file.seek(target) - self._first

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        content = self._file.read(min(len(buffer), max(self._end - self._file.tell(), 0)))
        buffer[: len(content)] = content
        return len(content)
