"""kws.evaluation.alignment against plain dynamic programming; sclite itself: tests/golden."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.errors import InputError
from kws.evaluation.alignment import (
    CORRECT,
    DELETION,
    INSERTION,
    LEVENSHTEIN,
    NIST,
    SUBSTITUTION,
    Weights,
    align,
)

TOKENS = st.lists(st.sampled_from("abc"), max_size=9)


def as_kaldi_counts(reference: list[str], hypothesis: list[str]) -> tuple[int, int, int]:
    """Substitutions, deletions, insertions as compute-wer counts them.

    The recursion of Kaldi's util/edit-distance-inl.h: counts are carried from cell to cell; the
    diagonal is taken where it is cheaper than both others, then a deletion where it is cheaper
    than an insertion.
    """
    above = [(i, 0, i, 0) for i in range(len(reference) + 1)]
    for heard in hypothesis:
        cost, s, d, i = above[0]
        row = [(cost + 1, s, d, i + 1)]
        for place, spoken in enumerate(reference, 1):
            wrong = heard != spoken
            diagonal, left, up = above[place - 1], row[place - 1], above[place]
            if diagonal[0] + wrong < min(up[0], left[0]) + 1:
                row.append((diagonal[0] + wrong, diagonal[1] + wrong, diagonal[2], diagonal[3]))
            elif left[0] < up[0]:
                row.append((left[0] + 1, left[1], left[2] + 1, left[3]))
            else:
                row.append((up[0] + 1, up[1], up[2], up[3] + 1))
        above = row
    return above[-1][1:]


def cheapest(reference: list[str], hypothesis: list[str], weights: Weights) -> int:
    costs = [[0] * (len(hypothesis) + 1) for _ in range(len(reference) + 1)]
    for i in range(len(reference) + 1):
        for j in range(len(hypothesis) + 1):
            ways = [0] if i == j == 0 else []
            if i and j:
                wrong = reference[i - 1] != hypothesis[j - 1]
                ways.append(costs[i - 1][j - 1] + wrong * weights.substitution)
            if i:
                ways.append(costs[i - 1][j] + weights.deletion)
            if j:
                ways.append(costs[i][j - 1] + weights.insertion)
            costs[i][j] = min(ways)
    return costs[-1][-1]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(TOKENS, TOKENS), min_size=1, max_size=6), st.sampled_from([0, 1]))
def test_alignments_spell_both_sides_at_the_least_cost(
    pairs: list[tuple[list[str], list[str]]], which: int
) -> None:
    weights = (NIST, LEVENSHTEIN)[which]
    costs = (0, weights.substitution, weights.deletion, weights.insertion)
    for (reference, hypothesis), alignment in zip(pairs, align(pairs, weights), strict=True):
        edits = list(alignment.pairs())
        assert [spoken for _, spoken, _ in edits if spoken is not None] == reference
        assert [heard for _, _, heard in edits if heard is not None] == hypothesis
        for edit, spoken, heard in edits:
            kind = DELETION if heard is None else INSERTION if spoken is None else None
            assert edit == (kind if kind is not None else int(spoken != heard))
        cost = sum(costs[edit] for edit, _, _ in edits)
        assert cost == cheapest(reference, hypothesis, weights)


def test_levenshtein_counts_are_those_of_kaldi() -> None:
    drawn = random.Random(0)
    pairs = []
    for _ in range(800):
        tokens = "abcdef"[: drawn.choice([1, 2, 3, 6])]
        sides = [[drawn.choice(tokens) for _ in range(drawn.randint(0, 12))] for _ in range(2)]
        pairs.append((sides[0], sides[1]))
    for pair, alignment in zip(pairs, align(pairs, LEVENSHTEIN), strict=True):
        counts = np.bincount(alignment.edits, minlength=4)
        assert tuple(counts[[SUBSTITUTION, DELETION, INSERTION]]) == as_kaldi_counts(*pair)


def test_weights_differ_where_two_edits_are_as_short_as_two_others() -> None:
    pair = [(["a", "b"], ["b", "c"])]
    assert align(pair, NIST)[0].edits.tolist() == [DELETION, CORRECT, INSERTION]  # 6, not 8
    assert align([(["a", "b"], ["c", "d"])], NIST)[0].edits.tolist() == [SUBSTITUTION] * 2
    # of two ways that cost the same compute-wer's ends in the insertion, sclite's in the match
    assert align([(["a"], ["a", "a"])], LEVENSHTEIN)[0].edits.tolist() == [CORRECT, INSERTION]
    assert align([(["a"], ["a", "a"])], NIST)[0].edits.tolist() == [INSERTION, CORRECT]


def test_indices_are_of_the_tokens_that_stand_against_each_other() -> None:
    (alignment,) = align([(["a", "b", "c", "d"], ["x", "a", "c", "e"])])
    assert alignment.edits.tolist() == [INSERTION, CORRECT, DELETION, CORRECT, SUBSTITUTION]
    reference, hypothesis = alignment.indices()
    assert (reference.tolist(), hypothesis.tolist()) == ([0, 2, 3], [1, 2, 3])


def test_order_and_neighbours_change_nothing() -> None:
    drawn = random.Random(1)
    pairs = [
        (
            [drawn.choice("abcd") for _ in range(drawn.randint(0, 40))],
            [drawn.choice("abcd") for _ in range(drawn.randint(0, 40))],
        )
        for _ in range(60)
    ]
    together = align(pairs)
    for pair, alignment in zip(pairs, together, strict=True):
        assert align([pair])[0].edits.tolist() == alignment.edits.tolist()
    assert align([]) == []
    assert align([((), ())])[0].edits.tolist() == []


def test_an_utterance_beyond_the_table_is_refused() -> None:
    with pytest.raises(InputError, match="12000 reference and 12000 hypothesis tokens is too long"):
        align([(["a"] * 12000, ["a"] * 12000)])
