"""Events as files: the audio around each, and what the detector made of it."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kws.audio import measure, write_audio
from kws.detection import Detection
from kws.files import write_text
from kws.runtime.metadata import Metadata
from kws.runtime.unit_peaks import confidence_peaks, in_order

BEFORE_S = 2.0  # kept before the trigger
AFTER_S = 0.5  # and after it was told
RING_S = 10.0  # a near miss is told 5 s after its trigger at the latest; the rest is spare


@dataclass(frozen=True)
class _Waiting:
    """An event whose audio is not complete yet."""

    event: Detection
    stem: str
    entries: dict[str, Any]


class EventKeeper:
    """Writes a wav and a JSON file for each event, when the audio after it has come.

    It remembers the last 10 s of a stream. What it is given must be what the detector was given
    and what it answered, chunk by chunk.
    """

    def __init__(self, folder: str | Path, metadata: Metadata) -> None:
        """Make it for a new stream.

        Args:
            folder: where the files go; it is made when absent.
            metadata: of the exported file.
        """
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._metadata = metadata
        self._samples = _Ring(round(RING_S * metadata.sample_rate))
        self._smoothed = _Ring(round(RING_S / metadata.frame_shift_s))
        self._waiting: list[_Waiting] = []

    def feed(
        self, samples: npt.NDArray[np.float32], smoothed: npt.NDArray[np.floating]
    ) -> list[Path]:
        """Take the next samples and the frames that they completed; the files that are written.

        Args:
            samples: (S,) at 16-bit scale.
            smoothed: (T, units).

        Raises:
            OSError: a file cannot be written; its event is given up.
        """
        self._samples.append(samples)
        self._smoothed.append(smoothed)
        return self._write(until_s=self._samples.stop / self._metadata.sample_rate)

    def keep(self, event: Detection, stem: str, entries: Mapping[str, Any]) -> None:
        """Keep an event that has ended in what was fed.

        Args:
            event: a detection or a near miss.
            stem: the files' name without suffix; a number is added where such files exist.
            entries: what else the JSON file says: its threshold, whether it is a near miss, ...
        """
        self._waiting.append(_Waiting(event, stem, dict(entries)))

    def flush(self) -> list[Path]:
        """End the stream: write what waits for audio that will not come."""
        return self._write(until_s=math.inf)

    def _write(self, until_s: float) -> list[Path]:
        written = []
        while due := [w for w in self._waiting if self._span_s(w.event)[1] <= until_s]:
            self._waiting.remove(due[0])
            written.append(self._write_event(due[0]))
        return written

    def _write_event(self, waiting: _Waiting) -> Path:
        event, rate = waiting.event, self._metadata.sample_rate
        begin_s, end_s = self._span_s(event)
        start, samples = self._samples.part(round(begin_s * rate), round(end_s * rate))
        audio = self._free(waiting.stem)
        write_audio(audio, samples, rate)
        description = {
            **asdict(event),
            **waiting.entries,
            **self._units(event),
            "audio": audio.name,
            "audio_start_s": start / rate,
            **measure(samples, rate).entries(),
        }
        write_text(audio.with_suffix(".json"), json.dumps(description, indent=1) + "\n")
        return audio

    def _free(self, stem: str) -> Path:
        """The name of a new wav: a clock that is put back may give a name again."""
        names = chain([stem], (f"{stem}-{number}" for number in count(2)))
        paths = (self.folder / f"{name}.wav" for name in names)
        return next(p for p in paths if not p.exists() and not p.with_suffix(".json").exists())

    def _span_s(self, event: Detection) -> tuple[float, float]:
        """From where to where audio is kept: what made the event, and its word."""
        offset_s, shift_s = self._metadata.frame_offset_s, self._metadata.frame_shift_s
        starts_s = [offset_s + event.start_frame * shift_s, event.start_s]
        ends_s = [offset_s + event.end_frame * shift_s, event.end_s]
        return (
            min(event.trigger_s - BEFORE_S, *(time_s for time_s in starts_s if time_s is not None)),
            max(time_s for time_s in ends_s if time_s is not None) + AFTER_S,
        )

    def _units(self, event: Detection) -> dict[str, Any]:
        """The frames of the units that made the event's confidence."""
        metadata = self._metadata
        keyword = next(k for k in metadata.keywords if k.name == event.keyword)
        stop = event.peak_frame + 1
        first, smoothed = self._smoothed.part(stop - metadata.w_max, stop)
        if not len(smoothed):
            return {"units": [], "in_order": None}
        peaks = confidence_peaks(smoothed, first, keyword, metadata)
        return {"units": [asdict(unit) for unit in peaks], "in_order": in_order(peaks)}


class _Ring:
    """The last rows of a stream, by their number from its start."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._parts: deque[npt.NDArray[np.floating]] = deque()
        self._start = 0  # of the first part
        self.stop = 0  # rows that have been appended

    def append(self, rows: npt.NDArray[np.floating]) -> None:
        if not len(rows):
            return
        self._parts.append(rows.copy())  # a view would keep a whole block of the network alive
        self.stop += len(rows)
        while self.stop - self._start - len(self._parts[0]) >= self._size:
            self._start += len(self._parts.popleft())

    def part(self, start: int, stop: int) -> tuple[int, npt.NDArray[np.floating]]:
        """What is known of the rows start .. stop - 1, and the number of the first."""
        start = min(max(start, self._start), self.stop)
        if not self._parts:
            return start, np.zeros((0,))
        rows = np.concatenate(self._parts)
        return start, rows[start - self._start : max(stop, start) - self._start]
