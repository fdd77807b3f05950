"""Keyword events as the lines that `kws detect` and `kws listen` print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kws.detection import Detection


def event_entries(source: str, event: Detection) -> dict[str, Any]:
    """The keys and values of an event's JSON line.

    Args:
        source: the file or the device that was searched.
        event: what was found in it.
    """
    return {
        "file": source,
        "keyword": event.keyword,
        "start_s": round(event.start_s, 4),
        "end_s": round(event.end_s, 4),
        "peak_s": round(event.peak_s, 4),
        "confidence": round(event.confidence, 6),
    }
