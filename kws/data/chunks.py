"""Chunks: what an objective cuts out of utterances, in minibatches with the frames around them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from kws.data.ctm import Word
from kws.data.recordings import Marks

IGNORED = -1  # the label of a frame that is not trained on

Features = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Times = npt.NDArray[np.float64]
Labeller = Callable[[Sequence[Word], Times], Indices]  # words, frames' centres -> labels


@dataclass(frozen=True)
class Target:
    """A keyword that one chunk holds: its units peak, in order, in frames first .. end - 1."""

    chunk: int
    units: tuple[int, ...]
    first: int
    end: int
    timed: bool
    """whether these frames are its own; otherwise it may be anywhere in them"""


@dataclass(frozen=True)
class Minibatch:
    """What one step of training sees."""

    inputs: Tensor  # (B, left context + F + right context, D)
    labels: Tensor  # (B, F), IGNORED where there is nothing to learn
    targets: tuple[Target, ...]  # their `chunk` is a row of this minibatch
    every: int = 1  # the labels and targets are of every so manieth frame

    def thinned(self, first: int, every: int) -> Minibatch:
        """The same with the frames first, first + every, ... alone to be learnt.

        The inputs begin `first` frames later. Of a target that keeps fewer frames than it has
        units nothing is learnt.

        Args:
            first: 0 to every - 1.
        """
        if every == 1:
            return self
        labels, targets = self.labels[:, first::every].clone(), []
        for target in self.targets:
            begin = max(0, math.ceil((target.first - first) / every))
            end = math.ceil((target.end - first) / every)
            if end - begin >= len(target.units):
                targets.append(replace(target, first=begin, end=end))
            else:
                labels[target.chunk, begin:end] = IGNORED
        return Minibatch(self.inputs[:, first:], labels, tuple(targets), every)


@dataclass(frozen=True)
class Pool:
    """Features of some utterances one after the other, and the chunks cut from them.

    Arrays until `minibatches`, so that a worker can send them through a pipe.
    """

    features: Features  # (R, D)
    labels: Indices  # (R,)
    chunks: Indices  # (M, 4): row of the first frame, its utterance's first and last row, frames
    targets: tuple[Target, ...]

    def minibatches(
        self, size: int, left_context: int, right_context: int, device: torch.device | str = "cpu"
    ) -> Iterator[Minibatch]:
        """The chunks in minibatches of nearly equal size, in their order.

        Beyond the ends of its utterance a chunk's context repeats the first or last frame, as in
        detection.

        Args:
            size: chunks per minibatch, about.
            left_context: frames that the network needs before an output frame.
            right_context: and after it.
        """
        if not len(self.chunks):
            return
        features = torch.from_numpy(self.features).to(device)
        first, low, high, valid = torch.from_numpy(self.chunks).to(device)[:, :, None].unbind(1)
        steps = torch.arange(-left_context, int(self.chunks[:, 3].max()) + right_context).to(device)
        rows = (first + steps).clamp(low, high)  # (M, left + F + right)
        frames = slice(left_context, len(steps) - right_context)
        labels = torch.from_numpy(self.labels).to(device)[rows[:, frames]]
        labels.masked_fill_(steps[frames] >= valid, IGNORED)  # (M, F)
        for begin, end in itertools.pairwise(self.splits(size)):
            num_frames = int(self.chunks[begin:end, 3].max())
            own = rows[begin:end, : left_context + num_frames + right_context]
            inputs = features.index_select(0, own.flatten()).view(*own.shape, -1)
            yield Minibatch(inputs, labels[begin:end, :num_frames], self._targets(begin, end))

    def splits(self, size: int) -> list[int]:
        """Where the minibatches begin, and the end of the last."""
        num_minibatches = max(1, round(len(self.chunks) / size))
        return [len(self.chunks) * i // num_minibatches for i in range(num_minibatches + 1)]

    def _targets(self, begin: int, end: int) -> tuple[Target, ...]:
        return tuple(
            replace(target, chunk=target.chunk - begin)
            for target in self.targets
            if begin <= target.chunk < end
        )


@dataclass(frozen=True)
class Prepared:
    """One utterance's features; training is on frames begin .. end - 1, the rest is context."""

    features: Features  # (T, D)
    centres_s: Times  # (T,)
    begin: int
    end: int
    marks: Marks  # at the times of the features


@dataclass(frozen=True)
class Cut:
    """What one utterance gives: chunks (first frame, number of frames), labels and targets."""

    chunks: Indices  # (M, 2)
    labels: Indices  # (T,)
    targets: tuple[Target, ...] = ()


class Cutter(Protocol):
    """How an objective cuts utterances into chunks."""

    def __call__(self, prepared: Prepared, generator: torch.Generator | None, /) -> Cut: ...


@dataclass(frozen=True)
class FrameChunks:
    """Labelled frames in chunks of nearly equal length, about `chunk_frames`, side by side.

    Args:
        label: gives each frame its unit.
        chunk_frames: the length.
        filler_keep: the share of chunks of nothing but filler that are kept, at random.
    """

    label: Labeller
    chunk_frames: int
    filler_keep: float = 1.0

    def __call__(self, prepared: Prepared, generator: torch.Generator | None, /) -> Cut:
        labels = self.label(prepared.marks.words, prepared.centres_s)
        num_frames = prepared.end - prepared.begin
        num_chunks = min(num_frames, max(1, round(num_frames / self.chunk_frames)))
        bounds = prepared.begin + num_frames * np.arange(num_chunks + 1) // max(1, num_chunks)
        chunks = np.stack([bounds[:-1], np.diff(bounds)], axis=1)
        if generator is not None and self.filler_keep < 1 and num_chunks:
            with_keyword = np.add.reduceat(labels[: prepared.end] > 0, chunks[:, 0]) > 0
            kept = torch.rand(num_chunks, generator=generator).numpy() < self.filler_keep
            chunks = chunks[with_keyword | kept]
        return Cut(chunks, labels)


@dataclass(frozen=True)
class WholeUtterances:
    """One chunk per utterance, with the keywords in it as targets.

    A keyword with times is looked for between them, `slack_s` wider; one that the crop cuts
    through is `IGNORED`.
    """

    slack_s: float

    def __call__(self, prepared: Prepared, generator: torch.Generator | None, /) -> Cut:
        begin, end = prepared.begin, prepared.end
        labels = np.zeros(len(prepared.centres_s), np.int64)
        targets = []
        for occurrence in prepared.marks.occurrences:
            first, stop = begin, end
            timed = occurrence.start_s is not None and occurrence.end_s is not None
            if occurrence.start_s is not None and occurrence.end_s is not None:
                bounds = np.array([occurrence.start_s, occurrence.end_s])
                inside = np.searchsorted(prepared.centres_s, bounds)
                wider = bounds + np.array([-self.slack_s, self.slack_s])
                first, stop = np.searchsorted(prepared.centres_s, wider).clip(begin, end).tolist()
                if inside[0] < begin or inside[1] > end:
                    labels[first:stop] = IGNORED
                    continue
            if stop - first >= len(occurrence.units):
                targets.append(Target(0, occurrence.units, first - begin, stop - begin, timed))
        chunks = np.array([[begin, end - begin]] if end > begin else np.zeros((0, 2)), np.int64)
        return Cut(chunks, labels, tuple(targets))


def pool_of(
    prepared: Sequence[Prepared], cut: Cutter, generator: torch.Generator | None = None
) -> Pool:
    """The chunks of some utterances, shuffled when a generator is given."""
    cuts = [cut(utterance, generator) for utterance in prepared]
    rows = np.cumsum([0, *(len(utterance.features) for utterance in prepared)])
    numbers = np.cumsum([0, *(len(c.chunks) for c in cuts)])
    chunks = np.concatenate(
        [np.zeros((0, 4), np.int64)]
        + [
            np.stack([c.chunks[:, 0] + a, *_constant(len(c.chunks), a, b - 1), c.chunks[:, 1]], 1)
            for c, a, b in zip(cuts, rows, rows[1:], strict=False)
        ]
    )
    order = np.arange(len(chunks))
    if generator is not None:
        order = torch.randperm(len(chunks), generator=generator).numpy()
    place = np.argsort(order)
    targets = [
        replace(t, chunk=int(place[number + t.chunk]))
        for c, number in zip(cuts, numbers, strict=False)
        for t in c.targets
    ]
    return Pool(
        np.concatenate(
            [np.zeros((0, 0), np.float32)] * (not prepared) + [p.features for p in prepared]
        ),
        np.concatenate([np.zeros(0, np.int64), *(c.labels for c in cuts)]),
        chunks[order],
        tuple(sorted(targets, key=lambda target: target.chunk)),
    )


def _constant(size: int, *values: int) -> list[Indices]:
    return [np.full(size, value, np.int64) for value in values]
