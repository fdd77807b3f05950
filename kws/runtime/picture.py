"""A picture of what a detector heard; needs matplotlib, which the extra `train` brings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kws.audio import FULL_SCALE
from kws.errors import InputError
from kws.files import atomic_path
from kws.runtime.explain import Explanation
from kws.runtime.metadata import Metadata

SUFFIXES = (".png", ".pdf", ".svg")
DPI = 110
DASHES = ("-", "--", ":")  # of units in spoken order, the later the thicker
MOST_ENTRIES = 11  # of a column of a legend


def draw_explanation(
    path: str | Path, explanation: Explanation, metadata: Metadata, title: str = ""
) -> None:
    """Draw waveform, smoothed posteriors, and confidences with their thresholds.

    Args:
        path: of the picture, whose suffix (.png, .pdf, .svg) says what it is.
        explanation: of a recording; only the keywords that it reports are drawn.
        metadata: of the exported file.
        title: over the picture, such as the recording's name.

    Raises:
        InputError: another suffix.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise InputError(
            f"{path}: suffix {Path(path).suffix!r} is not one of {', '.join(SUFFIXES)}; use one"
        )
    figure = explanation_figure(explanation, metadata, title)
    FigureCanvasAgg(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DPI)


def explanation_figure(explanation: Explanation, metadata: Metadata, title: str = "") -> Figure:
    """What `draw_explanation` saves."""
    names = [report.keyword for report in explanation.keywords]
    columns = [k for k, keyword in enumerate(metadata.keywords) if keyword.name in names]
    figure = Figure(figsize=(12, 7), layout="constrained")
    waveform, posteriors, confidences = figure.subplots(3, 1, sharex=True)
    waveform.set_title(_plain(title))
    _draw_waveform(waveform, explanation)
    _draw_posteriors(posteriors, explanation, metadata, columns)
    for colour, (k, report) in enumerate(zip(columns, explanation.keywords, strict=True)):
        style = {"color": f"C{colour}"}
        confidences.plot(
            *(explanation.times_s, explanation.confidences[:, k]),
            **{"label": _plain(report.keyword), "lw": 1.2, **style},
        )
        confidences.axhline(report.threshold, ls="--", lw=1, **style)
        for event in report.events:
            if event.start_s is not None:
                for panel in (waveform, posteriors, confidences):
                    # below the curves, which keep their colours
                    panel.axvspan(event.start_s, event.end_s, alpha=0.15, lw=0, zorder=0, **style)
            confidences.plot([event.peak_s], [event.confidence], "o", **style)
    confidences.plot([], [], ls="--", lw=1, color="0.4", label="threshold")
    confidences.plot(
        [], [], "o", color="0.4", label="event: its peak, and\nshaded its word, if known"
    )
    confidences.set_ylabel("confidence")
    confidences.set_xlabel("time in s")
    for panel in (posteriors, confidences):
        panel.set_ylim(-0.03, 1.03)
        entries = len(panel.get_legend_handles_labels()[1])
        beside = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "borderaxespad": 0}
        panel.legend(fontsize="small", ncols=max(1, math.ceil(entries / MOST_ENTRIES)), **beside)
    return figure


def _draw_posteriors(
    panel: Any, explanation: Explanation, metadata: Metadata, columns: Sequence[int]
) -> None:
    """Each unit once, in the colour of its first keyword, dashes and width by its place there."""
    keywords_of: dict[int, list[str]] = {}
    styles: dict[int, dict[str, Any]] = {}
    for colour, k in enumerate(columns):
        for place, unit in enumerate(metadata.keywords[k].units):
            keywords_of.setdefault(unit, []).append(metadata.keywords[k].name)
            style = {"ls": DASHES[place % len(DASHES)], "lw": 1.2 + 0.8 * (place // len(DASHES))}
            styles.setdefault(unit, {"color": f"C{colour}", **style})
    for unit, names in keywords_of.items():
        label = _plain(f"{', '.join(names)}: {metadata.units[unit]}")
        panel.plot(
            *(explanation.times_s, explanation.smoothed[:, unit]),
            **{"label": label, **styles[unit]},
        )
    panel.set_ylabel("smoothed posterior")


def _draw_waveform(panel: Any, explanation: Explanation) -> None:
    """The range of the samples in each column of pixels."""
    outline = explanation.outline
    times_s = np.arange(len(outline.lowest)) * outline.column_s
    lowest, highest = outline.lowest / FULL_SCALE, outline.highest / FULL_SCALE
    panel.fill_between(times_s, lowest, highest, step="post", color="0.3", lw=0.5)
    panel.set_ylabel("waveform (1: full scale)")
    # frames go on behind the recording's end, if there are any
    panel.set_xlim(0, max([outline.duration_s, *explanation.times_s[-1:]]))


def _plain(name: str) -> str:
    """A name as it is printed: matplotlib takes what stands between two $ for a formula."""
    return name.replace("$", r"\$")
