"""What one evaluation found: a scored set, its curves, its operating points, its events."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kws.detection import Detection
from kws.evaluation.counting import Judgement, total
from kws.evaluation.operating_points import (
    CURVE_FALSE_ALARMS,
    Latencies,
    OperatingPoint,
    curve_points,
)
from kws.evaluation.references import WORD_MARGIN_S, Window
from kws.evaluation.scoring import POOLED, ScoredSet, Track
from kws.evaluation.sweep import Curve

NUM_WORST = 10  # misses and false alarms of each keyword that a report shows


@dataclass(frozen=True, eq=False)
class Result:
    """A scored set and what the operating thresholds make of it."""

    scored: ScoredSet
    curves: Mapping[str, Curve]
    thresholds: Mapping[str, float]
    points: tuple[OperatingPoint, ...]
    judgements: tuple[tuple[Track, Judgement], ...]


@dataclass(frozen=True, eq=False)
class Case:
    """A miss or a false alarm to listen to."""

    track: Track
    keyword: str
    confidence: float
    peak_s: float
    is_near: bool = False
    """whether it is no false alarm yet, but would be the next one at a lower threshold"""


def assess(
    scored: ScoredSet,
    curves: Mapping[str, Curve],
    thresholds: Mapping[str, float],
    source: str,
    *,
    notes: Mapping[str, str],
    readings: Sequence[int] = CURVE_FALSE_ALARMS,
) -> Result:
    """Count at the operating thresholds, for the set and for each of its data dirs.

    Args:
        scored: the set.
        curves: its DET curves.
        thresholds: the operating threshold of every keyword.
        source: where they are from: dev-solved, stored or given.
        notes: what there is to say of a keyword's threshold.
        readings: numbers of false alarms at which points are read off the set's own curve.
    """
    judgements = tuple(scored.judgements(thresholds))
    dirs = list(dict.fromkeys(str(track.data.path) for track in scored.tracks))
    parts = {scored.name: judgements}
    if len(dirs) > 1:
        for path in dirs:
            own = tuple(pair for pair in judgements if str(pair[0].data.path) == path)
            parts[f"{scored.name}:{path}"] = own
    points = []
    for set_name, pairs in parts.items():
        for keyword in curves:
            of_keyword = [j for _, j in pairs if keyword in (j.keyword, POOLED)]
            points.append(
                OperatingPoint(
                    keyword,
                    set_name,
                    scored.condition,
                    source,
                    None if keyword == POOLED else thresholds[keyword],
                    total(of_keyword),
                    _latencies(of_keyword, scored.spotter.look_ahead_s),
                    notes.get(keyword, ""),
                )
            )
        if set_name == scored.name:
            for keyword, curve in curves.items():
                points += curve_points(curve, keyword, scored.name, scored.condition, readings)
    return Result(scored, curves, thresholds, tuple(points), judgements)


def worst_misses(result: Result, keyword: str) -> list[Case]:
    """The misses of the lowest confidences."""
    cases = []
    for track, judgement in result.judgements:
        if judgement.keyword == keyword:
            cases += [_loudest(result.scored, track, keyword, w) for w in judgement.missed]
    return sorted(cases, key=lambda case: case.confidence)[:NUM_WORST]


def worst_false_alarms(result: Result, keyword: str) -> list[Case]:
    """The false alarms of the highest confidences; where they are few, the nearest to one too."""
    curve = result.curves[keyword]
    enough = np.flatnonzero(curve.false_alarms >= NUM_WORST)
    lowest = curve.thresholds[enough[:1]] if len(enough) else curve.thresholds[-1:]
    threshold = min([result.thresholds[keyword], *lowest.tolist()])
    cases = [
        Case(
            track,
            keyword,
            event.confidence,
            event.peak_s,
            is_near=event.confidence < result.thresholds[keyword],
        )
        for track, judgement in result.scored.judgements({**result.thresholds, keyword: threshold})
        if judgement.keyword == keyword
        for event in judgement.false_alarms
    ]
    return sorted(cases, key=lambda case: -case.confidence)[:NUM_WORST]


def best_confidences(scored: ScoredSet, keyword: str) -> tuple[list[float], list[float]]:
    """How high the confidence rises in each positive, and in each stretch without the keyword.

    Returns:
        the largest confidence in every window that is a trial; and in every stretch of at most
        3 s outside the windows (and outside the `w_max` frames for which they resound).
    """
    k = scored.keywords.index(keyword)
    positives, negatives = [], []
    shift_s = scored.spotter.options.frame_shift_s
    stretch = max(1, round(3 / shift_s))
    for track in scored.tracks:
        confidence = track.confidences[:, k].copy()
        for window in track.reference.windows_of(keyword):
            begin, end = _frames_in(scored, track, window)
            if window.is_trial and begin < end:
                positives.append(float(track.confidences[begin:end, k].max()))
            confidence[begin : end + scored.spotter.confidence.w_max] = -1
        for first in range(0, len(confidence), stretch):
            largest = float(confidence[first : first + stretch].max())
            negatives += [largest] if largest >= 0 else []
    return positives, negatives


def _latencies(judgements: Iterable[Judgement], lookahead: float) -> Latencies | None:
    """Of the hits whose word's end is known; None without any."""
    delays = [
        event.trigger_s + lookahead - (window.end_s - WORD_MARGIN_S)
        for judgement in judgements
        for window, event in judgement.hits
        if window.end_s < math.inf
    ]
    if not delays:
        return None
    median_s, percentile95_s = np.percentile(delays, [50, 95])
    return Latencies(float(median_s), float(percentile95_s))


def _loudest(scored: ScoredSet, track: Track, keyword: str, window: Window) -> Case:
    """The highest confidence in a window."""
    confidence = track.confidences[:, scored.keywords.index(keyword)]
    begin, end = _frames_in(scored, track, window)
    if begin >= end:
        return Case(track, keyword, 0.0, 0.0)
    best = begin + int(confidence[begin:end].argmax())
    peak_s = min(scored.spotter.options.frame_centre_s(best), track.reference.duration_s)
    return Case(track, keyword, float(confidence[best]), peak_s)


def _frames_in(scored: ScoredSet, track: Track, window: Window) -> tuple[int, int]:
    num_frames = len(track.confidences)
    return scored.rule.frames_in(window, num_frames, track.reference.duration_s)


def all_events(result: Result) -> list[tuple[Track, Detection, bool]]:
    """Every event at the operating thresholds, and whether it is a hit."""
    events = []
    for track, judgement in result.judgements:
        events += [(track, event, True) for _, event in judgement.hits]
        events += [(track, event, False) for event in judgement.false_alarms]
    return events
