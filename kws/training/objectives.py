"""What the network is asked to minimise: frame cross-entropy, and max-pooling over utterances.

Losses are means over frames or utterances, in nats.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from kws.data.chunks import (
    IGNORED,
    Cutter,
    FrameChunks,
    Labeller,
    Minibatch,
    WholeUtterances,
)
from kws.training.options import AllOptions, MaxPoolOptions

FILLER = 0
Frames = npt.NDArray[np.int64]


class Counts(NamedTuple):
    """Of how many frames that a loss looks at the largest posterior is that of the right unit."""

    correct: int
    counted: int


@dataclass(frozen=True)
class Term:
    """A part of a loss: `weight` times the mean of `count` values that add up to `total`."""

    weight: float
    total: Tensor
    count: float


def loss_of(terms: Sequence[Term]) -> Tensor:
    """The loss, (), that `terms` make: those of a minibatch, or their sums over several."""
    loss, *others = [term.total * (term.weight / max(1, term.count)) for term in terms]
    for other in others:
        loss = loss + other
    return loss


class Loss(Protocol):
    """What a network is asked to minimise over minibatches."""

    @property
    def chunks_per_minibatch(self) -> int: ...

    def terms(self, log_posteriors: Tensor, minibatch: Minibatch) -> list[Term]:
        """The loss of (B, F, C) natural logarithms of posteriors."""
        ...

    def counts(self, log_posteriors: Tensor, minibatch: Minibatch) -> Counts:
        """Right frames among those that the loss looks at."""
        ...


class Objective(Loss, Protocol):
    """A loss, and the way of cutting utterances that fits it."""

    @property
    def cut(self) -> Cutter: ...


@dataclass(frozen=True)
class CrossEntropy:
    """Mean of -log p(label) over labelled frames, filler frames weighted (Chen et al. 2014)."""

    cut: FrameChunks
    chunks_per_minibatch: int
    filler_weight: float = 1.0

    def terms(self, log_posteriors: Tensor, minibatch: Minibatch) -> list[Term]:
        flat = log_posteriors.flatten(0, 1)
        labels = minibatch.labels.flatten()
        if self.filler_weight == 1:
            total = F.nll_loss(flat, labels, ignore_index=IGNORED, reduction="sum")
            return [Term(1.0, total, int((labels != IGNORED).sum()))]
        weights = flat.new_ones(flat.shape[1])
        weights[FILLER] = self.filler_weight
        total = F.nll_loss(flat, labels, weights, ignore_index=IGNORED, reduction="sum")
        return [Term(1.0, total, float((weights[labels.clamp(min=0)] * (labels != IGNORED)).sum()))]

    def counts(self, log_posteriors: Tensor, minibatch: Minibatch) -> Counts:
        correct = (log_posteriors.argmax(dim=2) == minibatch.labels).sum()
        return Counts(int(correct), int((minibatch.labels != IGNORED).sum()))


class _Choice(NamedTuple):
    """Which frames learn what, in one minibatch."""

    rows: list[int]  # (P,) chunk of each chosen frame
    frames: list[int]  # (P,)
    units: list[int]  # (P,) what it learns
    shares: list[float]  # (P,) of its keyword's loss
    filler: Tensor  # (B, F) frames that learn filler


@dataclass(frozen=True)
class MaxPool:
    """Max-pooling over utterances (Sun et al. 2016), with emphasis on the worst frames.

    The sum of three means:

    - over keywords: -log p(unit) at those frames, in order, at which the product of its units'
      posteriors is largest; only these frames learn the keyword;
    - `filler_weight` times that of -log p(filler) over filler frames: those of utterances without
      keywords, and those of others that are far from the chosen frames (and from the word, when
      its time is known);
    - `hard_weight` times that over utterances of the mean over their `hard_frames` worst frames:
      -log p(filler) of filler frames, elsewhere -log(p(filler) + p(units of the keyword)).
    """

    cut: WholeUtterances
    chunks_per_minibatch: int
    options: MaxPoolOptions
    frame_shift_s: float
    filler_weight: float = 1.0

    def terms(self, log_posteriors: Tensor, minibatch: Minibatch) -> list[Term]:
        choice = self._choice(log_posteriors, minibatch)
        filler_losses = -log_posteriors[:, :, FILLER]  # (B, F)
        terms = [
            Term(
                self.filler_weight, (filler_losses * choice.filler).sum(), int(choice.filler.sum())
            )
        ]
        picked = log_posteriors[choice.rows, choice.frames, choice.units]
        total = -(picked * picked.new_tensor(choice.shares)).sum()
        terms.append(Term(1.0, total, len(minibatch.targets)))
        rival_losses = self._rival_losses(log_posteriors, minibatch)
        penalties = torch.where(choice.filler, filler_losses, rival_losses)
        penalties = penalties * (minibatch.labels != IGNORED)
        num_worst = math.ceil(self.options.hard_frames / minibatch.every)
        num_worst = min(num_worst, penalties.shape[1])
        worst = penalties.topk(num_worst, dim=1).values.mean(dim=1)
        terms.append(Term(self.options.hard_weight, worst.sum(), len(worst)))
        return terms

    def counts(self, log_posteriors: Tensor, minibatch: Minibatch) -> Counts:
        choice = self._choice(log_posteriors, minibatch)
        largest = log_posteriors.argmax(dim=2)
        units = largest.new_tensor(choice.units)
        correct = (largest[choice.rows, choice.frames] == units).sum()
        filler_correct = (choice.filler & (largest == FILLER)).sum()
        counted = len(choice.units) + int(choice.filler.sum())
        return Counts(int(correct) + int(filler_correct), counted)

    def _choice(self, log_posteriors: Tensor, minibatch: Minibatch) -> _Choice:
        known = log_posteriors.detach().cpu().numpy()
        shift_s = self.frame_shift_s * minibatch.every
        before = round(self.options.margin_before_s / shift_s)
        after = round(self.options.margin_after_s / shift_s)
        far = np.ones(known.shape[:2], dtype=bool)
        choice = _Choice([], [], [], [], minibatch.labels != IGNORED)
        for target in minibatch.targets:
            part = known[target.chunk, target.first : target.end]
            frames = (target.first + best_frames(part, target.units)).tolist()
            far[target.chunk, max(0, frames[0] - before) : frames[-1] + after + 1] = False
            if target.timed:
                far[target.chunk, target.first : target.end] = False
            choice.rows.extend([target.chunk] * len(frames))
            choice.frames.extend(frames)
            choice.units.extend(target.units)
            choice.shares.extend([1 / len(frames)] * len(frames))
        filler = choice.filler & torch.from_numpy(far).to(choice.filler.device)
        return choice._replace(filler=filler)

    @staticmethod
    def _rival_losses(log_posteriors: Tensor, minibatch: Minibatch) -> Tensor:
        """(B, F) -log of what filler and the units of the utterance's keywords have together."""
        own = torch.zeros(log_posteriors.shape[0], log_posteriors.shape[2], dtype=torch.bool)
        own[:, FILLER] = True
        for target in minibatch.targets:
            own[target.chunk, list(target.units)] = True
        rivals = ~own[:, None].to(log_posteriors.device)  # (B, 1, C)
        return -log_posteriors.masked_fill(rivals, -math.inf).logsumexp(dim=2)


def best_frames(log_posteriors: npt.NDArray[np.floating], units: Sequence[int]) -> Frames:
    """The frames k_1 < k_2 < ... < k_n with the largest sum of log p(unit i) at k_i.

    Args:
        log_posteriors: (F, C), F >= n.
        units: n of them, in the order of speech.

    Returns:
        (n,) frames.
    """
    num_frames = len(log_posteriors)
    best = log_posteriors[:, units[0]].astype(np.float64)  # of the paths that end at each frame
    sources = []
    for unit in units[1:]:
        so_far = np.maximum.accumulate(best)
        is_new = np.concatenate([[True], best[1:] > so_far[:-1]])
        source = np.maximum.accumulate(np.where(is_new, np.arange(num_frames), 0))
        sources.append(np.concatenate([[0], source[:-1]]))
        best = log_posteriors[:, unit] + np.concatenate([[-math.inf], so_far[:-1]])
    frames = [int(best.argmax())]
    for source in reversed(sources):
        frames.insert(0, int(source[frames[0]]))
    return np.array(frames, dtype=np.int64)


def make_objective(options: AllOptions, label: Labeller, frame_shift_s: float) -> Objective:
    """The objective that the options name.

    Args:
        options: all of them.
        label: gives the unit of each frame from the words' times.
        frame_shift_s: of the features.
    """
    train, examples = options.train, options.examples
    if train.objective == "ce":
        cut = FrameChunks(label, examples.chunk_frames, examples.filler_keep)
        return CrossEntropy(cut, _chunks_per_minibatch(options), train.filler_weight)
    return MaxPool(
        WholeUtterances(options.max_pool.slack_s),
        train.utterances_per_minibatch,
        options.max_pool,
        frame_shift_s,
        train.filler_weight,
    )


def _chunks_per_minibatch(options: AllOptions) -> int:
    """Of cross-entropy."""
    train = options.train
    if not train.minibatch_size:
        return train.chunks_per_minibatch
    return max(1, round(train.minibatch_size * train.learn_every / options.examples.chunk_frames))
