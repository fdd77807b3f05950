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
        **event.times(),
        "confidence": round(event.confidence, 6),
    }
