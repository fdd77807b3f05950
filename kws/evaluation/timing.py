"""How well the times of recognised words or phones fit: frame accuracy and boundary error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.data import Word
from kws.evaluation.alignment import CORRECT
from kws.evaluation.token_errors import ScoredTranscripts

FRAME_SHIFT_S = 0.01
NEAR_S = 0.02  # boundaries as near as this count as found, TIMIT's usual measure
_LAST_S = 1e9  # 30 years: later times count as this one
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TimeErrors:
    """How far a recogniser's times are from the reference's."""

    utterances: int
    """those that have times in both"""
    frames: int
    correct_frames: int
    boundary_errors_s: Floats
    """(B,) start of every correct token minus that of its reference"""

    @property
    def frame_accuracy(self) -> float:
        """Share of the frames that have the reference's token.

        Raises:
            ValueError: there is no frame.
        """
        if not self.frames:
            raise ValueError("the accuracy of no frame is undefined")
        return self.correct_frames / self.frames

    @property
    def near_boundaries(self) -> float:
        """Share of the boundaries that are at most `NEAR_S` away (NaN without any)."""
        distances = np.round(np.abs(self.boundary_errors_s), 6)  # times are written in microseconds
        return float(np.mean(distances <= NEAR_S)) if len(distances) else float("nan")


def time_errors(scored: ScoredTranscripts) -> TimeErrors | None:
    """Compare the times of transcripts with those of their reference.

    A frame is a multiple of 10 ms and is judged at its middle; where the reference has no token (a
    deleted phone) it does not count, where the hypothesis has none it is wrong. A boundary is the
    start of a token that is correct in the alignment of the tokens, whatever its time; the first
    token of an utterance has none.

    Args:
        scored: utterances whose times do not belong to the tokens that were aligned (a `ctm` of
            other words than `text`) are left out.

    Returns:
        None where no utterance has times in both.
    """
    num_utterances = num_frames = num_correct = 0
    boundaries = []
    for utterance, alignment in scored.alignments.items():
        reference = scored.reference.times.get(utterance, ())
        hypothesis = scored.hypothesis.times.get(utterance, ())
        if (
            not reference
            or not hypothesis
            or tuple(word.word for word in reference) != alignment.reference
            or tuple(word.word for word in hypothesis) != alignment.hypothesis
        ):
            continue
        num_utterances += 1
        of_utterance = _frames(reference, hypothesis)
        num_frames += of_utterance[0]
        num_correct += of_utterance[1]
        aligned, recognised = alignment.indices()
        is_boundary = (alignment.edits[alignment.edits <= 1] == CORRECT) & (aligned > 0)
        starts = np.array([word.start_s for word in reference])[aligned[is_boundary]]
        found = np.array([word.start_s for word in hypothesis])[recognised[is_boundary]]
        boundaries.append(found - starts)
    if not num_frames:
        return None
    return TimeErrors(num_utterances, num_frames, num_correct, np.concatenate(boundaries))


def _frames(reference: Sequence[Word], hypothesis: Sequence[Word]) -> tuple[int, int]:
    """How many frames have a token of the reference, and in how many the hypothesis has the same.

    Between two times at which a token begins or ends nothing changes: frames are counted from one
    to the next, so that the work grows with the tokens, whatever times a file holds.
    """
    spans = [
        np.array([(word.start_s, word.end_s) for word in words])
        for words in (reference, hypothesis)
    ]
    times = np.unique(np.minimum(np.concatenate([span.ravel() for span in spans]), _LAST_S))
    # the first frame whose middle is not before a time; times are written in microseconds
    first_frames = np.ceil(np.round(times / FRAME_SHIFT_S - 0.5, 4))
    num_frames = np.diff(first_frames).astype(np.int64)
    numbers: dict[str, int] = {}
    tracks = [
        _track(span, [word.word for word in words], times[:-1], numbers)
        for span, words in zip(spans, (reference, hypothesis), strict=True)
    ]
    has_token = tracks[0] >= 0
    return (
        int(num_frames[has_token].sum()),
        int(num_frames[has_token & (tracks[0] == tracks[1])].sum()),
    )


def _track(
    span: Floats, tokens: list[str], times: Floats, numbers: dict[str, int]
) -> npt.NDArray[np.int64]:
    """The token at each time, as a number; -1 where there is none."""
    coded = np.array([numbers.setdefault(token, len(numbers)) for token in tokens], np.int64)
    last = np.searchsorted(span[:, 0], times, side="right") - 1
    return np.where((last >= 0) & (times < span[last, 1]), coded[last], -1)
