"""One odd input: what it is, and what `kws` should make of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Odd:
    """A row of the table.

    Attributes:
        name: of the file or data dir, below the folder of all.
        what: it is.
        status: of `kws detect` for a sound file, of `kws data validate` for a data dir.
        says: what that command's line or note holds; "" where it says nothing on standard error.
            None: it is free to say something or not.
        finds: what `kws doctor` finds in a sound file that is read; None: it refuses the file.
        keyword: that all but one of the data dir's texts hold (`--keywords`).
    """

    name: str
    what: str
    status: int = 0
    says: str | None = ""
    finds: str | None = ""
    keyword: str = ""
