"""Single frames of utterances as a training's material, in random order, as Kaldi's egs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from kws.config import key, positive
from kws.data.chunks import IGNORED, Indices, Minibatch, Pool
from kws.data.draws import generator_of
from kws.nnet import Nnet
from kws.training.frame_set import FrameSet
from kws.training.objectives import Counts, Loss, Term

if TYPE_CHECKING:
    from kws.training.frame_task import FrameTask


@dataclass(frozen=True)
class FrameOptions:
    """How an epoch is cut into iterations."""

    frames_per_job: int = key(
        "frames, drawn from all utterances, of one iteration (Kaldi's --samples-per-iter); a "
        "checkpoint can be written after each",
        default=20000,
        check=positive,
    )


class FrameMaterial:
    """The frames of a `FrameTask`; see `Material`.

    Each labelled frame comes once per epoch. A job holds its frames with their context in memory,
    `4 D (left + 1 + right)` bytes each; 20 bytes per frame of the whole set come on top.
    """

    def __init__(self, task: FrameTask) -> None:
        """Look at the task's sets; nothing is drawn yet."""
        nnet = task.growth.full(task.nnet)
        self._contexts = nnet.left_context, nnet.right_context
        self._train, self._dev = task.train, task.dev
        self._seed = task.options.seed
        self._rows = task.train.labelled()
        self._num_jobs = max(1, round(len(self._rows) / task.frames.frames_per_job))
        self._loss = FrameCrossEntropy(task.options.minibatch_size)

    @property
    def loss(self) -> Loss:
        return self._loss

    @property
    def num_jobs(self) -> int:
        return self._num_jobs

    def told(self) -> str:
        return f"{len(self._rows)} frames of {self._train.num_utterances} utterances"

    def begin_epoch(self, epoch: int, averaged: Callable[[], Nnet]) -> None:
        """Nothing changes: realignment takes a decoder, and is a command of its own."""

    def pools(self, epoch: int, first: int) -> Iterator[Pool]:
        generator = generator_of(self._seed, epoch)
        order = self._rows[torch.randperm(len(self._rows), generator=generator).numpy()]
        ends = [len(order) * job // self._num_jobs for job in range(self._num_jobs + 1)]
        for begin, end in zip(ends[first:], ends[first + 1 :], strict=False):
            yield self._pool(order[begin:end])

    def dev_pools(self) -> Iterator[Pool] | None:
        return None if self._dev is None else utterance_pools(self._dev)

    def _pool(self, rows: Indices) -> Pool:
        """One chunk per row, in their order; read in the order of the file."""
        left, right = self._contexts
        span = left + 1 + right
        by_place = np.argsort(rows)
        windows = self._train.windows(rows[by_place], left, right)
        labels = np.full((len(rows), span), 0, np.int64)
        labels[:, left] = self._train.labels[rows[by_place]]
        starts = span * np.argsort(by_place)  # of each row's window
        one = np.ones_like(starts)
        chunks = np.stack([starts + left, starts, starts + span - 1, one], axis=1)
        return Pool(windows.reshape(-1, windows.shape[2]), labels.ravel(), chunks, ())


@dataclass(frozen=True)
class FrameCrossEntropy:
    """The mean of -log p(label) over minibatches of so many frames."""

    chunks_per_minibatch: int

    def terms(self, log_posteriors: Tensor, minibatch: Minibatch) -> list[Term]:
        labels = minibatch.labels.flatten()
        flat = log_posteriors.flatten(0, 1)
        total = F.nll_loss(flat, labels, ignore_index=IGNORED, reduction="sum")
        return [Term(1.0, total, int((labels != IGNORED).sum()))]

    def counts(self, log_posteriors: Tensor, minibatch: Minibatch) -> Counts:
        correct = (log_posteriors.argmax(dim=2) == minibatch.labels).sum()
        return Counts(int(correct), int((minibatch.labels != IGNORED).sum()))


def utterance_pools(frames: FrameSet) -> Iterator[Pool]:
    """Whole utterances, each a pool and a chunk of its own."""
    for first, end in zip(frames.bounds, frames.bounds[1:], strict=False):
        chunks = np.array([[0, 0, end - first - 1, end - first]], np.int64)
        labels = frames.labels[first:end].astype(np.int64)
        yield Pool(np.array(frames.features[first:end]), labels, chunks, ())
