"""Data dirs with keywords as a training's material: drawn, prepared by workers, realigned."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from kws.data import Word
from kws.data.chunks import Pool
from kws.data.draws import Draws
from kws.data.examples import Examples
from kws.features import FeaturePipeline
from kws.nnet import Nnet
from kws.training.dev import DevSet
from kws.training.objectives import Loss, make_objective
from kws.training.realign import boundary_moves, realign
from kws.training.training_set import label_frames
from kws.training.workers import Workers

if TYPE_CHECKING:
    from kws.training.keyword_task import KeywordTask


def remembered_times(memory: Mapping[str, Any]) -> dict[str, list[Word]]:
    """The word times that a training's realignment has found, by utterance."""
    return {
        utterance: [Word(utterance, *word) for word in words]
        for utterance, words in memory.get("times", {}).items()
    }


class KeywordMaterial:
    """The utterances of a `KeywordTask`; see `Material`.

    Its memory holds the word times that realignment has found.
    """

    def __init__(self, task: KeywordTask, memory: dict[str, Any], num_workers: int) -> None:
        """As `Task.material`."""
        self._task = task
        self._memory = memory
        self._times = remembered_times(memory)
        self._seed = task.options.train.seed
        features = FeaturePipeline(task.features, task.stats)
        nnet = task.growth.full(task.nnet)
        label = functools.partial(label_frames, inventory=task.inventory)
        self._objective = make_objective(task.options, label, task.features.frame_shift_s)
        self._data = task.train.remarked(self._times, task.inventory)
        self._draws = Draws(
            self._data.recordings,
            self._data.marks,
            len(task.inventory.keywords),
            task.options.examples,
        )
        examples = Examples(
            self._data.recordings,
            features,
            self._objective.cut,
            (nnet.left_context, nnet.right_context),
            task.options.examples,
            self._draws.negatives,
            task.augmenter,
        )
        self._workers = Workers(examples, num_workers)
        dev = task.dev and task.dev.remarked(self._times, task.inventory)
        self._dev = DevSet.of(dev, features) if dev else None

    @property
    def loss(self) -> Loss:
        return self._objective

    @property
    def num_jobs(self) -> int:
        return self._draws.num_jobs

    def told(self) -> str:
        positives = ", ".join(str(len(group)) for group in self._draws.positives)
        num_utterances = self._draws.num_utterances
        return f"utterances with each keyword {positives}; {num_utterances} drawn per epoch"

    def begin_epoch(self, epoch: int, averaged: Callable[[], Nnet]) -> str | None:
        """Realign before the epochs that the options name."""
        task = self._task
        if epoch + 1 not in task.options.train.realign_epochs:
            return None
        found = self._realigned(averaged())
        self._data = self._data.remarked(self._times, task.inventory)
        if self._dev is not None and task.dev is not None:
            self._dev = self._dev.remarked(task.dev.remarked(self._times, task.inventory))
        return found

    def pools(self, epoch: int, first: int) -> Iterator[Pool]:
        jobs = self._draws.jobs(self._seed, epoch, self._data.marks.__getitem__, first)
        return self._workers.pools(jobs)

    def dev_pools(self) -> Iterator[Pool] | None:
        return None if self._dev is None else self._dev.pools(self._objective.cut)

    def _realigned(self, nnet: Nnet) -> str:
        """Find word times anew with the network as it is; returns a line for the log.

        Times in a data dir's own ctm are exact and stay.
        """
        task = self._task
        spotter = task.spotter(nnet, {})
        sets = [task.train] if task.dev is None else [task.train, task.dev]
        old = {utterance: words for data in sets for utterance, words in data.times.items()}
        old |= self._times
        found: dict[str, list[Word]] = {}
        for data in (data for one in sets for data in one.dirs):
            guessed = [u for u in data.utterances if not data.words.get(u.id)]
            found |= realign(spotter, data, guessed)
        self._times |= found
        self._memory["times"] = {
            utterance: [[word.start_s, word.end_s, word.word] for word in words]
            for utterance, words in self._times.items()
        }
        moves = boundary_moves(old, found) if found else "nothing, all word times are exact"
        return f"realigned: {moves}"
