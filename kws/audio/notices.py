"""Notices about conversions: one per kind, not one per file."""

from __future__ import annotations

import logging
import threading

logger = logging.getLogger("kws.audio")


class Notices:
    """Logs the first case of each kind as a warning, and counts them all."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def add(self, kind: str, place: str) -> None:
        """Note that the file `place` was converted in the way that `kind` says."""
        with self._lock:
            count = self._counts[kind] = self._counts.get(kind, 0) + 1
        if count == 1:
            logger.warning("%s: %s (further files like it are not named)", place, kind)

    def counts(self) -> dict[str, int]:
        """How many files there were of each kind."""
        with self._lock:
            return dict(self._counts)

    def clear(self) -> None:
        """Forget all: the next file of each kind is named again."""
        with self._lock:
            self._counts.clear()


NOTICES = Notices()
