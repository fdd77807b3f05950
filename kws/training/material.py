"""What a training learns from, as its loop sees it: pools of minibatches, a loss and a dev set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from kws.data.chunks import Pool
from kws.nnet import Nnet
from kws.training.objectives import Loss


class Material(Protocol):
    """Epochs of so many jobs each; a job is a pool of minibatches.

    What a pool holds depends on the training's seed, its epoch and its number alone, so that a
    training that was interrupted goes on to the same result, whoever prepares the pools.
    """

    @property
    def loss(self) -> Loss:
        """What the network is asked to minimise over a minibatch."""
        ...

    @property
    def num_jobs(self) -> int:
        """Per epoch."""
        ...

    def told(self) -> str:
        """What it holds, for the line with which the log begins."""
        ...

    def begin_epoch(self, epoch: int, averaged: Callable[[], Nnet]) -> str | None:
        """Look at the material anew before the first job of an epoch: realignment.

        Args:
            epoch: counted from 0.
            averaged: gives the network as it is now.

        Returns:
            What came of it, for the log.
        """
        ...

    def pools(self, epoch: int, first: int) -> Iterator[Pool]:
        """The jobs of an epoch from the one numbered `first` on; some are prepared ahead."""
        ...

    def dev_pools(self) -> Iterator[Pool] | None:
        """The dev set; None where there is none."""
        ...
