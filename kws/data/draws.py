"""Which utterances an epoch of training hears, and in which order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from kws.config import between, key, positive, proportion
from kws.data.chunks import Indices
from kws.data.recordings import Marks, Recordings
from kws.errors import InputError


@dataclass(frozen=True)
class ExampleOptions:
    """How an epoch is drawn from the training utterances, and what is made of each."""

    utterances_per_epoch: int = key(
        "utterances drawn per epoch; 0: as many as there are (long ones without keywords count "
        "once per crop)",
        default=0,
        check=between(0, 10_000_000),
    )
    positive_share: float = key(
        "share of the drawn utterances that hold a keyword, each keyword equally often; 0: as they "
        "occur",
        default=0.5,
        check=proportion,
    )
    utterances_per_job: int = key(
        "utterances whose chunks are shuffled together", default=64, check=positive
    )
    crop_s: float = key(
        "longer utterances give a random part of this length (with the keyword, when its time is "
        "known), seconds",
        default=3.0,
        check=between(0.1, 3600),
    )
    min_length_s: float = key(
        "shorter utterances are put at a random place into digital silence of this length, seconds",
        default=0.0,
        check=between(0, 60),
    )
    join_probability: float = key(
        "chance that an utterance shorter than a crop gets one without keywords before or after it",
        default=0.0,
        check=proportion,
    )
    chunk_frames: int = key(
        "cross-entropy: output frames per chunk, about (1: single frames, as Kaldi's nnet2 trains)",
        default=10,
        check=positive,
    )
    filler_keep: float = key(
        "cross-entropy: share of the chunks of nothing but filler that are trained on",
        default=1.0,
        check=proportion,
    )


@dataclass(frozen=True)
class Job:
    """A piece of an epoch that one worker prepares: everything that it depends on."""

    seed: tuple[int, ...]
    utterances: tuple[int, ...]
    marks: tuple[Marks, ...]


def generator_of(*seed: int) -> torch.Generator:
    """A generator for one purpose: like seeds give unlike sequences."""
    state = np.random.SeedSequence(list(seed)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0]))


class Draws:
    """Draws epochs: each a fixed number of utterances with a fixed share of each keyword.

    Within a group (a keyword, or those without any) every utterance comes once before one comes
    again; long utterances without a keyword come once per crop that they have room for.
    """

    def __init__(
        self,
        recordings: Recordings,
        marks: Sequence[Marks],
        num_keywords: int,
        options: ExampleOptions,
    ) -> None:
        self.options = options
        self.positives = [
            _indices(i for i, m in enumerate(marks) if any(o.keyword == k for o in m.occurrences))
            for k in range(num_keywords)
        ]
        self.negatives = _indices(
            i
            for i, m in enumerate(marks)
            if not m.occurrences
            for _ in range(max(1, round(recordings.duration_s(i) / options.crop_s)))
        )
        if not any(len(group) for group in (*self.positives, self.negatives)):
            raise InputError("there is nothing to train on: no utterance is left")
        share, groups = options.positive_share, [group for group in self.positives if len(group)]
        if share == 0:
            with_any = np.unique(np.concatenate([np.zeros(0, np.int64), *groups]))
            self._groups = [with_any, self.negatives]
            self._shares = [float(len(group)) for group in self._groups]
        else:
            self._groups = [*groups, self.negatives]
            self._shares = [share / max(1, len(groups))] * len(groups)
            self._shares.append((1 - share) * bool(len(self.negatives)))
        self.num_utterances = options.utterances_per_epoch or len(self.negatives) + sum(
            1 for m in marks if m.occurrences
        )

    @property
    def num_jobs(self) -> int:
        """Per epoch."""
        return math.ceil(self.num_utterances / self.options.utterances_per_job)

    def utterances(self, seed: int, epoch: int) -> Indices:
        """The utterances of one epoch in the order of training."""
        generator = generator_of(seed, epoch)
        ends = np.cumsum(self._shares) / sum(self._shares) * self.num_utterances
        counts = np.diff(np.rint(ends).astype(int), prepend=0)
        drawn = [
            _draw(group, count, generator)
            for group, count in zip(self._groups, counts, strict=True)
        ]
        flat = np.concatenate(drawn)
        shuffled: Indices = flat[torch.randperm(len(flat), generator=generator).numpy()]
        return shuffled

    def jobs(
        self, seed: int, epoch: int, marks_of: Callable[[int], Marks], first: int = 0
    ) -> list[Job]:
        """The jobs of one epoch from the one numbered `first` on.

        Args:
            seed: of the training; with the epoch's and the job's number it decides everything.
            marks_of: an utterance's marks as they are known now.
        """
        size = self.options.utterances_per_job
        drawn = self.utterances(seed, epoch).tolist()
        parts = [drawn[start : start + size] for start in range(0, len(drawn), size)]
        return [
            Job((seed, epoch, number), tuple(part), tuple(map(marks_of, part)))
            for number, part in enumerate(parts)
            if number >= first
        ]


def _indices(values: Iterable[int]) -> Indices:
    return np.array(list(values), dtype=np.int64)


def _draw(group: Indices, count: int, generator: torch.Generator) -> Indices:
    """`count` of `group`: all of them in random order, again and again."""
    passes = math.ceil(count / max(1, len(group)))
    orders = [group[torch.randperm(len(group), generator=generator).numpy()] for _ in range(passes)]
    return np.concatenate([np.zeros(0, np.int64), *orders])[:count]
