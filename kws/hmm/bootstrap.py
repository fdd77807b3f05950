"""First word times for recordings without any: the loudest stretch of plausible length.

Each phrase gets a duration range from its spelling; the phrases are then placed, in order and
without overlap, so that the sum over their frames of (prominence - threshold), in dB, is largest.
The threshold lies between the noise floor and the loudest frames: silence costs and speech pays,
and the best stretch runs from the onset of the word to its end, over its stop gaps, and past
neither a click (too short) nor a hum (no change of level). It is a start for realignment, not more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kws.hmm.labels import Span

Floats = npt.NDArray[np.floating]

FRAME_SHIFT_S = 0.01
FRAME_LENGTH_S = 0.025
LETTER_S = 0.08  # a letter of read speech: "computer" 0.64 s
MIN_WORD_S = 0.2
MAX_WORD_S = 1.2
DURATION_RANGE = (0.6, 1.7)  # of the expected duration
RANGE_DB = 50.0  # a floor that is deeper than this under the peak is a noise gate's, or digital
THRESHOLD = 0.4  # of the way from the floor up to the peak
NUM_BANDS = 12
BAND_RANGE_HZ = (200.0, 7000.0)  # with the s of "glass"; at most 0.45 of the sample rate
ROUNDING_POWER = 1.0 / 12  # of 16-bit samples, so that zeros have a level too
MIN_CONTRAST_DB = 5.0  # steady noise alone reaches 4.6, a word as loud as the noise 7
EDGE = 0.25  # soft first and last sounds may stand out only this far, on the same way
MAX_EDGE_S = 0.08


def place_by_energy(samples: Floats, sample_rate: int, phrases: Sequence[str]) -> list[Span]:
    """Place `phrases` on the loud stretches of a recording, in their order.

    Give the text's keywords and, as phrases of their own, the words between them. The words of a
    phrase share its time in proportion to their letters.

    Args:
        samples: (S,) at 16-bit scale.
        phrases: the phrases in the order of speech, each of one word or several.

    Returns:
        the words of all phrases; none when the recording is too short or its level constant
        (silence: there is nothing to be found).
    """
    prominence = prominence_db(samples, sample_rate)
    num_frames = [_num_frames(phrase) for phrase in phrases]
    if not phrases or len(prominence) < sum(least for least, _ in num_frames):
        return []
    peak_db = float(np.percentile(prominence, 99))
    if peak_db < MIN_CONTRAST_DB:
        return []
    stretches = _place(prominence - THRESHOLD * peak_db, num_frames)
    stretches = _with_soft_edges(stretches, prominence > EDGE * peak_db)
    return [
        span
        for phrase, (first, end) in zip(phrases, stretches, strict=True)
        for span in _shared_out(phrase, first * FRAME_SHIFT_S, end * FRAME_SHIFT_S)
    ]


def prominence_db(samples: Floats, sample_rate: int) -> Floats:
    """How far each frame stands out of the noise floor: root mean square over mel bands, in dB.

    Each band has a floor of its own, so a band full of steady noise says nothing and the others
    decide; squares, because an s fills few bands but those well. The floor is the level that a
    tenth of the frames lie under, at most 50 dB below the band's peak: under that is a noise gate,
    or digital silence.

    Returns:
        (T,), 0 or more; frame t lies around (t + 0.5) * 10 ms.
    """
    step = round(FRAME_SHIFT_S * sample_rate)
    length = round(FRAME_LENGTH_S * sample_rate)
    num_frames = len(samples) // step
    if num_frames == 0:
        return np.zeros(0)
    around = (length - step) // 2
    padded = np.pad(samples.astype(np.float32), (around, length), mode="edge")
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[::step][:num_frames]
    power = np.abs(np.fft.rfft(frames * np.hanning(length), axis=1)) ** 2
    low, high = (math.log1p(min(hz, 0.45 * sample_rate) / 700) for hz in BAND_RANGE_HZ)
    mels = 1127 * np.linspace(low, high, NUM_BANDS + 1)
    edges = np.round(700 * np.expm1(mels / 1127) * length / sample_rate).astype(np.int64)
    bands = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1)  # (T, bands)
    levels = 10 * np.log10(bands + ROUNDING_POWER * length)
    floor = np.maximum(np.percentile(levels, 10, axis=0), levels.max(axis=0) - RANGE_DB)
    above: Floats = np.sqrt(np.square(np.maximum(levels - floor, 0.0)).mean(axis=1))
    return above


def expected_duration_s(phrase: str) -> float:
    """How long `phrase` takes to say, from its letters."""
    return LETTER_S * sum(len(word) for word in phrase.split())


def _num_frames(phrase: str) -> tuple[int, int]:
    """The least and the largest number of frames of a phrase."""
    num_words = len(phrase.split())
    expected_s = expected_duration_s(phrase)
    bounds_s = [
        min(max(share * expected_s, MIN_WORD_S * num_words), MAX_WORD_S * num_words)
        for share in DURATION_RANGE
    ]
    return round(bounds_s[0] / FRAME_SHIFT_S), round(bounds_s[1] / FRAME_SHIFT_S)


def _place(gains: Floats, num_frames: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Stretches [first, end) in order whose gains sum to the most; their lengths are bounded.

    Dynamic programming over the borders between frames: `best[e]` is the largest sum with the
    phrases so far at or before border e.

    Args:
        gains: (T,).
        num_frames: the least and the largest length of each stretch.
    """
    total = np.concatenate([[0.0], np.cumsum(gains)])  # (T + 1,)
    best = np.zeros(len(total))
    choices: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
    for least, most in num_frames:
        sums = np.full(len(total), -np.inf)  # of stretches that end exactly at a border
        firsts = np.zeros(len(total), dtype=np.int64)
        for length in range(least, min(most, len(gains)) + 1):
            candidates = best[: len(total) - length] + total[length:] - total[:-length]
            better = np.flatnonzero(candidates > sums[length:]) + length
            sums[better] = candidates[better - length]
            firsts[better] = better - length
        best = np.maximum.accumulate(sums)
        ends = np.maximum.accumulate(np.where(sums == best, np.arange(len(total)), 0))
        choices.append((firsts, ends))
    stretches = []
    border = len(gains)
    for firsts, ends in reversed(choices):
        end = int(ends[border])
        border = int(firsts[end])
        stretches.append((border, end))
    return stretches[::-1]


def _with_soft_edges(
    stretches: Sequence[tuple[int, int]], audible: npt.NDArray[np.bool_]
) -> list[tuple[int, int]]:
    """Each stretch grown at both ends over audible frames, short of its neighbours."""
    most = round(MAX_EDGE_S / FRAME_SHIFT_S)
    grown: list[tuple[int, int]] = []
    for number, (first, end) in enumerate(stretches):
        before = grown[-1][1] if grown else 0
        after = stretches[number + 1][0] if number + 1 < len(stretches) else len(audible)
        earliest, latest = max(before, first - most), min(after, end + most)
        while first > earliest and audible[first - 1]:
            first -= 1
        while end < latest and audible[end]:
            end += 1
        grown.append((first, end))
    return grown


def _shared_out(phrase: str, start_s: float, end_s: float) -> list[Span]:
    words = phrase.split()
    letters = np.cumsum([0, *(len(word) for word in words)])
    borders = start_s + (end_s - start_s) * letters / letters[-1]
    return [
        Span(word, float(first), float(end))
        for word, first, end in zip(words, borders, borders[1:], strict=False)
    ]
