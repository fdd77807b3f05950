"""Error rates of recognised words or phones: substitutions, deletions and insertions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from kws.data.phone_map import PhoneMap
from kws.errors import InputError
from kws.evaluation.alignment import (
    CORRECT,
    DELETION,
    INSERTION,
    SUBSTITUTION,
    Alignment,
    Weights,
    align,
)
from kws.evaluation.transcripts import Transcripts, speaker_of

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ErrorCounts:
    """How many tokens were recognised, and how many were not."""

    utterances: int
    wrong_utterances: int
    """those with an error in them"""
    correct: int
    substitutions: int
    deletions: int
    insertions: int

    @property
    def tokens(self) -> int:
        """Of the reference."""
        return self.correct + self.substitutions + self.deletions

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """(substitutions + deletions + insertions) / tokens of the reference: PER or WER.

        Raises:
            ValueError: there is no token in the reference.
        """
        if not self.tokens:
            raise ValueError("the error rate of no reference token is undefined")
        return self.errors / self.tokens


@dataclass(frozen=True, eq=False)
class ScoredTranscripts:
    """Transcripts aligned with their reference, utterance by utterance."""

    reference: Transcripts
    hypothesis: Transcripts
    weights: Weights
    alignments: Mapping[str, Alignment]
    speakers: Mapping[str, str]
    _edits: Ints = field(init=False)  # (U, 4) by utterance and edit

    def __post_init__(self) -> None:
        counts = [np.bincount(a.edits, minlength=4) for a in self.alignments.values()]
        object.__setattr__(self, "_edits", np.array(counts, np.int64))

    @property
    def total(self) -> ErrorCounts:
        return _counts(self._edits)

    @property
    def utterance_errors(self) -> Ints:
        """(U,) errors of each utterance."""
        return _sum(self._edits, SUBSTITUTION, DELETION, INSERTION)

    @property
    def utterance_tokens(self) -> Ints:
        """(U,) reference tokens of each utterance."""
        return _sum(self._edits, CORRECT, SUBSTITUTION, DELETION)

    def by_speaker(self) -> dict[str, ErrorCounts]:
        """The counts of every speaker, sorted by name."""
        names = np.array([self.speakers[utterance] for utterance in self.alignments])
        return {str(name): _counts(self._edits[names == name]) for name in np.unique(names)}

    def confusions(self) -> Counter[tuple[str | None, str | None]]:
        """How often a reference token became a hypothesis token.

        None as the reference token counts insertions, as the hypothesis token deletions.
        """
        return Counter(
            (reference, hypothesis)
            for alignment in self.alignments.values()
            for _, reference, hypothesis in alignment.pairs()
        )


def score_transcripts(
    reference: Transcripts,
    hypothesis: Transcripts,
    weights: Weights,
    *,
    phone_map: PhoneMap | None = None,
    speakers: Mapping[str, str] | None = None,
) -> ScoredTranscripts:
    """Align a recogniser's transcripts with the reference, and count.

    Args:
        reference: what was said.
        hypothesis: what was recognised, of the same utterances; an utterance that CTM has no line
            for is one without tokens.
        weights: how they are aligned.
        phone_map: both are folded into its last set first.
        speakers: by utterance; without it the reference's, or what the ids begin with.

    Raises:
        InputError: the utterances are not the same, the reference has no token, a phone is not in
            the map, an utterance has no speaker or is too long to be aligned.
    """
    _check_utterances(reference, hypothesis)
    if phone_map is not None:
        reference, hypothesis = reference.folded(phone_map), hypothesis.folded(phone_map)
    utterances = sorted(reference.tokens)
    if not any(reference.tokens.values()):
        raise InputError(
            f"{reference.path}: has no token in any utterance; there is nothing to score"
        )
    alignments = align(
        [(reference.tokens[u], hypothesis.tokens.get(u, ())) for u in utterances], weights
    )
    known = speakers or reference.speakers
    if known:
        for utterance in utterances:
            if utterance not in known:
                raise InputError(
                    f"{reference.path}: {utterance} has no speaker in utt2spk; add a line"
                )
    of_utterance = {u: known[u] if known else speaker_of(u) for u in utterances}
    pairs = dict(zip(utterances, alignments, strict=True))
    return ScoredTranscripts(reference, hypothesis, weights, pairs, of_utterance)


def _check_utterances(reference: Transcripts, hypothesis: Transcripts) -> None:
    extra = sorted(hypothesis.tokens.keys() - reference.tokens.keys())
    missing = sorted(reference.tokens.keys() - hypothesis.tokens.keys())
    for names, of, other in (
        (extra, hypothesis, reference),
        (missing if not hypothesis.omits_silent else [], reference, hypothesis),
    ):
        if names:
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            remedy = "; write its id alone where nothing was recognised" if names is missing else ""
            raise InputError(
                f"{of.path}: utterance {names[0]} is not in {other.path}{more}{remedy}"
            )


def _sum(edits: Ints, *kinds: int) -> Ints:
    """(U,) edits of some kinds together."""
    total: Ints = edits[:, list(kinds)].sum(axis=1)
    return total


def _counts(edits: Ints) -> ErrorCounts:
    correct, substitutions, deletions, insertions = (int(n) for n in edits.sum(axis=0))
    wrong = int((_sum(edits, SUBSTITUTION, DELETION, INSERTION) > 0).sum())
    return ErrorCounts(len(edits), wrong, correct, substitutions, deletions, insertions)
