"""The alignment of recognised tokens with the reference's, as NIST's sclite or Kaldi does it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kws.errors import InputError

Tokens = Sequence[str]
Ints = npt.NDArray[np.int32]
Edits = npt.NDArray[np.uint8]

CORRECT, SUBSTITUTION, DELETION, INSERTION = range(4)
_MOST_MOVES = 1 << 28  # bytes of one alignment's table: about 11,000 tokens by 11,000
_BATCH_MOVES = 1 << 25  # shorter utterances are aligned side by side up to so many


@dataclass(frozen=True)
class Weights:
    """What an edit costs, and which alignment of equal cost is taken."""

    name: str
    substitution: int
    deletion: int
    insertion: int
    diagonal_on_tie: bool
    """of equal costs a match or substitution comes first; otherwise it comes last"""


NIST = Weights("nist", 4, 3, 3, diagonal_on_tie=True)
LEVENSHTEIN = Weights("levenshtein", 1, 1, 1, diagonal_on_tie=False)
WEIGHTS = {weights.name: weights for weights in (NIST, LEVENSHTEIN)}


@dataclass(frozen=True, eq=False)
class Alignment:
    """One utterance's tokens and the edits that lead from the reference to the hypothesis."""

    reference: tuple[str, ...]
    hypothesis: tuple[str, ...]
    edits: Edits  # (P,)

    def pairs(self) -> Iterator[tuple[int, str | None, str | None]]:
        """(edit, reference token, hypothesis token); None where there is no such token."""
        reference, hypothesis = iter(self.reference), iter(self.hypothesis)
        for edit in self.edits.tolist():
            yield (
                edit,
                None if edit == INSERTION else next(reference),
                None if edit == DELETION else next(hypothesis),
            )

    def indices(self) -> tuple[Ints, Ints]:
        """The indices of the tokens that are aligned with each other (correct or substituted)."""
        both = self.edits <= SUBSTITUTION
        return tuple(
            (np.cumsum(self.edits != without) - 1)[both].astype(np.int32)
            for without in (INSERTION, DELETION)
        )  # type: ignore[return-value]


def align(pairs: Sequence[tuple[Tokens, Tokens]], weights: Weights = NIST) -> list[Alignment]:
    """The cheapest alignments of references with hypotheses, by dynamic programming.

    D(i, j) = min of D(i-1, j-1) + (substitution unless equal), D(i-1, j) + deletion and
    D(i, j-1) + insertion. On equal costs NIST takes the first, then the last, then the second;
    LEVENSHTEIN (Kaldi's compute-wer) the last, then the second, then the first: substitutions,
    deletions and insertions then come out as those programs count them, not only their sum.

    Args:
        pairs: (reference, hypothesis) of each utterance.
        weights: NIST (4, 3, 3) or LEVENSHTEIN (1, 1, 1).

    Raises:
        InputError: an utterance is too long for the table that the alignment needs.
    """
    numbers: dict[str, int] = {}
    coded = [
        tuple(np.array([numbers.setdefault(t, len(numbers)) for t in ts], np.int32) for ts in pair)
        for pair in pairs
    ]
    order = sorted(range(len(pairs)), key=lambda u: (len(coded[u][0]), len(coded[u][1])))
    found: list[Alignment | None] = [None] * len(pairs)
    for batch in _batches(order, coded):
        edits = _align_batch([coded[u] for u in batch], weights)
        for u, of_utterance in zip(batch, edits, strict=True):
            found[u] = Alignment(tuple(pairs[u][0]), tuple(pairs[u][1]), of_utterance)
    return [alignment for alignment in found if alignment is not None]


def _batches(order: list[int], coded: list[tuple[Ints, ...]]) -> Iterator[list[int]]:
    """Utterances of similar length, as many at once as fit into the tables."""
    batch: list[int] = []
    longest = [0, 0]
    for u in order:
        lengths = [len(tokens) for tokens in coded[u]]
        if _num_moves(*lengths) > _MOST_MOVES:
            raise InputError(
                f"an utterance of {lengths[0]} reference and {lengths[1]} hypothesis tokens is too "
                "long to be aligned; cut it into segments"
            )
        widest = [max(pair) for pair in zip(longest, lengths, strict=True)]
        if batch and _num_moves(*widest) * (len(batch) + 1) > _BATCH_MOVES:
            yield batch
            batch, widest = [], lengths
        batch.append(u)
        longest = widest
    if batch:
        yield batch


def _num_moves(num_reference: int, num_hypothesis: int) -> int:
    return (num_reference + num_hypothesis + 1) * (num_reference + 1)


def _align_batch(coded: list[tuple[Ints, ...]], weights: Weights) -> list[Edits]:
    references = _padded([pair[0] for pair in coded], -1)
    hypotheses = _padded([pair[1] for pair in coded], -2)
    moves = _moves(references, hypotheses, weights)
    return _trace_back(moves, coded)


def _padded(rows: list[Ints], fill: int) -> Ints:
    padded = np.full((len(rows), max(map(len, rows))), fill, np.int32)
    for of_utterance, row in zip(padded, rows, strict=True):
        of_utterance[: len(row)] = row
    return padded


def _moves(references: Ints, hypotheses: Ints, weights: Weights) -> Edits:
    """The last edit of the cheapest way to every cell: (R + H + 1, B, R + 1), by i + j and i.

    All cells of one i + j are computed at once: they depend on those of i + j - 1 and i + j - 2.
    """
    (num_utterances, num_i), num_j = references.shape, hypotheses.shape[1]
    moves = np.zeros((num_i + num_j + 1, num_utterances, num_i + 1), np.uint8)
    backwards = hypotheses[:, ::-1]
    before = np.zeros((num_utterances, num_i + 1), np.int32)  # costs of i + j = k - 1, by i
    before_that = before.copy()
    for k in range(1, num_i + num_j + 1):
        costs = np.zeros_like(before)
        first, last = max(0, k - num_j), min(num_i, k)
        if first == 0:  # i = 0: insertions alone
            costs[:, 0] = k * weights.insertion
            moves[k, :, 0] = INSERTION
        if last == k:  # j = 0: deletions alone
            costs[:, k] = k * weights.deletion
            moves[k, :, k] = DELETION
        a, b = max(first, 1), min(last, k - 1) + 1
        if a < b:
            differ = references[:, a - 1 : b - 1] != backwards[:, num_j - k + a : num_j - k + b]
            diagonal = before_that[:, a - 1 : b - 1] + differ * np.int32(weights.substitution)
            deleted = before[:, a - 1 : b - 1] + np.int32(weights.deletion)
            inserted = before[:, a:b] + np.int32(weights.insertion)
            other = np.minimum(deleted, inserted)
            is_diagonal = diagonal <= other if weights.diagonal_on_tie else diagonal < other
            costs[:, a:b] = np.where(is_diagonal, diagonal, other)
            sideways = np.where(deleted < inserted, DELETION, INSERTION)
            moves[k, :, a:b] = np.where(is_diagonal, differ, sideways)
        before_that, before = before, costs
    return moves


def _trace_back(moves: Edits, coded: list[tuple[Ints, ...]]) -> list[Edits]:
    """The edits of each utterance, from the first to the last."""
    i = np.array([len(reference) for reference, _ in coded])
    k = i + np.array([len(hypothesis) for _, hypothesis in coded])
    utterances = np.arange(len(coded))
    longest = int(k.max())
    edits = np.full((len(coded), longest), 255, np.uint8)
    num_left = np.full(len(coded), longest)  # edits are written from the end
    while (k > 0).any():
        is_open = k > 0
        edit = moves[k, utterances, i]
        num_left -= is_open
        edits[utterances[is_open], num_left[is_open]] = edit[is_open]
        i = i - (is_open & (edit != INSERTION))
        k = k - is_open * np.where(edit <= SUBSTITUTION, 2, 1)
    return [row[start:] for row, start in zip(edits, num_left.tolist(), strict=True)]
