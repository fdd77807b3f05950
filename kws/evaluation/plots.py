"""The pictures: DET curves and histograms of confidences."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from kws.evaluation.operating_points import OperatingPoint
from kws.evaluation.results import Result, best_confidences
from kws.evaluation.scoring import POOLED
from kws.evaluation.sweep import Curve
from kws.files import atomic_path

DPI = 110
NUM_BINS = 50
MOST_ENTRIES = 18  # of a column of the legend
MOST_TENFOLDS = 3  # of an axis, to have room for 2 and 5 between 1 and 10
Ints = npt.NDArray[np.int64]


def plot_det(path: str | Path, results: Sequence[Result]) -> None:
    """Draw the DET curves, one panel per set and condition, with the operating points.

    Miss rate against false alarms per hour, both on logarithmic axes whose lower edge stands for
    zero: half of what a single miss or alarm is in the largest set. A curve is the frontier: the
    best miss rate at so many alarms or fewer. The bars are the exact 95 % bounds.

    Args:
        path: of the PNG.
        results: at least one, of the same keywords.
    """
    _save(det_figure(results), path)


def plot_confidences(path: str | Path, results: Sequence[Result]) -> None:
    """Draw how confidences are distributed, a row per keyword, a column per set and condition.

    Args:
        path: of the PNG.
        results: at least one, of the same keywords.
    """
    _save(confidences_figure(results), path)


def frontier(curve: Curve) -> tuple[Ints, Ints]:
    """The operating points of a curve that none betters: false alarms (rising), misses (falling).

    The counts of a sweep run back and forth: bursts melt together below the valley between them,
    so that a lower threshold may have fewer alarms. Of these, and of a threshold above all
    confidences, only those are left that miss less than all with as many alarms or fewer.
    """
    counts = np.stack((curve.false_alarms, curve.misses), axis=1)
    counts = np.concatenate(([[0, curve.positives]], counts))
    alarms, misses = counts[np.lexsort((counts[:, 1], counts[:, 0]))].T
    before = np.minimum.accumulate(misses)[:-1]
    better = np.append(True, misses[1:] < before)
    return alarms[better], misses[better]


def det_figure(results: Sequence[Result]) -> Figure:
    """What `plot_det` saves."""
    figure = Figure(figsize=(5.4 * len(results) + 2.2, 5.2), layout="constrained")
    panels = figure.subplots(1, len(results), squeeze=False, sharex=True, sharey=True)[0]
    names = list(results[0].curves)
    styles = {name: _style(number, name) for number, name in enumerate(names)}
    drawn = [curve for result in results for curve in result.curves.values() if _is_defined(curve)]
    floors = tuple(
        0.5 / max((float(getattr(curve, size)) for curve in drawn), default=1.0)
        for size in ("hours", "positives")
    )
    for panel, result in zip(panels, results, strict=True):
        _det_panel(panel, result, styles, floors)
    panels[0].set_ylabel("miss rate")
    if drawn:
        _logarithmic(panels[0].xaxis, floors[0], panels[0].get_xlim()[1], "{:g}")
        _logarithmic(panels[0].yaxis, floors[1], 1.0, "{:g} %", scale=100)
    handles = [Line2D([], [], label=_plain(name), **styles[name]) for name in names]
    point: dict[str, Any] = {"color": "0.4", "marker": "o", "markersize": 6, "linewidth": 0.8}
    handles.append(Line2D([], [], label="at the threshold,\nwith 95 % bounds", **point))
    columns = math.ceil(len(handles) / MOST_ENTRIES)
    title = "best at so many alarms\nor fewer"
    figure.legend(handles=handles, loc="outside right upper", title=title, ncols=columns)
    return figure


def _is_defined(curve: Curve) -> bool:
    return curve.positives > 0 and curve.hours > 0


def _style(number: int, keyword: str) -> dict[str, Any]:
    """Of a keyword's curve, the same in all panels."""
    if keyword == POOLED:
        return {"color": "black", "linestyle": "-", "linewidth": 1.5}
    dashes = ("-", "--", ":", "-.")[number // 10 % 4]  # there are ten colours
    return {"color": f"C{number % 10}", "linestyle": dashes, "linewidth": 1.5}


def _det_panel(
    panel: Any, result: Result, styles: Mapping[str, dict[str, Any]], floors: tuple[float, ...]
) -> None:
    scored = result.scored
    rows = {p.keyword: p for p in result.points if p.set_name == scored.name and not p.is_reading}
    panel.set_title(f"{scored.name}, {scored.condition} ({scored.hours:.3g} h)")
    panel.set_xlabel("false alarms per hour (without the keyword)")
    drawn = [keyword for keyword, curve in result.curves.items() if _is_defined(curve)]
    if not drawn:
        centre = {"ha": "center", "va": "center", "transform": panel.transAxes}
        panel.text(0.5, 0.5, "undefined: no positives or no hours", **centre)
        return
    for keyword in drawn:
        panel.step(*_corners(result.curves[keyword], floors), where="post", **styles[keyword])
        _mark(panel, rows[keyword], styles[keyword]["color"], floors)
    panel.axvline(floors[0], color="0.6", linewidth=0.8, linestyle=":")
    panel.axhline(floors[1], color="0.6", linewidth=0.8, linestyle=":")
    panel.grid(color="0.9", linewidth=0.6)


def _corners(curve: Curve, floors: tuple[float, ...]) -> tuple[Any, Any]:
    """The steps of a frontier, zeros put on the floors: from all missed on to the most alarms."""
    alarms, misses = frontier(curve)
    most = max(curve.false_alarms.max(initial=0), alarms[-1])
    x = np.concatenate(([0], alarms, [most])) / curve.hours
    y = np.concatenate(([curve.positives], misses, misses[-1:])) / curve.positives
    return np.maximum(x, floors[0]), np.maximum(y, floors[1])


def _mark(panel: Any, point: OperatingPoint, colour: str, floors: tuple[float, ...]) -> None:
    """The operating point with its bounds."""
    miss_rate, fa_per_hour = point.miss_rate, point.fa_per_hour
    if miss_rate is None or fa_per_hour is None:
        return
    x, y = max(fa_per_hour.value, floors[0]), max(miss_rate.value, floors[1])
    panel.errorbar(
        [x],
        [y],
        xerr=[[x - max(fa_per_hour.lower, floors[0])], [fa_per_hour.upper - x]],
        yerr=[[y - max(miss_rate.lower, floors[1])], [miss_rate.upper - y]],
        color=colour,
        marker="o",
        capsize=2,
        elinewidth=0.8,
        markersize=6,
    )


def _logarithmic(axis: Any, floor: float, top: float, text: str, scale: float = 1) -> None:
    """Make an axis logarithmic from its floor, which stands for zero, with numbers to read.

    Args:
        axis: of a panel.
        floor: where zero is drawn.
        top: the largest value.
        text: the form of a number.
        scale: what it is multiplied with.
    """
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.axes.set(**{f"{axis.axis_name}lim": (floor * 0.8, top * 1.1)})
    decades = range(math.floor(math.log10(floor)), math.ceil(math.log10(top)) + 1)
    told = (1, 2, 5) if top / floor <= 10**MOST_TENFOLDS else (1,)
    ticks, labels = [floor], ["0"]
    for decade, digit in itertools.product(decades, (1, 2, 5)):
        tick = digit * 10.0**decade
        if 1.5 * floor < tick <= top * 1.05:
            ticks.append(tick)
            labels.append(text.format(scale * tick) if digit in told else "")
    axis.set_ticks(ticks, labels)
    axis.set_minor_locator(NullLocator())


def confidences_figure(results: Sequence[Result]) -> Figure:
    """What `plot_confidences` saves."""
    keywords = results[0].scored.keywords
    size = (5.4 * len(results) + 0.6, 2.6 * len(keywords) + 0.8)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(keywords), len(results), squeeze=False, sharex=True)
    for column, result in enumerate(results):
        for row, keyword in enumerate(keywords):
            _histogram(panels[row][column], result, keyword)
        panels[-1][column].set_xlabel("largest confidence")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def _histogram(panel: Any, result: Result, keyword: str) -> None:
    scored = result.scored
    positives, negatives = best_confidences(scored, keyword)
    bins = np.linspace(0, 1, NUM_BINS + 1)
    for values, colour, label in (
        (negatives, "0.5", "without the keyword"),
        (positives, "C0", "with it"),
    ):
        panel.hist(values, bins, histtype="stepfilled", color=colour, alpha=0.6, label=label)
    panel.axvline(result.thresholds[keyword], color="C3", linewidth=1.2, label="threshold")
    if positives or negatives:
        panel.set_yscale("log")
        panel.set_ylim(bottom=0.6)
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        panel.yaxis.set_minor_locator(NullLocator())
    counted = f"with it: {len(positives)}, without: {len(negatives)} stretches of 3 s"
    title = f"{_plain(keyword)}: {scored.name}, {scored.condition}\n{counted}"
    panel.set_title(title, fontsize="medium")
    panel.set_ylabel("count")


def _save(figure: Figure, path: str | Path) -> None:
    FigureCanvasAgg(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DPI)


def _plain(name: str) -> str:
    """A name as it is printed: matplotlib takes what stands between two $ for a formula."""
    return name.replace("$", r"\$")
