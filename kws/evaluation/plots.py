"""The pictures: DET curves and histograms of confidences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from kws.evaluation.operating_points import OperatingPoint
from kws.evaluation.results import Result, best_confidences
from kws.evaluation.scoring import POOLED
from kws.evaluation.sweep import Curve
from kws.files import atomic_path

DPI = 110
NUM_BINS = 50


def plot_det(path: str | Path, results: Sequence[Result]) -> None:
    """Draw the DET curves, one panel per set and condition, with the operating points.

    Miss rate against false alarms per hour, both on logarithmic axes whose lower edge stands for
    zero: half of what a single miss or alarm is. The bars are the exact 95 % bounds.

    Args:
        path: of the PNG.
        results: at least one.
    """
    figure = Figure(figsize=(5.4 * len(results) + 0.6, 5.2), layout="constrained")
    panels = figure.subplots(1, len(results), squeeze=False, sharey=True)[0]
    for panel, result in zip(panels, results, strict=True):
        _det_panel(panel, result)
    panels[0].set_ylabel("miss rate")
    panels[0].yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{100 * y:g} %"))
    _save(figure, path)


def plot_confidences(path: str | Path, results: Sequence[Result]) -> None:
    """Draw how confidences are distributed, a row per keyword, a column per set and condition.

    Args:
        path: of the PNG.
        results: at least one, of the same keywords.
    """
    keywords = results[0].scored.keywords
    size = (5.4 * len(results) + 0.6, 2.4 * len(keywords) + 0.6)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(keywords), len(results), squeeze=False, sharex=True)
    for column, result in enumerate(results):
        for row, keyword in enumerate(keywords):
            _histogram(panels[row][column], result, keyword)
        panels[-1][column].set_xlabel("largest confidence")
    _save(figure, path)


def _det_panel(panel: Any, result: Result) -> None:
    scored = result.scored
    rows = {p.keyword: p for p in result.points if p.set_name == scored.name and not p.is_reading}
    drawn = [k for k, curve in result.curves.items() if curve.positives and curve.hours > 0]
    panel.set_title(f"{scored.name}, {scored.condition} ({scored.hours:.3g} h)")
    panel.set_xlabel("false alarms per hour (without the keyword)")
    if not drawn:
        panel.text(0.5, 0.5, "undefined: no positives or no hours", ha="center", va="center")
        return
    panel.set_xscale("log")
    panel.set_yscale("log")
    x_floor = 0.5 / max(result.curves[k].hours for k in drawn)
    y_floor = 0.5 / max(result.curves[k].positives for k in drawn)
    for number, keyword in enumerate(drawn):
        colour = "black" if keyword == POOLED else f"C{number}"
        x, y = _corners(result.curves[keyword], x_floor, y_floor)
        panel.step(x, y, where="post", color=colour, label=_plain(keyword), linewidth=1.5)
        _mark(panel, rows[keyword], colour, x_floor, y_floor)
    panel.set_xlim(left=x_floor * 0.8)
    panel.set_ylim(y_floor * 0.8, 1.1)
    panel.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_minor_formatter(NullFormatter())
    panel.axvline(x_floor, color="0.6", linewidth=0.8, linestyle=":")
    panel.axhline(y_floor, color="0.6", linewidth=0.8, linestyle=":")
    panel.annotate("0", (x_floor, 1.0), xytext=(3, -3), textcoords="offset points", va="top")
    panel.annotate(
        "0",
        (1.0, y_floor),
        xytext=(-8, 3),
        textcoords="offset points",
        xycoords=("axes fraction", "data"),
    )
    panel.grid(which="both", color="0.92", linewidth=0.6)
    panel.legend(loc="best")


def _corners(curve: Curve, x_floor: float, y_floor: float) -> tuple[Any, Any]:
    """The points of a DET curve where its counts change, zeros put on the floors."""
    counts = np.stack((curve.false_alarms, curve.misses), axis=1)
    counts = np.concatenate(([[0, curve.positives]], counts))
    counts = counts[np.append(True, (np.diff(counts, axis=0) != 0).any(axis=1))]
    x, y = counts[:, 0] / curve.hours, counts[:, 1] / curve.positives
    return np.maximum(x, x_floor), np.maximum(y, y_floor)


def _mark(panel: Any, point: OperatingPoint, colour: str, x_floor: float, y_floor: float) -> None:
    """The operating point with its bounds."""
    miss_rate, fa_per_hour = point.miss_rate, point.fa_per_hour
    if miss_rate is None or fa_per_hour is None:
        return
    x, y = max(fa_per_hour.value, x_floor), max(miss_rate.value, y_floor)
    panel.errorbar(
        [x],
        [y],
        xerr=[[x - max(fa_per_hour.lower, x_floor)], [fa_per_hour.upper - x]],
        yerr=[[y - max(miss_rate.lower, y_floor)], [miss_rate.upper - y]],
        color=colour,
        marker="o",
        capsize=2,
        elinewidth=0.8,
        markersize=6,
    )


def _histogram(panel: Any, result: Result, keyword: str) -> None:
    scored = result.scored
    positives, negatives = best_confidences(scored, keyword)
    bins = np.linspace(0, 1, NUM_BINS + 1)
    label = f"without it ({len(negatives)} stretches of 3 s)"
    panel.hist(negatives, bins, color="0.55", alpha=0.8, label=label)
    panel.hist(positives, bins, color="C0", alpha=0.6, label=f"with it ({len(positives)})")
    panel.axvline(result.thresholds[keyword], color="C3", linewidth=1.2, label="threshold")
    if positives or negatives:
        panel.set_yscale("log")
        panel.set_ylim(bottom=0.5)
    panel.set_title(f"{_plain(keyword)}: {scored.name}, {scored.condition}", fontsize="medium")
    panel.set_ylabel("count")
    panel.legend(fontsize="small", loc="best")


def _save(figure: Figure, path: str | Path) -> None:
    FigureCanvasAgg(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DPI)


def _plain(name: str) -> str:
    """A name as it is printed: matplotlib takes what stands between two $ for a formula."""
    return name.replace("$", r"\$")
