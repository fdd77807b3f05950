"""Hidden layers that are added while a network learns, as Kaldi's nnet2 scripts add them.

Deep networks used to be hard to train at once; a layer more every few iterations, each time with a
new output layer, is discriminative pre-training (Seide, Li & Yu 2011).
"""

from __future__ import annotations

from dataclasses import dataclass

from kws.errors import InputError
from kws.nnet import Nnet
from kws.nnet.network_folder import Stage, with_stage


@dataclass(frozen=True)
class Growth:
    """When which layers come.

    Iterations count from 0; stage k, counted from 1, comes before iteration `1 + (k - 1) period`.
    The iterations with new layers, the first one included, take minibatches of half the size, so
    that the update stays stable. An iteration is a job, or as many as are learnt at the same time.

    Attributes:
        stages: what comes in place of the last components, in order, its parameters drawn.
        period: iterations between two of them.
    """

    stages: tuple[Stage, ...] = ()
    period: int = 2

    def num_added(self, iteration: int) -> int:
        """How many stages are in the network that learns in an iteration."""
        return min(len(self.stages), max(0, iteration - 1 + self.period) // self.period)

    def is_new(self, iteration: int) -> bool:
        """Whether layers learn in this iteration for the first time."""
        if not self.stages:
            return False
        return iteration == 0 or self.num_added(iteration) > self.num_added(iteration - 1)

    def is_full(self, iteration: int) -> bool:
        """Whether the network that learns in an iteration has all its layers."""
        return self.num_added(iteration) == len(self.stages)

    def grown(self, nnet: Nnet, first: int, last: int) -> Nnet:
        """The network, of which stages 1 .. first are there already, with those up to `last`."""
        for stage in self.stages[first:last]:
            nnet = with_stage(nnet, stage)
        return nnet

    def full(self, nnet: Nnet) -> Nnet:
        """The network to begin with, with all layers."""
        return self.grown(nnet, 0, len(self.stages))

    def check(self, num_iterations: int) -> None:
        """Refuse a training that ends before the grown network has learnt; the rule is Kaldi's.

        Args:
            num_iterations: of the whole training.

        Raises:
            InputError: there are too few.
        """
        num_layers = 1 + len(self.stages)
        needed = num_layers * self.period + 3
        if self.stages and num_iterations < needed:
            raise InputError(
                f"{num_layers} hidden layers, one every --add-layers-period={self.period} "
                f"iterations, need {needed} iterations; there are {num_iterations}: give more "
                "--num-epochs, smaller jobs or a shorter period"
            )
