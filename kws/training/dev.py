"""How well a network does on a dev set, whole utterances and no augmentation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from kws.data.chunks import Cutter, Minibatch, Pool, Prepared, pool_of
from kws.data.draws import generator_of
from kws.data.examples import whole_utterances
from kws.data.recordings import Marks
from kws.errors import InputError
from kws.features import FeaturePipeline
from kws.nnet import Nnet
from kws.training.objectives import Counts, Loss, Term, loss_of
from kws.training.training_set import TrainingSet

UTTERANCES_AT_ONCE = 8


class DevResult(NamedTuple):
    """A loss, and the share of right frames among those that it looks at."""

    loss: float
    accuracy: float


@dataclass(frozen=True)
class DevSet:
    """A dev set's features, computed once."""

    utterances: tuple[Prepared, ...]

    @classmethod
    def of(cls, data: TrainingSet, features: FeaturePipeline) -> DevSet:
        """The features of all of `data`, in random order: no minibatch of one kind only."""
        prepared = whole_utterances(data.recordings, data.marks, features)
        order = torch.randperm(len(prepared), generator=generator_of(0)).tolist()
        return cls(tuple(prepared[i] for i in order))

    def remarked(self, data: TrainingSet) -> DevSet:
        """The same features with the marks that `data` has now."""
        order = torch.randperm(len(self.utterances), generator=generator_of(0)).tolist()
        marks: Sequence[Marks] = [data.marks[i] for i in order]
        pairs = zip(self.utterances, marks, strict=True)
        return DevSet(tuple(replace(prepared, marks=m) for prepared, m in pairs))

    def pools(self, cut: Cutter) -> Iterator[Pool]:
        """The set cut for an objective, some utterances at a time."""
        for first in range(0, len(self.utterances), UTTERANCES_AT_ONCE):
            yield pool_of(self.utterances[first : first + UTTERANCES_AT_ONCE], cut)


class Sums(NamedTuple):
    """A loss before its parts are divided by their counts, and the right frames."""

    terms: list[Term]
    counts: Counts


def minibatches_of(
    nnet: Nnet, pools: Iterable[Pool], loss: Loss, every: int = 1
) -> Iterator[Minibatch]:
    """All minibatches of `pools`; the arguments are those of `evaluate`."""
    contexts = nnet.left_context, nnet.right_context
    device = next(nnet.parameters()).device
    for pool in pools:
        for minibatch in pool.minibatches(loss.chunks_per_minibatch, *contexts, device):
            yield minibatch.thinned(0, every)


@torch.inference_mode()
def sums_over(nnet: Nnet, pools: Iterable[Pool], loss: Loss, every: int = 1) -> Sums:
    """The terms of a loss added up; the arguments are those of `evaluate`.

    Raises:
        InputError: there is no frame.
    """
    sums: list[Term] = []
    correct = counted = 0
    for minibatch in minibatches_of(nnet, pools, loss, every):
        log_posteriors = nnet.log_probabilities(minibatch.inputs, pad=False, every=every)
        terms = loss.terms(log_posteriors, minibatch)
        sums = [_added(a, b) for a, b in zip(sums or terms, terms, strict=True)]
        counts = loss.counts(log_posteriors, minibatch)
        correct += counts.correct
        counted += counts.counted
    if not counted:
        raise InputError("the dev set has nothing to test on: its utterances are too short")
    return Sums(sums, Counts(correct, counted))


def evaluate(nnet: Nnet, pools: Iterable[Pool], loss: Loss, every: int = 1) -> DevResult:
    """The loss over all of `pools`, whatever the minibatches, and the frame accuracy.

    Args:
        nnet: the network, on its device.
        pools: the dev set.
        loss: what is measured.
        every: look at every so manieth frame only, as in training.

    Raises:
        InputError: there is no frame.
    """
    sums = sums_over(nnet, pools, loss, every)
    return DevResult(float(loss_of(sums.terms)), sums.counts.correct / sums.counts.counted)


def _added(a: Term, b: Term) -> Term:
    return b if a is b else Term(b.weight, a.total + b.total, a.count + b.count)
