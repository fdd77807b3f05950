"""The results as files and text: operating_points.csv, events.jsonl, a summary to print."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kws.evaluation.bounds import Estimate
from kws.evaluation.operating_points import OperatingPoint
from kws.evaluation.results import Result, all_events
from kws.files import write_text

UNDEFINED = "undefined"


def write_operating_points(path: str | Path, points: Sequence[OperatingPoint]) -> None:
    """Write operating points as CSV; a rate that is not defined is the word `undefined`."""
    rows = [_csv_row(point) for point in points]
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def write_events(path: str | Path, results: Sequence[Result]) -> None:
    """Write every event at the operating thresholds, one JSON line each."""
    lines = []
    for result in results:
        for track, event, is_hit in all_events(result):
            line = {
                "set": result.scored.name,
                "condition": result.scored.condition,
                "data_dir": str(track.data.path),
                "utterance": track.utterance.id,
                "file": track.utterance.recording,
                "keyword": event.keyword,
                **event.times(),
                "trigger_s": round(event.trigger_s, 4),
                "confidence": round(event.confidence, 6),
                "verdict": "hit" if is_hit else "false alarm",
            }
            lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    write_text(path, "".join(lines))


def summary(points: Sequence[OperatingPoint]) -> str:
    """The operating points as lines of text in columns."""
    header = (
        *("keyword", "set", "condition", "threshold from", "threshold", "misses", "miss rate"),
        *("false alarms", "per hour"),
    )
    rows = [header, *(_text_row(point) for point in points)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(lines)


def notes_on(points: Sequence[OperatingPoint]) -> list[str]:
    """What there is to say of the points at which the model operates, each once."""
    operating = [point for point in points if not point.is_reading and point.notes]
    return list(dict.fromkeys(f"{point.keyword}: {point.notes}" for point in operating))


def percent(estimate: Estimate | None) -> str:
    """A miss rate with its bounds, such as `2.5 % [0.5, 7.1]`."""
    if estimate is None:
        return UNDEFINED
    return f"{_digits(100 * estimate.value)} % [{_range(estimate, 100)}]"


def per_hour(estimate: Estimate | None) -> str:
    """A rate of false alarms with its bounds, such as `0.33 [0.01, 1.9]`."""
    return UNDEFINED if estimate is None else f"{_digits(estimate.value)} [{_range(estimate, 1)}]"


def threshold_text(point: OperatingPoint) -> str:
    """An operating point's threshold; the pooled one has each keyword's own."""
    if point.threshold is None:
        return "none" if point.is_reading else "each its own"
    return f"{point.threshold:.6g}"


def false_alarms_text(point: OperatingPoint) -> str:
    """Such as `2 in 3.1 h`."""
    return f"{point.counts.false_alarms} in {point.counts.hours:.4g} h"


def _text_row(point: OperatingPoint) -> tuple[str, ...]:
    counts = point.counts
    return (
        point.keyword,
        point.set_name,
        point.condition,
        point.source,
        threshold_text(point),
        f"{counts.misses} of {counts.positives}",
        percent(point.miss_rate),
        false_alarms_text(point),
        per_hour(point.fa_per_hour),
    )


def _csv_row(point: OperatingPoint) -> dict[str, Any]:
    counts, latencies = point.counts, point.latencies
    return {
        "keyword": point.keyword,
        "set": point.set_name,
        "condition": point.condition,
        "threshold_source": point.source,
        "threshold": "" if point.threshold is None else repr(point.threshold),
        "positives": counts.positives,
        "misses": counts.misses,
        **_columns("miss_rate", point.miss_rate),
        "hours": f"{counts.hours:.6g}",
        "false_alarms": counts.false_alarms,
        **_columns("fa_per_hour", point.fa_per_hour),
        "latency_median_s": UNDEFINED if latencies is None else f"{latencies.median_s:.3f}",
        "latency_95_s": UNDEFINED if latencies is None else f"{latencies.percentile95_s:.3f}",
        "note": point.notes,
    }


def _columns(name: str, estimate: Estimate | None) -> dict[str, str]:
    names = (name, f"{name}_lower", f"{name}_upper")
    if estimate is None:
        return dict.fromkeys(names, UNDEFINED)
    values = (estimate.value, estimate.lower, estimate.upper)
    return {key: f"{value:.6g}" for key, value in zip(names, values, strict=True)}


def _digits(value: float) -> str:
    return f"{value:.3g}"


def _range(estimate: Estimate, scale: float) -> str:
    return f"{_digits(scale * estimate.lower)}, {_digits(scale * estimate.upper)}"
