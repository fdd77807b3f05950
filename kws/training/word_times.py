"""Where words lie beside what a detector sees of them, measured when a training is done.

Nothing asks the posteriors of max-pooling to peak within the word, and smoothing is late in any
case; but by how much hardly differs from one take of a word to the next.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kws.spotter import Spotter
from kws.training.training_set import TrainingSet

MOST_WORDS = 50  # of each keyword: more would only cost time
LEAST_WORDS = 5  # fewer do not tell
MARGIN_S = 0.5  # the peak of a word's event is no further from the word
WITHIN_S = 0.15
LEAST_SHARE = 0.75  # of the words; where fewer are that close, times are better unknown
EXTREMES = (5, 95)  # percentiles, between which an offset is in the middle


def measure_word_times(
    spotter: Spotter, sets: Sequence[TrainingSet]
) -> dict[str, dict[str, float]]:
    """The offsets of each keyword whose words' times are known, as they stand in the metadata.

    Args:
        spotter: the detector; it needs no thresholds.
        sets: those to measure on; of each keyword the first that has enough words with times.

    Returns:
        by keyword the offsets (see `kws.detection.WordOffsets`), the number of `words` and how many
        of them had both times `within` 0.15 s. Keywords that are left out have no such offsets.
    """
    found = {}
    for number, keyword in enumerate(spotter.keywords):
        measured = (_offsets(spotter, data, number) for data in sets)
        rows = next((rows for rows in measured if len(rows) >= LEAST_WORDS), None)
        if rows is None:
            continue
        # not the median: as few words as can be are to be further off
        middle = np.percentile(rows, EXTREMES, axis=0).mean(axis=0)
        # no later than what is heard when the event is told: the recording may end there
        middle = np.minimum(middle, spotter.look_ahead_s)
        middle = np.floor(1000 * middle) / 1000
        num_within = int((np.abs(rows - middle) <= WITHIN_S).all(axis=1).sum())
        if num_within >= LEAST_SHARE * len(rows):
            found[keyword.name] = {
                "start_s": float(middle[0]),
                "end_s": float(middle[1]),
                "words": len(rows),
                "within": num_within,
            }
    return found


def _offsets(spotter: Spotter, data: TrainingSet, number: int) -> npt.NDArray[np.float64]:
    """From what the detector sees to the words of one keyword, at their starts and ends: (N, 2)."""
    places = [
        (i, occurrence.start_s, occurrence.end_s)
        for i, marks in enumerate(data.marks)
        for occurrence in marks.occurrences
        if occurrence.keyword == number
    ]
    chosen = np.linspace(0, len(places) - 1, min(MOST_WORDS, len(places))).astype(int)
    rows = []
    for i, start_s, end_s in (places[place] for place in chosen):
        if start_s is not None and end_s is not None:
            span = _seen(spotter, data.recordings[i], number, start_s, end_s)
            rows += [] if span is None else [(start_s - span[0], end_s - span[1])]
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


def _seen(
    spotter: Spotter, samples: npt.NDArray[np.int16], number: int, start_s: float, end_s: float
) -> tuple[float, float] | None:
    """When the first unit of a word rose and its last one had fallen.

    The threshold is half of what the word reaches, whatever the model will be given.
    """
    time_s = spotter.options.frame_centre_s
    scores = spotter.score_track(samples.astype(np.float32))  # a copy: the map is read-only
    confidence = scores[0][:, number]
    times_s = time_s(0) + spotter.options.frame_shift_s * np.arange(len(confidence))
    near = (times_s >= start_s - MARGIN_S) & (times_s <= end_s + MARGIN_S)
    if not near.any() or not np.isfinite(confidence[near]).all():  # of a network that overflows
        return None
    name = spotter.keywords[number].name
    thresholds = dict.fromkeys((k.name for k in spotter.keywords), 1.0)
    detector = spotter.detector(thresholds | {name: float(confidence[near].max()) / 2})
    events = detector.finish(scores, detector.init_state(), np.inf)
    near_events = [e for e in events if e.keyword == name and near[e.peak_frame]]
    if not near_events:
        return None
    event = max(near_events, key=lambda event: event.confidence)
    return time_s(event.start_frame), time_s(event.end_frame)
