"""report.html: everything in one file that opens without a network."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
import soundfile

from kws import __version__
from kws.audio import FULL_SCALE
from kws.evaluation.operating_points import OperatingPoint
from kws.evaluation.results import Case, Result, worst_false_alarms, worst_misses
from kws.evaluation.tables import false_alarms_text, notes_on, per_hour, percent, threshold_text
from kws.files import write_text

CLIP_BEFORE_S = 2.5
CLIP_AFTER_S = 1.5
MAX_AUDIO_BYTES = 12_000_000  # of all clips together; later cases are listed without sound
MAX_TEXT = 100  # characters of a transcript

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem;
  color: #1b1b1b; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; } h3 { font-size: 1rem; }
table { border-collapse: collapse; margin: .6rem 0 1.2rem; }
th, td { border-bottom: 1px solid #ddd; padding: .25rem .7rem; text-align: left;
  vertical-align: middle; font-variant-numeric: tabular-nums; }
th { background: #f4f4f4; } tr.operating td { font-weight: 600; } tr.near td { color: #777; }
.numbers td { white-space: nowrap; } .scroll { overflow-x: auto; } .note { color: #555; }
img { max-width: 100%; height: auto; } audio { height: 2rem; }
"""


def write_report(
    path: str | Path,
    results: Sequence[Result],
    pictures: Mapping[str, Path],
    facts: Mapping[str, str],
    warnings: Sequence[str] = (),
) -> None:
    """Write the report.

    Args:
        path: of the HTML file.
        results: at least one; every one gets its tables and its cases to listen to.
        pictures: PNG files by their caption.
        facts: what was evaluated and how, by name.
        warnings: what a reader has to know before the numbers.
    """
    budget = MAX_AUDIO_BYTES
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Keyword evaluation</title><style>{STYLE}</style></head><body>",
        "<h1>Keyword evaluation</h1>",
        _facts({**facts, "kws": __version__}),
        *(f"<p><strong>Note:</strong> {escape(warning)}</p>" for warning in warnings),
        "<h2>Operating points</h2>",
        _explanation(),
        *_points_tables(results),
    ]
    for caption, picture in pictures.items():
        data = base64.b64encode(picture.read_bytes()).decode("ascii")
        source = f"data:image/png;base64,{data}"
        parts.append(f'<h2>{escape(caption)}</h2><img alt="{escape(caption)}" src="{source}">')
    for result in results:
        cases, budget = _cases(result, budget)
        parts.append(cases)
    parts.append("</body></html>\n")
    write_text(path, "\n".join(parts))


def _facts(facts: Mapping[str, str]) -> str:
    rows = (
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in facts.items()
    )
    return f"<table>{''.join(rows)}</table>"


def _explanation() -> str:
    return (
        '<p class="note">A positive is a miss when no event of its keyword lies in it (with word '
        "times: when no peak lies within 0.5 s of the word). Further events there, and events "
        "of other keywords, are false alarms; one burst is one alarm. Hours are those of audio "
        "without the keyword. In brackets: exact two-sided 95 % bounds (binomial, Poisson). "
        "<em>pooled</em> adds the counts and hours of all keywords: rates of the average keyword. "
        "Rows <em>curve-at-N</em> describe this set's own curve at no more than N false alarms; "
        "their thresholds are used nowhere. Latency is from the end of the word to the moment the "
        "event is known, the model's look-ahead included.</p>"
    )


def _points_tables(results: Sequence[Result]) -> Iterable[str]:
    """The table of the sets, and that of their data dirs where a set has several."""
    sets = {result.scored.name for result in results}
    points = [point for result in results for point in result.points]
    of_sets = [point for point in points if point.set_name in sets]
    yield _points_table(of_sets)
    for note in notes_on(of_sets):
        yield f'<p class="note">{escape(note)}</p>'
    if by_dir := [point for point in points if point.set_name not in sets]:
        table = _points_table(by_dir)
        yield f"<details><summary>By data dir</summary>{table}</details>"


def _points_table(points: Sequence[OperatingPoint]) -> str:
    header = (
        *("keyword", "set", "condition", "threshold from", "threshold", "misses", "miss rate"),
        *("false alarms", "per hour", "latency (median, 95 %)"),
    )
    rows = []
    for point in points:
        delays = point.latencies
        cells = (
            *(point.keyword, point.set_name, point.condition, point.source),
            *(threshold_text(point), f"{point.counts.misses} of {point.counts.positives}"),
            *(percent(point.miss_rate), false_alarms_text(point), per_hour(point.fa_per_hour)),
            "" if delays is None else f"{delays.median_s:.2f} s, {delays.percentile95_s:.2f} s",
        )
        kind = "" if point.is_reading else ' class="operating"'
        rows.append(f"<tr{kind}>{_cells(cells)}</tr>")
    return f'<div class="numbers">{_table(header, rows)}</div>'


def _cases(result: Result, budget: int) -> tuple[str, int]:
    """The worst cases of a result, and what is left of the bytes of sound."""
    scored = result.scored
    lists = [
        (keyword, title, worst(result, keyword))
        for keyword in scored.keywords
        for title, worst in (
            ("misses of the lowest confidence", worst_misses),
            ("false alarms of the highest confidence", worst_false_alarms),
        )
    ]
    clips = _clips(result, [case for _, _, cases in lists for case in cases])
    parts = [f"<h2>{escape(scored.name)}, {escape(scored.condition)}: worst cases</h2>"]
    parts.append(
        '<p class="note">Where alarms are few, the nearest to one follow in grey: they stay below '
        "the threshold and raise no alarm.</p>"
    )
    for keyword, title, cases in lists:
        threshold = f"threshold {result.thresholds[keyword]:.6g}"
        parts.append(f"<h3>{escape(keyword)}: {title} ({threshold})</h3>")
        rows = []
        for case in cases:
            clip = clips[id(case)] if len(clips[id(case)]) <= budget else None
            budget -= len(clip or "")
            rows.append(_case_row(case, clip))
        header = ("confidence", "time", "utterance", "file", "text", "listen")
        parts.append(_table(header, rows) if rows else "<p>None.</p>")
    return "\n".join(parts), budget


def _case_row(case: Case, clip: str | None) -> str:
    utterance = case.track.utterance
    text = utterance.text
    cells = (
        f"{case.confidence:.4f}",
        f"{case.peak_s:.2f} s",
        utterance.id,
        utterance.recording,
        text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + " ...",
    )
    if clip is None:
        sound = '<span class="note">left out: the report is large</span>'
    else:
        sound = f'<audio controls preload="none" src="data:audio/flac;base64,{clip}"></audio>'
    kind = ' class="near"' if case.is_near else ""
    return f"<tr{kind}>{_cells(cells)}<td>{sound}</td></tr>"


def _clips(result: Result, cases: Sequence[Case]) -> dict[int, str]:
    """The seconds around each case as FLAC in base64, by the case's identity."""
    of_track: dict[int, list[Case]] = {}
    for case in cases:
        of_track.setdefault(id(case.track), []).append(case)
    rate = result.scored.spotter.sample_rate
    clips = {}
    for of_same in of_track.values():
        spans = []
        for case in of_same:
            begin = max(0, round((case.peak_s - CLIP_BEFORE_S) * rate))
            spans.append((begin, max(begin + 1, round((case.peak_s + CLIP_AFTER_S) * rate))))
        # a long recording is read once for all its cases
        parts = result.scored.parts(of_same[0].track, spans)
        for case, clip in zip(of_same, parts, strict=True):
            clips[id(case)] = base64.b64encode(_flac(clip, rate)).decode("ascii")
    return clips


def _flac(samples: np.ndarray, sample_rate: int) -> bytes:
    file = io.BytesIO()
    integers = np.clip(np.rint(samples), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    soundfile.write(file, integers, sample_rate, "PCM_16", format="FLAC")
    return file.getvalue()


def _cells(texts: Iterable[str]) -> str:
    return "".join(f"<td>{escape(text)}</td>" for text in texts)


def _table(header: Sequence[str], rows: Iterable[str]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(rows)}</table></div>'
