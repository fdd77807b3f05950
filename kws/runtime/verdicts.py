"""The reason why a keyword fired in a recording, or did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.audio import Finding
from kws.detection import Detection
from kws.keyword import Keyword
from kws.runtime.metadata import Metadata
from kws.runtime.unit_peaks import UnitPeak, confidence_peaks, in_order, unit_peaks

Floats = npt.NDArray[np.floating]
NEAR_SHARE = 0.8  # of the threshold: "just below" it
UNHEARD_SHARE = 0.5  # of the threshold: units that all stay below it were not heard
MAX_NAMED = 3  # events in a sentence
BLOCK = 10_000  # frames


@dataclass(frozen=True)
class KeywordReport:
    """What became of one keyword.

    Attributes:
        keyword: its name.
        threshold: of its confidence.
        confidence: the largest in the recording.
        peak_s: when that was; None in a recording without a frame.
        events: those of this keyword.
        nested: what would be events of it, but lies inside events of longer keywords.
        ignored_s: when the confidence reached the threshold again within the refractory period,
            which makes no event.
        units: the largest smoothed posterior of each unit in the whole recording.
        confidence_units: the values whose geometric mean is the largest confidence.
        in_order: whether the units' largest values in its window follow one another as spoken.
        reason: fired, nested, short, silent, just_below, unheard, unit_low, order or apart.
        verdict: the reason in a sentence.
    """

    keyword: str
    threshold: float
    confidence: float
    peak_s: float | None
    events: tuple[Detection, ...]
    nested: tuple[Detection, ...]
    ignored_s: tuple[float, ...]
    units: tuple[UnitPeak, ...]
    confidence_units: tuple[UnitPeak, ...]
    in_order: bool
    reason: str
    verdict: str


@dataclass(frozen=True)
class _Track:
    """What there is to know about one keyword in one recording."""

    metadata: Metadata
    keyword: Keyword
    threshold: float
    confidence: Floats  # (T,)
    smoothed: Floats  # (T, units)
    events: Sequence[Detection]
    nested: Sequence[Detection]

    def time_s(self, frame: int) -> float:
        return self.metadata.frame_offset_s + frame * self.metadata.frame_shift_s

    def window(self, frame: int) -> tuple[Floats, int]:
        """The smoothed posteriors that the confidence at `frame` is made of, and the first's."""
        first = max(0, frame - self.metadata.w_max + 1)
        return self.smoothed[first : frame + 1], first


def report_keyword(
    metadata: Metadata,
    keyword: Keyword,
    threshold: float,
    scores: tuple[Floats, Floats],
    events: Sequence[Detection],
    found: Sequence[Finding] = (),
    nested: Sequence[Detection] = (),
) -> KeywordReport:
    """Tell what became of one keyword.

    Args:
        metadata: of the exported file.
        keyword: the keyword.
        threshold: of its confidence.
        scores: its confidence (T,) and the smoothed posteriors (T, units) of a whole recording.
        events: of this keyword.
        found: what is wrong with the audio.
        nested: of this keyword, inside events of longer ones.
    """
    name, (confidence, smoothed) = keyword.name, scores
    if not len(confidence):
        verdict = f"{name} did not fire: the recording is shorter than one frame"
        return KeywordReport(
            name, threshold, 0.0, None, (), (), (), (), (), False, "short", verdict
        )
    track = _Track(metadata, keyword, threshold, confidence, smoothed, events, nested)
    peak = int(confidence.argmax())
    window, first = track.window(peak)
    ignored_s = _ignored_s(track)
    units = unit_peaks(smoothed, 0, keyword, metadata)
    reason, text = _fired(track, ignored_s) if events else _not_fired(track, units, found)
    if not events and reason not in ("silent", "nested") and found:
        text += "; the audio may be why: " + "; ".join(finding.text for finding in found)
    return KeywordReport(
        name,
        threshold,
        float(confidence[peak]),
        track.time_s(peak),
        tuple(events),
        tuple(nested),
        ignored_s,
        units,
        confidence_peaks(window, first, keyword, metadata),
        in_order(unit_peaks(window, first, keyword, metadata)),
        reason,
        f"{name} {'fired' if events else 'did not fire'}: {text}",
    )


def _ignored_s(track: _Track) -> tuple[float, ...]:
    """When the confidence rose to the threshold and no event came of it."""
    above = np.concatenate(([False], track.confidence.astype(np.float64) >= track.threshold))
    edges = np.flatnonzero(np.diff(above, append=False))
    runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)  # from frame, to frame
    return tuple(
        track.time_s(start)
        for start, stop in runs
        if not any(start <= event.trigger_frame < stop for event in (*track.events, *track.nested))
    )


def _fired(track: _Track, ignored_s: Sequence[float]) -> tuple[str, str]:
    text = f"{_at(track.events)} (threshold {track.threshold:.3f})"
    if ignored_s:
        text += (
            f"; that it reached the threshold again at {_times(ignored_s)} does not count: that is "
            f"within the refractory period of {track.metadata.refractory_s:g} s"
        )
    if track.nested:
        text += f"; not told {_at(track.nested)}: inside a longer keyword"
    return "fired", text


def _at(events: Sequence[Detection]) -> str:
    named = [f"at {e.peak_s:.2f} s with confidence {e.confidence:.3f}" for e in events]
    text = ", ".join(named[:MAX_NAMED])
    return text + (f" and {len(named) - MAX_NAMED} more times" if len(named) > MAX_NAMED else "")


def _times(times_s: Sequence[float]) -> str:
    text = ", ".join(f"{time_s:.2f}" for time_s in times_s[:MAX_NAMED])
    return f"{text}{' ...' if len(times_s) > MAX_NAMED else ''} s"


def _not_fired(
    track: _Track, units: tuple[UnitPeak, ...], found: Sequence[Finding]
) -> tuple[str, str]:
    """The reason and its sentence, the plainest one first."""
    threshold, peak = track.threshold, int(track.confidence.argmax())
    confidence = float(track.confidence[peak])
    reached = (
        f"confidence {confidence:.3f} at {track.time_s(peak):.2f} s, threshold {threshold:.3f}"
    )
    if any(finding.code == "silent" for finding in found):
        return "silent", "the recording is silent"
    if track.nested:
        return "nested", f"it lies inside a longer keyword that fired, {_at(track.nested)}"
    if confidence >= NEAR_SHARE * threshold:
        weakest = min(
            confidence_peaks(*track.window(peak), track.keyword, track.metadata),
            key=lambda unit: unit.posterior,
        )
        return (
            "just_below",
            f"it is just below the threshold ({reached}); weakest: {_said(weakest)}",
        )
    best = max(units, key=lambda unit: unit.posterior)
    if best.posterior < UNHEARD_SHARE * threshold:
        return "unheard", f"none of its units was heard; best: {_said(best)} ({reached})"
    if _mean([unit.posterior for unit in units]) < threshold:
        weakest = min(units, key=lambda unit: unit.posterior)
        return "unit_low", f"{_said(weakest)} at most: too low ({reached})"
    frame, together = _best_without_order(track)
    if together >= threshold:
        window, first = track.window(frame)
        heard = unit_peaks(window, first, track.keyword, track.metadata)
        return "order", f"its units came out of order: {_in_time(heard)} ({reached})"
    span_s = track.metadata.w_max * track.metadata.frame_shift_s
    return (
        "apart",
        f"its units came too far apart: {_in_time(units)}; they must be within {span_s:g} s "
        f"({reached})",
    )


def _said(unit: UnitPeak) -> str:
    return f"unit {unit.unit!r} has {unit.posterior:.3f} at {unit.time_s:.2f} s"


def _in_time(units: Sequence[UnitPeak]) -> str:
    ordered = sorted(units, key=lambda unit: unit.time_s)
    return ", ".join(f"{unit.unit!r} at {unit.time_s:.2f} s" for unit in ordered)


def _mean(values: Sequence[float]) -> float:
    """Geometric."""
    return float(np.prod(values) ** (1 / len(values)))


def _best_without_order(track: _Track) -> tuple[int, float]:
    """Where the confidence is largest if the order of the units does not count, and what it is.

    Chen et al. (2014): the geometric mean of the largest smoothed posteriors in the window.
    """
    reach, units = track.metadata.w_max - 1, track.keyword.units
    best, at = -1.0, 0
    for start in range(0, len(track.smoothed), BLOCK):  # a long recording would take much memory
        values = track.smoothed[max(0, start - reach) : start + BLOCK, units]
        padded = np.concatenate((np.zeros((max(0, reach - start), len(units))), values))
        largest = np.lib.stride_tricks.sliding_window_view(padded, reach + 1, axis=0).max(axis=-1)
        products = largest.prod(axis=1)
        place = int(products.argmax())
        if products[place] > best:
            best, at = float(products[place]), start + place
    return at, best ** (1 / len(units))
