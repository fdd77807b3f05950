"""How sure an error rate is, and whether two systems differ: bootstrap and matched pairs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from kws.errors import InputError
from kws.evaluation.alignment import CORRECT, INSERTION, Alignment
from kws.evaluation.bounds import LEVEL, Estimate
from kws.evaluation.token_errors import ScoredTranscripts

NUM_RESAMPLES = 10_000
_MIN_GOOD = 2  # correct tokens that part two segments, as in NIST's sc_stats
_MOST_DRAWN = 1 << 22  # numbers of utterances in memory at once
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PairedDifference:
    """The error rate of a second system minus that of the first, on the same utterances."""

    difference: Estimate
    """with its bootstrap interval"""
    bootstrap_p: float
    """two-sided: how easily a difference as large comes about by the choice of utterances; at
    least 2 / 10001"""
    segments: int
    """of the matched-pairs test: stretches in which one of the systems errs"""
    z: float
    """mean difference of errors per segment over its standard error; positive: the second errs
    more"""
    matched_pairs_p: float
    """two-sided, by the normal distribution"""


def bootstrap_interval(scored: ScoredTranscripts, *, seed: int = 0) -> Estimate:
    """An error rate with its 95 % interval over the choice of utterances.

    Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance evaluation"
    (2004): utterances are drawn with replacement, the rate of each draw is its errors over its
    reference tokens, and the interval holds the middle 95 % of the rates.

    Args:
        scored: at least one utterance.
        seed: of the draws.
    """
    rates = np.concatenate([errors[:, 0] / tokens for errors, tokens in _resamples([scored], seed)])
    return _estimate(scored.total.rate, rates)


def compare(
    first: ScoredTranscripts, second: ScoredTranscripts, *, seed: int = 0
) -> PairedDifference:
    """Whether a second system's error rate differs from the first's, by two tests.

    The bootstrap draws the same utterances for both (Bisani and Ney 2004). The matched-pairs test
    (Gillick and Cox, "Some statistical issues in the comparison of speech recognition algorithms",
    1989; NIST's MAPSSWE) cuts the utterances where both systems have two tokens right and takes
    the differences of errors in these segments as independent. It needs some 50 segments. sc_stats
    passes over insertions at the very end of an utterance by the second system alone; here they
    count.

    Args:
        first: a system's transcripts.
        second: another's, of the same reference.
        seed: of the draws.

    Raises:
        InputError: the references are not the same.
    """
    for utterance, alignment in first.alignments.items():
        other = second.alignments.get(utterance)
        if other is None or other.reference != alignment.reference:
            raise InputError(f"{second.reference.path}: {utterance} has another reference")
    drawn = [
        (errors[:, 1] - errors[:, 0]) / tokens
        for errors, tokens in _resamples([first, second], seed)
    ]
    differences = np.concatenate(drawn)
    least = min(np.count_nonzero(differences <= 0), np.count_nonzero(differences >= 0))
    z, num_segments = _matched_pairs(first, second)
    return PairedDifference(
        difference=_estimate(second.total.rate - first.total.rate, differences),
        bootstrap_p=min(1.0, 2 * (1 + int(least)) / (1 + len(differences))),
        segments=num_segments,
        z=z,
        matched_pairs_p=float(special.erfc(abs(z) / math.sqrt(2))),
    )


def _resamples(systems: list[ScoredTranscripts], seed: int) -> Iterator[tuple[Ints, Ints]]:
    """(N, system) errors and (N,) reference tokens of N draws, until there are all."""
    tokens = systems[0].utterance_tokens
    errors = np.stack([system.utterance_errors for system in systems], axis=1)
    generator = np.random.default_rng(seed)
    at_once = max(1, _MOST_DRAWN // len(tokens))
    for start in range(0, NUM_RESAMPLES, at_once):
        size = (min(at_once, NUM_RESAMPLES - start), len(tokens))
        drawn = generator.integers(len(tokens), size=size)
        of_draws = tokens[drawn].sum(axis=1)
        has_tokens = of_draws > 0  # a draw of utterances without a token has no error rate
        sums = np.stack([of_system[drawn].sum(axis=1) for of_system in errors.T], axis=1)
        yield sums[has_tokens], of_draws[has_tokens]


def _estimate(value: float, resampled: npt.NDArray[np.float64]) -> Estimate:
    tail = (1 - LEVEL) / 2
    lower, upper = np.quantile(resampled, [tail, 1 - tail])
    return Estimate(value, float(lower), float(upper))


def _matched_pairs(first: ScoredTranscripts, second: ScoredTranscripts) -> tuple[float, int]:
    """Z of the differences of errors (second minus first), and the number of segments."""
    differences = [
        errors[1] - errors[0]
        for utterance, alignment in first.alignments.items()
        for errors in segment_errors(alignment, second.alignments[utterance])
    ]
    if len(set(differences)) < 2:  # no spread: as sc_stats, nothing to tell
        return 0.0, len(differences)
    spread = np.std(differences, ddof=1) / math.sqrt(len(differences))
    return float(np.mean(differences) / spread), len(differences)


def segment_errors(first: Alignment, second: Alignment) -> list[tuple[int, int]]:
    """Errors of two systems in each segment of an utterance that has any.

    Args:
        first: one system's alignment.
        second: the other's, with the same reference.
    """
    inserted, wrong = zip(*(_by_token(a) for a in (first, second)), strict=True)
    segments: list[tuple[int, int]] = []
    errors = [0, 0]
    num_good = 0
    for i in range(len(first.reference) + 1):
        insertions = (inserted[0][i], inserted[1][i])
        if any(insertions):
            num_good = 0
        errors = [errors[0] + insertions[0], errors[1] + insertions[1]]
        if i == len(first.reference):
            break
        if wrong[0][i] or wrong[1][i]:
            num_good = 0
            errors = [errors[0] + wrong[0][i], errors[1] + wrong[1][i]]
            continue
        num_good += 1
        if num_good >= _MIN_GOOD and any(errors):
            segments.append((errors[0], errors[1]))
            errors = [0, 0]
    if any(errors):
        segments.append((errors[0], errors[1]))
    return segments


def _by_token(alignment: Alignment) -> tuple[list[int], list[int]]:
    """Insertions before every reference token and at the end, and whether every token is wrong."""
    inserted, wrong = [0], list[int]()
    for edit in alignment.edits.tolist():
        if edit == INSERTION:
            inserted[-1] += 1
        else:
            inserted.append(0)
            wrong.append(int(edit != CORRECT))
    return inserted, wrong
