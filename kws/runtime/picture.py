"""A picture of what a detector heard; needs matplotlib, which the extra `train` brings."""

from __future__ import annotations

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
MAX_POINTS = 4000  # of the waveform: more than there are pixels


def draw_explanation(path: str | Path, explanation: Explanation, metadata: Metadata) -> None:
    """Draw waveform, smoothed posteriors, and confidences with their thresholds.

    Args:
        path: of the picture, whose suffix (.png, .pdf, .svg) says what it is.
        explanation: of a recording; only the keywords that it reports are drawn.
        metadata: of the exported file.

    Raises:
        InputError: another suffix.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise InputError(
            f"{path}: suffix {Path(path).suffix!r} is not one of {', '.join(SUFFIXES)}; use one"
        )
    names = [report.keyword for report in explanation.keywords]
    columns = [k for k, keyword in enumerate(metadata.keywords) if keyword.name in names]
    figure = Figure(figsize=(10, 7), layout="constrained")
    waveform, posteriors, confidences = figure.subplots(3, 1, sharex=True)
    _draw_waveform(waveform, explanation)
    for k in columns:
        for unit in metadata.keywords[k].units:
            label = f"{metadata.keywords[k].name}: {metadata.units[unit]}"
            posteriors.plot(
                explanation.times_s, explanation.smoothed[:, unit], label=_plain(label), lw=1
            )
    posteriors.set_ylabel("smoothed posterior")
    for colour, (k, report) in enumerate(zip(columns, explanation.keywords, strict=True)):
        style = {"color": f"C{colour}"}
        label = _plain(report.keyword)
        confidences.plot(
            explanation.times_s, explanation.confidences[:, k], label=label, lw=1.2, **style
        )
        confidences.axhline(report.threshold, ls="--", lw=1, **style)
        for event in report.events:
            for panel in (waveform, posteriors, confidences):
                panel.axvspan(event.start_s, event.end_s, alpha=0.15, lw=0, **style)
            confidences.plot([event.peak_s], [event.confidence], "o", **style)
    confidences.set_ylabel("confidence, threshold (- -)")
    confidences.set_xlabel("time in s")
    for panel in (posteriors, confidences):
        panel.set_ylim(-0.03, 1.03)
        panel.legend(fontsize="small", loc="upper right")
    FigureCanvasAgg(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DPI)


def _draw_waveform(panel: Any, explanation: Explanation) -> None:
    """The range of the samples in each column of pixels."""
    samples = explanation.waveform.samples / FULL_SCALE
    step = max(1, len(samples) // MAX_POINTS)
    columns = samples[: len(samples) // step * step].reshape(-1, step)
    times_s = np.arange(len(columns)) * step / explanation.waveform.sample_rate
    panel.fill_between(
        times_s, columns.min(axis=1), columns.max(axis=1), step="post", color="0.3", lw=0.5
    )
    panel.set_ylabel("waveform")
    panel.set_xlim(0, explanation.waveform.duration_s)


def _plain(name: str) -> str:
    """A name as it is printed: matplotlib takes what stands between two $ for a formula."""
    return name.replace("$", r"\$")
