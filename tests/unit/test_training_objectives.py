"""The losses, counted by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from kws.data.chunks import IGNORED, FrameChunks, Minibatch, Target, WholeUtterances
from kws.training.objectives import (
    Counts,
    CrossEntropy,
    MaxPool,
    Term,
    best_frames,
    loss_of,
    make_objective,
)
from kws.training.options import MaxPoolOptions, parse_train_options

SHIFT_S = 0.01


def label(words: object, centres_s: np.ndarray) -> np.ndarray:
    return np.zeros(len(centres_s), np.int64)


def cross_entropy(filler_weight: float = 1.0) -> CrossEntropy:
    return CrossEntropy(FrameChunks(label, 1), 2, filler_weight)


def max_pool(filler_weight: float = 1.0, **options: float) -> MaxPool:
    given = {"hard_weight": 0.0, "margin_before_s": 0.0, "margin_after_s": 0.0, **options}
    return MaxPool(WholeUtterances(0.0), 2, MaxPoolOptions(**given), SHIFT_S, filler_weight)  # type: ignore[arg-type]


def minibatch(labels: list[list[int]], *targets: Target) -> Minibatch:
    return Minibatch(torch.zeros(len(labels), 1, 1), torch.tensor(labels), targets)


def log_of(*posteriors: list[list[float]]) -> Tensor:
    """(B, F, C)"""
    return torch.tensor(posteriors, dtype=torch.float64).log()


def test_cross_entropy_is_the_mean_over_labelled_frames() -> None:
    log_posteriors = log_of([[0.5, 0.5], [0.2, 0.8]], [[0.9, 0.1], [0.4, 0.6]])
    batch = minibatch([[0, 1], [0, IGNORED]])
    loss = loss_of(cross_entropy().terms(log_posteriors, batch))
    assert float(loss) == pytest.approx(-(math.log(0.5) + math.log(0.8) + math.log(0.9)) / 3)
    # the first frame is a draw: argmax takes the first unit
    assert cross_entropy().counts(log_posteriors, batch) == Counts(3, 3)


def test_filler_frames_can_count_less() -> None:
    log_posteriors = log_of([[0.5, 0.5], [0.2, 0.8], [0.7, 0.3]])
    batch = minibatch([[0, 1, IGNORED]])
    loss = loss_of(cross_entropy(0.25).terms(log_posteriors, batch))
    assert float(loss) == pytest.approx(-(0.25 * math.log(0.5) + math.log(0.8)) / 1.25)


def test_a_minibatch_without_labels_has_no_loss() -> None:
    loss = loss_of(cross_entropy().terms(log_of([[0.5, 0.5]]), minibatch([[IGNORED]])))
    assert float(loss) == 0.0


def test_terms_add_up_over_minibatches() -> None:
    parts = [[Term(2.0, torch.tensor(3.0), 2)], [Term(2.0, torch.tensor(5.0), 6)]]
    assert float(loss_of(parts[0])) == 3.0
    total = Term(2.0, parts[0][0].total + parts[1][0].total, 8)
    assert float(loss_of([total])) == 2.0


def test_max_pooling_teaches_the_best_frame_alone() -> None:
    posteriors = [[0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.8, 0.2]]
    log_posteriors = log_of(posteriors).requires_grad_()
    batch = minibatch([[0] * 4], Target(0, (1,), 0, 4, timed=False))
    loss = loss_of(max_pool(filler_weight=0.5).terms(log_posteriors, batch))
    filler = -(math.log(0.9) + math.log(0.7) + math.log(0.8)) / 3
    assert float(loss.detach()) == pytest.approx(-math.log(0.6) + 0.5 * filler)
    loss.backward()
    assert log_posteriors.grad is not None
    # unit 1 learns at frame 1 only, filler everywhere else
    np.testing.assert_allclose(log_posteriors.grad[0, :, 1], [0, -1, 0, 0])
    np.testing.assert_allclose(log_posteriors.grad[0, :, 0], [-1 / 6, 0, -1 / 6, -1 / 6])


def test_frames_near_the_chosen_one_learn_nothing() -> None:
    log_posteriors = log_of([[0.5, 0.5]] * 3 + [[0.1, 0.9]] + [[0.5, 0.5]] * 6).requires_grad_()
    batch = minibatch([[0] * 10], Target(0, (1,), 0, 10, timed=False))
    objective = max_pool(margin_before_s=0.01, margin_after_s=0.03)
    loss_of(objective.terms(log_posteriors, batch)).backward()
    assert log_posteriors.grad is not None
    assert torch.nonzero(log_posteriors.grad[0, :, 0])[:, 0].tolist() == [0, 1, 7, 8, 9]


def test_a_timed_word_is_looked_for_in_its_own_frames_which_never_learn_filler() -> None:
    log_posteriors = log_of([[0.1, 0.9], [0.6, 0.4], [0.7, 0.3], [0.5, 0.5]]).requires_grad_()
    batch = minibatch([[0] * 4], Target(0, (1,), 1, 3, timed=True))
    loss_of(max_pool().terms(log_posteriors, batch)).backward()
    assert log_posteriors.grad is not None
    assert torch.nonzero(log_posteriors.grad[0, :, 1])[:, 0].tolist() == [1]
    assert torch.nonzero(log_posteriors.grad[0, :, 0])[:, 0].tolist() == [0, 3]


def test_ignored_frames_and_padding_learn_nothing() -> None:
    log_posteriors = log_of([[0.5, 0.5]] * 4).requires_grad_()
    batch = minibatch([[0, IGNORED, 0, IGNORED]])
    loss_of(max_pool(hard_weight=1.0, hard_frames=4).terms(log_posteriors, batch)).backward()
    assert log_posteriors.grad is not None
    assert torch.nonzero(log_posteriors.grad[0, :, 0])[:, 0].tolist() == [0, 2]


def test_the_worst_frames_of_each_utterance_count_again() -> None:
    negative = [[0.9, 0.1, 0.0], [0.5, 0.25, 0.25], [0.8, 0.1, 0.1]]
    # in the positive, unit 1 is its own: only unit 2 can be wrong there
    positive = [[0.1, 0.9, 0.0], [0.3, 0.4, 0.3], [0.9, 0.1, 0.0]]
    batch = minibatch([[0] * 3, [0] * 3], Target(1, (1,), 0, 3, timed=False))
    objective = max_pool(filler_weight=1e-9, hard_weight=2.0, hard_frames=1, margin_after_s=1.0)
    loss = loss_of(objective.terms(log_of(negative, positive), batch))
    worst = -(math.log(0.5) + math.log(0.3 + 0.4)) / 2
    assert float(loss) == pytest.approx(-math.log(0.9) + 2 * worst, rel=1e-6)


def test_units_of_a_keyword_are_chosen_in_order() -> None:
    posteriors = np.full((6, 3), 0.1)
    posteriors[4, 1] = 0.9  # the best frame of unit 1 comes after every good one of unit 2
    posteriors[1, 1] = 0.6
    posteriors[2, 2] = 0.8
    assert best_frames(np.log(posteriors), (1, 2)).tolist() == [1, 2]
    assert best_frames(np.log(posteriors), (2, 1)).tolist() == [2, 4]
    assert best_frames(np.log(posteriors), (1,)).tolist() == [4]


@given(
    values=st.lists(st.integers(-5, 0), min_size=12, max_size=21),
    units=st.lists(st.integers(0, 2), min_size=1, max_size=3),
)
def test_best_frames_are_the_best_of_all_ordered_choices(
    values: list[int], units: list[int]
) -> None:
    log_posteriors = np.array(values[: len(values) // 3 * 3], float).reshape(-1, 3)
    frames = best_frames(log_posteriors, units)
    assert (np.diff(frames) > 0).all()
    choices = itertools.combinations(range(len(log_posteriors)), len(units))
    best = max(sum(log_posteriors[list(choice), units]) for choice in choices)
    assert sum(log_posteriors[frames, units]) == best


def test_a_phrase_learns_the_mean_of_its_units() -> None:
    posteriors = [[0.2, 0.7, 0.1], [0.4, 0.1, 0.5]]
    batch = minibatch([[0] * 2], Target(0, (1, 2), 0, 2, timed=False))
    terms = max_pool().terms(log_of(posteriors), batch)
    assert float(loss_of(terms)) == pytest.approx(-(math.log(0.7) + math.log(0.5)) / 2)
    assert max_pool().counts(log_of(posteriors), batch) == Counts(2, 2)


def test_options_name_the_objective() -> None:
    options = parse_train_options("--chunk-frames=7\n--chunks-per-minibatch=3\n", "t")
    objective = make_objective(options, label, SHIFT_S)
    assert isinstance(objective, CrossEntropy)
    assert objective.cut == FrameChunks(label, 7)
    assert objective.chunks_per_minibatch == 3
    options = parse_train_options("--objective=max-pool\n--slack-s=0.5\n", "t")
    objective = make_objective(options, label, SHIFT_S)
    assert isinstance(objective, MaxPool)
    assert objective.cut == WholeUtterances(0.5)
    assert objective.chunks_per_minibatch == 32


@pytest.mark.parametrize(
    ("minibatch_size", "chunk_frames", "learn_every", "chunks"),
    [(128, 1, 1, 128), (256, 1, 1, 256), (128, 10, 1, 13), (128, 40, 4, 13), (4, 16, 1, 1)],
)
def test_minibatches_can_be_counted_in_frames_as_kaldi_does(
    minibatch_size: int, chunk_frames: int, learn_every: int, chunks: int
) -> None:
    options = parse_train_options(
        f"--minibatch-size={minibatch_size}\n--chunk-frames={chunk_frames}\n"
        f"--learn-every={learn_every}\n--chunks-per-minibatch=7\n",
        "train.conf",
    )
    assert make_objective(options, label, SHIFT_S).chunks_per_minibatch == chunks
