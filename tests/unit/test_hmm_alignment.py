"""The Viterbi alignment against the best of all paths, tried one by one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from kws.errors import InputError
from kws.hmm import Alignment, align, frame_labels, units_of
from kws.posterior import Keyword

INVENTORY = units_of(["view glass", "computer"])
VIEW_GLASS, COMPUTER = INVENTORY.keywords


def random_log_posteriors(num_frames: int, seed: int, num_units: int = 4) -> np.ndarray:
    logits = np.random.default_rng(seed).standard_normal((num_frames, num_units)) * 3
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def all_paths(
    num_frames: int, keywords: Sequence[Keyword], min_frames: int
) -> Iterator[tuple[int, ...]]:
    """Every way to say `keywords` in `num_frames`: filler of 0 or more frames between them."""
    parts: list[tuple[int, int]] = [(0, 0)]  # unit, its least number of frames
    for keyword in keywords:
        parts += [(unit, min_frames) for unit in keyword.units] + [(0, 0)]
    for lengths in itertools.product(*(range(least, num_frames + 1) for _, least in parts)):
        if sum(lengths) == num_frames:
            yield tuple(
                itertools.chain.from_iterable(
                    [unit] * length for (unit, _), length in zip(parts, lengths, strict=True)
                )
            )


@pytest.mark.parametrize(
    ("keywords", "min_frames", "num_frames"),
    [
        ([], 1, 4),
        ([COMPUTER], 1, 1),
        ([COMPUTER], 1, 6),
        ([COMPUTER], 3, 7),
        ([VIEW_GLASS], 1, 2),
        ([VIEW_GLASS], 2, 8),
        ([COMPUTER, VIEW_GLASS], 2, 9),
        ([COMPUTER, COMPUTER], 1, 5),
    ],
)
def test_no_path_is_better(keywords: list[Keyword], min_frames: int, num_frames: int) -> None:
    for seed in range(20):
        frames = random_log_posteriors(num_frames, seed)
        (alignment,) = align([frames], [keywords], INVENTORY, min_frames=min_frames)
        rows = np.arange(num_frames)
        best = max(frames[rows, path].sum() for path in all_paths(num_frames, keywords, min_frames))
        assert frames[rows, alignment.labels].sum() == pytest.approx(best, abs=1e-9)
        assert tuple(alignment.labels) in set(all_paths(num_frames, keywords, min_frames))
        assert [name for name, _, _ in alignment.units] == [
            INVENTORY.units[unit] for keyword in keywords for unit in keyword.units
        ]


def test_together_as_alone_whatever_the_lengths() -> None:
    frames = [random_log_posteriors(n, seed=n) for n in (30, 4, 75, 30, 12, 0, 200)]
    keywords = [[COMPUTER], [VIEW_GLASS], [COMPUTER], [], [COMPUTER], [], [VIEW_GLASS, COMPUTER]]
    together = align(frames, keywords, INVENTORY)
    for alignment, one, spoken in zip(together, frames, keywords, strict=True):
        (alone,) = align([one], [spoken], INVENTORY)
        np.testing.assert_array_equal(alignment.labels, alone.labels)
        assert alignment.units == alone.units
        assert len(alignment.labels) == len(one)


def test_equal_keywords_in_a_row_are_told_apart() -> None:
    frames = np.log(np.full((6, 4), 1e-3))
    frames[:, 3] = 0.0
    (alignment,) = align([frames], [[COMPUTER, COMPUTER]], INVENTORY, min_frames=2)
    assert alignment.labels.tolist() == [3] * 6
    (_, first, middle), (_, start, end) = alignment.units
    assert (first, middle, end) == (0, start, 6)
    assert 2 <= middle <= 4


def test_priors_take_the_advantage_from_filler() -> None:
    posteriors = np.tile([0.6, 0.1, 0.1, 0.2], (10, 1))
    posteriors[4:7] = [0.45, 0.1, 0.1, 0.35]
    (plain,) = align([np.log(posteriors)], [[COMPUTER]], INVENTORY, min_frames=2)
    (scaled,) = align(
        [np.log(posteriors)],
        [[COMPUTER]],
        INVENTORY,
        min_frames=2,
        log_priors=np.log([0.55, 0.1, 0.1, 0.25]),
    )
    assert int((plain.labels == 3).sum()) == 2
    assert scaled.labels.tolist() == [0, 0, 0, 0, 3, 3, 3, 0, 0, 0]


def test_a_short_utterance_has_shorter_units() -> None:
    (alignment,) = align([random_log_posteriors(5, 0)], [[VIEW_GLASS]], INVENTORY, min_frames=20)
    assert {1, 2} <= set(alignment.labels.tolist())
    with pytest.raises(InputError) as error:
        align([random_log_posteriors(1, 0)], [[VIEW_GLASS]], INVENTORY)
    assert str(error.value) == (
        "an utterance of 1 frames cannot hold the 2 units of 'view glass'; leave it out"
    )


def test_spans_give_the_labels_back() -> None:
    inventory = units_of(["view glass", "computer"], units_per_word=2)
    for seed in range(10):
        frames = random_log_posteriors(60, seed, num_units=7)
        (alignment,) = align([frames], [list(inventory.keywords)], inventory, min_frames=3)
        spans = alignment.spans(0.01, 0.0125)
        labels = frame_labels(spans, inventory, 0.0125 + 0.01 * np.arange(60))
        np.testing.assert_array_equal(labels, alignment.labels)
        assert [span.word for span in spans] == list(inventory.units[1:])


def test_spans_in_seconds() -> None:
    alignment = Alignment(np.array([1, 1, 0, 2]), (("view", 0, 2), ("glass", 3, 4)))
    view, glass = alignment.spans(0.01, 0.0125)
    assert (view.start_s, view.end_s) == pytest.approx((0.0075, 0.0275))
    assert (glass.start_s, glass.end_s) == pytest.approx((0.0375, 0.0475))
    assert alignment.spans(0.01, 0.0)[0].start_s == 0.0  # not before the recording
