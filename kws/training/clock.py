"""How long the parts of a training take."""

from __future__ import annotations

import time


class Clock:
    """Seconds and frames per second; nothing that is learnt depends on it."""

    def __init__(self) -> None:
        self._lap = self._saved = self._frames_began = time.monotonic()
        self._processor = time.process_time()
        self.num_frames = 0

    def lap_s(self) -> float:
        """Seconds since the last call."""
        before, self._lap = self._lap, time.monotonic()
        return self._lap - before

    def lap_processor_s(self) -> float:
        """Seconds that processors have worked for this process since the last call."""
        before, self._processor = self._processor, time.process_time()
        return self._processor - before

    def saved(self) -> None:
        """Note that a checkpoint was written."""
        self._saved = time.monotonic()

    @property
    def minutes_since_save(self) -> float:
        return (time.monotonic() - self._saved) / 60

    def restart_frames(self) -> None:
        """Count frames from here."""
        self._frames_began, self.num_frames = time.monotonic(), 0

    @property
    def frames_per_s(self) -> float:
        return self.num_frames / max(1e-9, time.monotonic() - self._frames_began)
