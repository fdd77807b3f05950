"""The DET curve: misses and false alarms of one keyword at every threshold that makes a difference.

The counts change only at confidences that occur, so these are the thresholds. At each of them the
counts are exactly those of `kws.detection.Detector`: a trigger, the refractory period, one alarm
for one burst. Instead of running a detector thousands of times, every threshold of every stretch
of audio is a runner; all runners take one event per round together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.evaluation.counting import TIME_TOLERANCE_S, Counts
from kws.evaluation.references import Window
from kws.evaluation.search import RangeMaxima, running_max

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
SPARE_PEAKS = 100  # how many more local maxima are looked at first than there may be events


@dataclass(frozen=True)
class EventRule:
    """What the sweep must know of the detector; see `kws.detection.Detector`."""

    refractory_frames: int
    w_max: int
    frame_shift_s: float
    frame_offset_s: float

    def frames_in(self, window: Window, num_frames: int, duration_s: float) -> tuple[int, int]:
        """The first frame whose centre lies in a window, and the one after the last.

        Frames behind the end of the recording, which lasts `duration_s`, lie at its end.
        """
        start_s, end_s = window.start_s - TIME_TOLERANCE_S, window.end_s + TIME_TOLERANCE_S
        if start_s > duration_s:
            return num_frames, num_frames
        begin = np.ceil((start_s - self.frame_offset_s) / self.frame_shift_s)
        end = np.floor((end_s - self.frame_offset_s) / self.frame_shift_s) + 1
        if end_s >= duration_s:
            end = num_frames
        return int(np.clip(begin, 0, num_frames)), int(np.clip(end, 0, num_frames))


@dataclass(frozen=True)
class KeywordTrack:
    """What one utterance means to one keyword."""

    confidence: Floats  # (T,)
    last_unit: Floats  # (T,), smoothed posterior of the keyword's last unit
    windows: tuple[Window, ...]
    seconds_without: float
    duration_s: float = math.inf
    """of the recording, behind whose end its frames may go on"""


@dataclass(frozen=True)
class Curve:
    """Counts at falling thresholds: entry i holds from `thresholds[i]` up to the one before it.

    Above the first threshold there is no event at all.
    """

    thresholds: Floats  # (M,), falling
    misses: Ints  # (M,)
    false_alarms: Ints  # (M,)
    positives: int
    hours: float
    complete: bool
    """whether it goes down to the smallest confidence, or ends where alarms became too many"""

    def counts(self, i: int) -> Counts:
        """The counts at threshold i; i = -1 stands for a threshold above all confidences."""
        if i < 0:
            return Counts(self.positives, self.positives, self.hours, 0)
        misses, false_alarms = int(self.misses[i]), int(self.false_alarms[i])
        return Counts(self.positives, misses, self.hours, false_alarms)

    def at(self, threshold: float) -> Counts:
        """The counts at any threshold that the curve reaches down to."""
        if not self.complete and threshold < self.thresholds[-1]:
            raise ValueError(f"the curve ends at {self.thresholds[-1]}, above {threshold}")
        return self.counts(int(np.searchsorted(-self.thresholds, -threshold, side="right")) - 1)


def sweep(tracks: Sequence[KeywordTrack], rule: EventRule, max_false_alarms: int) -> Curve:
    """Sweep the threshold of one keyword from above down to where false alarms are too many.

    Args:
        tracks: the utterances; they are independent of each other.
        rule: how events come about.
        max_false_alarms: the curve ends with the highest threshold that has more than these. (Far
            below, the detector is on most of the time, alarms melt into few long bursts and their
            number falls again; no one would operate it there.)
    """
    positives = sum(window.is_trial for track in tracks for window in track.windows)
    hours = sum(track.seconds_without for track in tracks) / 3600
    joined = _joined(tracks, rule)
    peaks = _local_maxima(joined.confidence)
    num_peaks = 2 * (max_false_alarms + positives) + SPARE_PEAKS
    while True:
        complete = num_peaks >= len(peaks)
        floor = -np.inf if complete else np.partition(peaks, -num_peaks)[-num_peaks]
        floor = float(np.clip(floor, 0.0, 1.0))
        thresholds, misses, false_alarms = _counts_above(joined, floor, rule)
        too_many = np.flatnonzero(false_alarms > max_false_alarms)
        if complete or len(too_many):
            end = too_many[0] + 1 if len(too_many) else len(thresholds)
            return Curve(
                thresholds[:end],
                positives - misses[:end],
                false_alarms[:end],
                positives,
                hours,
                complete=complete and end == len(thresholds),
            )
        num_peaks *= 4


def pooled(curves: Sequence[Curve]) -> Curve:
    """The curve of one threshold for all keywords: counts and hours are sums over the keywords.

    Its rates are thus those of the average keyword. It ends where the first of `curves` does.
    """
    ends = [curve.thresholds[-1] for curve in curves if not curve.complete]
    thresholds = np.unique(np.concatenate([curve.thresholds for curve in curves]))[::-1]
    if ends:
        thresholds = thresholds[thresholds >= max(ends)]
    misses = np.zeros(len(thresholds), dtype=np.int64)
    false_alarms = np.zeros(len(thresholds), dtype=np.int64)
    for curve in curves:
        entries = np.searchsorted(-curve.thresholds, -thresholds, side="right")
        misses += np.concatenate(([curve.positives], curve.misses))[entries]
        false_alarms += np.concatenate(([0], curve.false_alarms))[entries]
    return Curve(
        thresholds,
        misses,
        false_alarms,
        sum(curve.positives for curve in curves),
        sum(curve.hours for curve in curves),
        complete=not ends,
    )


@dataclass(frozen=True)
class _Joined:
    """All tracks one after the other, each followed by one frame of -inf."""

    confidence: Floats  # (F,)
    event_ends: Ints  # (F,), the last frame of an event that triggers here
    window_starts: Ints  # (W,), first frame of each window, in order
    window_ends: Ints  # (W,), last frame of each window, in order
    window_is_trial: Ints  # (W,), 0 or 1


def _joined(tracks: Sequence[KeywordTrack], rule: EventRule) -> _Joined:
    confidences, ends, windows = [np.zeros(0)], [np.zeros(0, dtype=np.int64)], []
    first = 0
    for track in tracks:
        num_frames = len(track.confidence)
        confidences += [track.confidence, np.array([-np.inf])]
        ends += [first + _event_ends(track.last_unit, rule.w_max), np.array([first + num_frames])]
        for window in track.windows:
            begin, end = rule.frames_in(window, num_frames, track.duration_s)
            windows.append((first + begin, first + end - 1, int(window.is_trial)))
        first += num_frames + 1
    table = np.array(windows, dtype=np.int64).reshape(-1, 3)
    return _Joined(np.concatenate(confidences), np.concatenate(ends), *table.T)


def _event_ends(last_unit: Floats, w_max: int) -> Ints:
    """For every frame, the last frame of an event that triggers there."""
    num_frames = len(last_unit)
    frames = np.arange(num_frames)
    fallen = np.where(last_unit < running_max(last_unit, w_max) / 2, frames, num_frames - 1)
    next_fallen = np.minimum.accumulate(fallen[::-1])[::-1]
    return np.minimum(next_fallen, frames + w_max)


def _local_maxima(confidence: Floats) -> Floats:
    """The confidences at which the track is higher than after and not lower than before."""
    around = np.concatenate(([-np.inf], confidence, [-np.inf]))
    return confidence[(confidence >= around[:-2]) & (confidence > around[2:])]


def _counts_above(joined: _Joined, floor: float, rule: EventRule) -> tuple[Floats, Ints, Ints]:
    """Thresholds (falling, from 1 to `floor`), and hits and false alarms at each."""
    high = np.flatnonzero(joined.confidence >= floor)
    if len(high) == 0:
        return np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    groups = _groups(high, joined, rule)
    # one runner for each threshold of each group, thresholds falling within the group; no threshold
    # is above 1, where a network without a softmax may reach
    thresholds = np.minimum(joined.confidence[high], 1.0)
    order = np.lexsort((-thresholds, groups))
    thresholds, runner_groups = thresholds[order], groups[order]
    new = np.append(True, (np.diff(thresholds) != 0) | (np.diff(runner_groups) != 0))
    thresholds, runner_groups = thresholds[new], runner_groups[new]
    hits, false_alarms = _run(high, groups, runner_groups, thresholds, joined, rule)
    # what each threshold adds to the one above it in the same group
    first = np.append(True, np.diff(runner_groups) != 0)
    order = np.argsort(-thresholds, kind="stable")
    thresholds = thresholds[order]
    last = np.concatenate((thresholds[1:] != thresholds[:-1], [True]))
    totals = (np.cumsum(_steps(counts, first)[order])[last] for counts in (hits, false_alarms))
    return thresholds[last], *totals


def _steps(counts: Ints, first: npt.NDArray[np.bool_]) -> Ints:
    return counts - np.where(first, 0, np.roll(counts, 1))


def _groups(high: Ints, joined: _Joined, rule: EventRule) -> Ints:
    """Number the frames `high` by stretches of audio whose events do not touch each other.

    No event of one group is within the refractory period or the length of an event of another,
    and no window has frames of two groups.
    """
    reach = max(rule.refractory_frames, rule.w_max) + 1
    tracks = np.cumsum(np.isneginf(joined.confidence))[high]
    # of the windows that begin no later than a frame, the last one ends last
    last_window = np.searchsorted(joined.window_starts, high[:-1], side="right")
    window_end = np.concatenate(([-1], joined.window_ends))[last_window]
    cut = ((np.diff(high) >= reach) & (window_end < high[1:])) | (np.diff(tracks) != 0)
    return np.concatenate(([0], np.cumsum(cut)))


def _run(
    high: Ints,
    groups: Ints,
    runner_groups: Ints,
    thresholds: Floats,
    joined: _Joined,
    rule: EventRule,
) -> tuple[Ints, Ints]:
    """Let every runner go through its group: its hits and its false alarms.

    Args:
        high: frames that any runner may stand on.
        groups: of each of `high`.
        runner_groups: (R,), where each runner runs.
        thresholds: (R,), of each runner.
    """
    # with the frame after every run of high frames: there each runner is below its threshold
    frames = np.union1d(high, high + 1)
    first = np.concatenate(([True], np.diff(groups) != 0))
    begins = np.searchsorted(frames, high[first])
    ends = np.searchsorted(frames, high[np.append(first[1:], True)]) + 1
    values = joined.confidence[frames]
    longest = int(max((ends - begins).max(), rule.w_max)) + 1
    upward, downward = RangeMaxima(values, longest), RangeMaxima(-values, longest)
    frames = np.append(frames, np.iinfo(np.int64).max // 2)
    window_starts = np.append(joined.window_starts, np.iinfo(np.int64).max)
    is_trial = np.append(joined.window_is_trial, 0)

    hits, false_alarms = np.zeros((2, len(thresholds)), dtype=np.int64)
    runners = np.arange(len(thresholds))
    places, windows = begins[runner_groups], np.zeros(len(thresholds), dtype=np.int64)
    while True:
        places = upward.first_at_least(places, thresholds[runners])
        going = places < ends[runner_groups[runners]]
        runners, places, windows = runners[going], places[going], windows[going]
        if len(runners) == 0:
            return hits, false_alarms
        triggers = frames[places]
        last = np.searchsorted(frames, joined.event_ends[triggers], side="right") - 1
        peaks = frames[upward.first_at_least(places, upward.largest(places, last))]
        windows = np.maximum(windows, np.searchsorted(joined.window_ends, peaks))
        inside = window_starts[windows] <= peaks
        hits[runners] += inside * is_trial[windows]
        false_alarms[runners] += ~inside
        windows += inside
        low = downward.first_at_least(places + 1, np.nextafter(-thresholds[runners], np.inf))
        ready = np.maximum(triggers + rule.refractory_frames, frames[low] + 1)
        places = np.searchsorted(frames, ready)
