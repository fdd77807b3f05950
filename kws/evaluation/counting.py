"""Misses and false alarms: what the events of an utterance are, given what was said in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kws.detection import Detection
from kws.evaluation.references import Reference, Window

TIME_TOLERANCE_S = 1e-6  # far below a frame: a peak on the edge of a window lies in it


@dataclass(frozen=True)
class Counts:
    """Misses among positives, false alarms in hours; counts of several sets can be added."""

    positives: int
    misses: int
    hours: float
    false_alarms: int

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.positives + other.positives,
            self.misses + other.misses,
            self.hours + other.hours,
            self.false_alarms + other.false_alarms,
        )


NO_COUNTS = Counts(0, 0, 0.0, 0)


@dataclass(frozen=True)
class Judgement:
    """What became of one keyword in one utterance."""

    reference: Reference
    keyword: str
    hits: tuple[tuple[Window, Detection], ...]
    missed: tuple[Window, ...]
    false_alarms: tuple[Detection, ...]

    @property
    def counts(self) -> Counts:
        return Counts(
            self.reference.num_positives(self.keyword),
            len(self.missed),
            self.reference.seconds_without(self.keyword) / 3600,
            len(self.false_alarms),
        )


def judge(detections: Iterable[Detection], reference: Reference, keyword: str) -> Judgement:
    """Tell hits, misses and false alarms of `keyword` in one utterance.

    Each event, in the order of the triggers, is given to the first window (of those that end
    first) that holds its peak and has no event yet; an event that finds none is a false alarm.
    A trial is a miss when its window has no event.

    Args:
        detections: the utterance's events; those of other keywords are passed over, they count
            when their own keyword is judged.
        reference: the utterance.
        keyword: the keyword's name.
    """
    windows = reference.windows_of(keyword)
    given: dict[int, Detection] = {}
    false_alarms = []
    own = (detection for detection in detections if detection.keyword == keyword)
    for detection in sorted(own, key=lambda detection: detection.trigger_s):
        free = (i for i, w in enumerate(windows) if i not in given and holds(w, detection.peak_s))
        place = next(free, None)
        if place is None:
            false_alarms.append(detection)
        else:
            given[place] = detection
    return Judgement(
        reference,
        keyword,
        tuple((windows[i], detection) for i, detection in sorted(given.items())),
        tuple(w for i, w in enumerate(windows) if w.is_trial and i not in given),
        tuple(false_alarms),
    )


def holds(window: Window, time_s: float) -> bool:
    """Whether a time lies in a window, its edges included."""
    return window.start_s - TIME_TOLERANCE_S <= time_s <= window.end_s + TIME_TOLERANCE_S


def total(judgements: Iterable[Judgement]) -> Counts:
    """The counts of several utterances (or keywords: then of the average keyword) together."""
    return sum((judgement.counts for judgement in judgements), NO_COUNTS)
