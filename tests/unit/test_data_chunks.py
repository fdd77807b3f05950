"""Minibatches of which some frames alone are learnt."""

from __future__ import annotations

import pytest
import torch

from kws.data.chunks import IGNORED, Minibatch, Target


def ten_frames(*targets: Target) -> Minibatch:
    inputs = torch.arange(14.0)[None, :, None]  # 3 frames of left context, 1 of right
    return Minibatch(inputs, torch.arange(10)[None], targets)


@pytest.mark.parametrize("first", [0, 1, 2, 3])
def test_every_fourth_frame_is_left(first: int) -> None:
    thinned = ten_frames().thinned(first, 4)
    assert thinned.labels.tolist() == [list(range(first, 10, 4))]
    assert thinned.inputs[0, 0].item() == first  # the context of the first frame that is left
    assert thinned.every == 4


@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_target_keeps_the_frames_that_are_its_own(first: int) -> None:
    target = Target(0, (1, 2), 2, 9, timed=True)
    thinned = ten_frames(target).thinned(first, 3)
    (left,) = thinned.targets
    frames = thinned.labels[0, left.first : left.end].tolist()
    assert frames == [t for t in range(first, 10, 3) if 2 <= t < 9]


def test_a_target_that_begins_at_the_start_stays_there() -> None:
    (left,) = ten_frames(Target(0, (1,), 0, 8, timed=False)).thinned(3, 4).targets
    assert (left.first, left.end) == (0, 2)


def test_nothing_is_learnt_of_a_target_with_too_few_frames_left() -> None:
    minibatch = ten_frames(Target(0, (1, 2, 3), 2, 9, timed=True))
    thinned = minibatch.thinned(0, 4)
    assert thinned.targets == ()
    assert thinned.labels.tolist() == [[0, IGNORED, IGNORED]]
    assert minibatch.labels.tolist() == [list(range(10))]  # as it was


def test_all_frames_are_the_minibatch_itself() -> None:
    minibatch = ten_frames(Target(0, (1,), 2, 9, timed=True))
    assert minibatch.thinned(0, 1) is minibatch
