"""A keyword event, and where its word lies beside what the detector sees of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Detection:
    """One event; times in seconds from the start of the stream.

    The frames are exact and may lie behind the end of the recording, where the times stop.
    """

    keyword: str
    start_s: float | None  # of the word; None: the model does not know
    end_s: float | None
    peak_s: float  # the centre of a frame
    confidence: float  # the largest of the event
    trigger_s: float  # when the threshold was reached
    start_frame: int  # where the first unit rose
    end_frame: int  # where the last unit had fallen: then the event was told
    peak_frame: int
    trigger_frame: int

    def until(self, end_s: float) -> Detection:
        """The event with no time behind the end of its recording."""
        return replace(
            self,
            start_s=None if self.start_s is None else min(self.start_s, end_s),
            end_s=None if self.end_s is None else min(self.end_s, end_s),
            peak_s=min(self.peak_s, end_s),
            trigger_s=min(self.trigger_s, end_s),
        )

    def times(self) -> dict[str, float | None]:
        """Those that people are told, to a tenth of a millisecond."""
        return {
            "start_s": None if self.start_s is None else round(self.start_s, 4),
            "end_s": None if self.end_s is None else round(self.end_s, 4),
            "peak_s": round(self.peak_s, 4),
        }


class WordOffsets(NamedTuple):
    """From what the units show to the word, in seconds: posteriors need not peak within it."""

    start_s: float  # from where the first unit rises to the word's start
    end_s: float  # from where the last unit has fallen to its end


def word_offsets(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, WordOffsets]:
    """Those of the keywords that have them.

    Args:
        entries: "word_times" of a model's metadata.

    Raises:
        ValueError, TypeError, KeyError: they are damaged.
    """
    found = {
        str(name): WordOffsets(float(entry["start_s"]), float(entry["end_s"]))
        for name, entry in entries.items()
    }
    if not all(math.isfinite(value) for offsets in found.values() for value in offsets):
        raise ValueError("an offset is not finite")
    return found
