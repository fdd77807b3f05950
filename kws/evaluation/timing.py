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
        has_token, is_correct = _frames(reference, hypothesis)
        num_frames += int(has_token.sum())
        num_correct += int((has_token & is_correct).sum())
        aligned, recognised = alignment.indices()
        is_boundary = (alignment.edits[alignment.edits <= 1] == CORRECT) & (aligned > 0)
        starts = np.array([word.start_s for word in reference])[aligned[is_boundary]]
        found = np.array([word.start_s for word in hypothesis])[recognised[is_boundary]]
        boundaries.append(found - starts)
    if not num_frames:
        return None
    return TimeErrors(num_utterances, num_frames, num_correct, np.concatenate(boundaries))


def _frames(
    reference: Sequence[Word], hypothesis: Sequence[Word]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """(T,) whether the reference has a token, and whether the hypothesis has the same."""
    num_frames = round(max(word.end_s for word in reference) / FRAME_SHIFT_S)
    middles: Floats = (np.arange(num_frames, dtype=np.float64) + 0.5) * FRAME_SHIFT_S
    numbers: dict[str, int] = {}
    tracks = [_track(words, middles, numbers) for words in (reference, hypothesis)]
    return tracks[0] >= 0, tracks[0] == tracks[1]


def _track(words: Sequence[Word], times: Floats, numbers: dict[str, int]) -> npt.NDArray[np.int64]:
    """The token at each time, as a number; -1 where there is none."""
    starts = np.array([word.start_s for word in words])
    ends = np.array([word.end_s for word in words])
    tokens = np.array([numbers.setdefault(word.word, len(numbers)) for word in words])
    last = np.searchsorted(starts, times, side="right") - 1
    return np.where((last >= 0) & (times < ends[last]), tokens[last], -1)
