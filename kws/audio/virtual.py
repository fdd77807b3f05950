"""An open file as libsndfile asks for it through Python."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any, BinaryIO


class Virtual:
    """Reads a file, and stays where it is when it is asked to go where no file reaches.

    A header that lies sends libsndfile beyond 2^63 bytes. The system's refusal, raised inside the
    call out of C, would be a traceback on standard error; libsndfile itself sees by the place
    that is answered that it cannot go there.
    """

    def __init__(self, stream: BinaryIO) -> None:
        """Take a file that can be read from any place."""
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, if there is such a place; give the place."""
        with suppress(OSError, ValueError, OverflowError):  # files, memory, beyond 2^63
            self._stream.seek(offset, whence)
        return self._stream.tell()
