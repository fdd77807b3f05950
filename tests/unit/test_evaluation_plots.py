"""DET curves are drawn as frontiers that can be read."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kws.evaluation import plots
from kws.evaluation.counting import Counts
from kws.evaluation.operating_points import OperatingPoint
from kws.evaluation.plots import det_figure, frontier
from kws.evaluation.scoring import POOLED
from kws.evaluation.sweep import Curve, EventRule, KeywordTrack, pooled, sweep


def curve(counts: list[tuple[int, int]], positives: int = 10, hours: float = 2.0) -> Curve:
    """One with these false alarms and misses at falling thresholds."""
    table = np.array(counts, dtype=np.int64).reshape(-1, 2)
    thresholds = np.linspace(0.9, 0.1, len(table))
    return Curve(thresholds, table[:, 1], table[:, 0], positives, hours, complete=True)


def points(of: Curve) -> list[tuple[int, int]]:
    alarms, misses = frontier(of)
    return list(zip(alarms.tolist(), misses.tolist(), strict=True))


def test_what_runs_back_and_forth_is_drawn_without_it() -> None:
    there = [(0, 9), (0, 7), (1, 7), (2, 5), (3, 5), (2, 4), (1, 4), (3, 4), (4, 0)]
    assert points(curve(there)) == [(0, 7), (1, 4), (4, 0)]


def test_two_bursts_that_become_one() -> None:
    # an alarm at 0.9, two from 0.7 down to the valley between them, one below it
    bursts = np.array([0, 0.9, 0.3, 0.2, 0.3, 0.7, 0])
    word = np.array([0, 0, 0.15, 0, 0, 0, 0])
    whole = SimpleNamespace(start_s=-np.inf, end_s=np.inf, is_trial=True)
    tracks = [KeywordTrack(bursts, bursts, (), 7.0), KeywordTrack(word, word, (whole,), 0.0)]  # type: ignore[arg-type]
    rule = EventRule(refractory_frames=3, w_max=4, frame_shift_s=1.0, frame_offset_s=0.0)
    swept = sweep(tracks, rule, max_false_alarms=10)
    assert swept.false_alarms.max() == 2
    assert points(swept) == [(0, 1), (1, 0)]


@pytest.mark.parametrize(
    ("counts", "best"), [([], (0, 10)), ([(0, 0)], (0, 0)), ([(3, 10)], (0, 10))]
)
def test_a_frontier_begins_with_the_best_without_alarms(
    counts: list[tuple[int, int]], best: tuple[int, int]
) -> None:
    assert points(curve(counts)) == [best]


COUNTS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 10)), max_size=30)


@given(COUNTS)
def test_a_frontier_is_monotone_reachable_and_not_bettered(counts: list[tuple[int, int]]) -> None:
    reachable = [(0, 10), *counts]
    found = points(curve(counts))
    assert set(found) <= set(reachable)
    for (alarms, misses), (more, fewer) in itertools.pairwise(found):
        assert alarms < more and misses > fewer
    for alarms, misses in reachable:
        assert min(m for a, m in found if a <= alarms) <= misses


def drawn(*curves: Mapping[str, Curve], at: int = 0) -> Figure:
    """The figure of sets with these curves, whose points are the entries `at`."""
    results: list[Any] = []
    for number, of_set in enumerate(curves):
        name = f"set {number}"
        rows = [
            OperatingPoint(keyword, name, "clean", "stored", 0.5, of_keyword.counts(at))
            if len(of_keyword.thresholds)
            else OperatingPoint(keyword, name, "clean", "stored", 0.5, Counts(0, 0, 2.0, 0))
            for keyword, of_keyword in of_set.items()
        ]
        scored = SimpleNamespace(name=name, condition="clean", hours=2.0)
        results.append(SimpleNamespace(scored=scored, points=rows, curves=of_set))
    figure = det_figure(results)
    FigureCanvasAgg(figure).draw()
    return figure


BACK = [(0, 9), (1, 6), (2, 6), (1, 5), (4, 1), (3, 2), (6, 0)]


def test_a_drawn_curve_is_the_frontier() -> None:
    one = curve(BACK)
    (panel,) = drawn({"low": one}).axes
    line = next(line for line in panel.get_lines() if line.get_drawstyle() == "steps-post")
    x, y = (np.asarray(values, dtype=float) for values in (line.get_xdata(), line.get_ydata()))
    assert (np.diff(x) >= 0).all() and (np.diff(y) <= 0).all()
    # none missed stands at half a miss of 10, no alarm at half an alarm in 2 hours
    assert y.tolist() == [1.0, 0.9, 0.5, 0.2, 0.1, 0.05, 0.05]
    assert x.tolist() == [0.25, 0.25, 0.5, 1.5, 2.0, 3.0, 3.0]


def test_zero_and_round_numbers_stand_at_the_axes() -> None:
    (panel,) = drawn({"low": curve(BACK)}).axes
    ticks = {label.get_text() for label in panel.get_xticklabels()}
    assert {"0", "1", "2"} <= ticks
    assert panel.get_xticks()[0] == 0.25
    texts = [label.get_text() for label in panel.get_yticklabels()]
    assert texts[0] == "0" and texts[-1] == "100 %"


def test_a_keyword_has_one_colour_in_all_panels_and_the_legend_is_beside_them() -> None:
    low, high = curve(BACK), curve([(0, 3), (5, 2)])
    nothing = curve([], positives=0)
    first = {"low": nothing, "high": high}
    second = {"low": low, "high": high}
    figure = drawn(
        {**first, POOLED: pooled(list(first.values()))},
        {**second, POOLED: pooled(list(second.values()))},
    )
    colours = [
        [line.get_color() for line in panel.get_lines() if line.get_drawstyle() == "steps-post"]
        for panel in figure.axes
    ]
    assert colours == [["C1", "black"], ["C0", "C1", "black"]]
    (legend,) = figure.legends
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts[:3] == ["low", "high", POOLED]
    box = legend.get_window_extent()
    assert all(panel.get_window_extent().x1 < box.x0 for panel in figure.axes)
    assert box.x1 <= figure.bbox.x1


def test_where_nothing_is_defined_the_panel_says_so_in_its_middle() -> None:
    nothing = {"low": curve([], positives=0)}
    for figure in (drawn(nothing), drawn(nothing, {"low": curve(BACK)})):
        panel = figure.axes[0]
        (text,) = panel.texts
        middle = text.get_window_extent()
        inside = panel.get_window_extent()
        assert inside.x0 < middle.x0 and middle.x1 < inside.x1
        assert inside.y0 < middle.y0 and middle.y1 < inside.y1


@pytest.mark.parametrize("most", [1, 6, 40, 3000])
def test_counts_are_plain_numbers(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    found = ([0.9] * 2, [0.1] * most)
    monkeypatch.setattr(plots, "best_confidences", lambda scored, keyword: found)
    scored = SimpleNamespace(name="test", condition="clean", keywords=("low", "high tone"))
    result: Any = SimpleNamespace(scored=scored, thresholds={"low": 0.5, "high tone": 0.6})
    figure = plots.confidences_figure([result])
    FigureCanvasAgg(figure).draw()
    for panel in figure.axes:
        bottom, top = panel.get_ylim()
        axis = panel.yaxis
        shown = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
        labels = [label.get_text() for y, label in shown if bottom <= y <= top]
        assert labels[0] == "1" and all(label.isdigit() for label in labels)
        assert not any(label.get_text() for label in axis.get_minorticklabels())
    (legend,) = figure.legends
    box = legend.get_window_extent()
    assert all(panel.get_tightbbox().y1 < box.y0 for panel in figure.axes)
