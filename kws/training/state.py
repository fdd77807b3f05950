"""What changes while a training runs, and how it passes through a checkpoint."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kws.nnet import Nnet
from kws.training.checkpoint import (
    Checkpoint,
    check_settings,
    read_checkpoint,
    write_checkpoint,
)
from kws.training.growth import Growth
from kws.training.last_models import LastModels
from kws.training.optimizers import (
    Average,
    Optimizer,
    carry_over,
    load_optimizer,
    make_optimizer,
    optimizer_tensors,
)
from kws.training.options import TrainOptions


@dataclass
class TrainState:
    """A training between two jobs."""

    nnet: Nnet
    optimizer: Optimizer
    average: Average
    optimizer_of: Callable[[Nnet], Optimizer]  # a new one, when the network has grown
    growth: Growth = field(default_factory=Growth)
    epoch: int = 0
    job: int = 0
    iteration: int = 0  # jobs since the beginning; those learnt at the same time are one
    num_added: int = 0  # stages of the growth that the network has
    full_since: int = 0  # epochs before this one ended with another network
    seconds: float = 0.0
    processor_s: float = 0.0  # seconds of processors, of this process alone
    loss_sum: float = 0.0  # of this epoch's steps
    num_steps: int = 0
    epochs: list[dict[str, float]] = field(default_factory=list)  # what each one came to
    memory: dict[str, Any] = field(default_factory=dict)  # the material's, as JSON has it
    best: list[Tensor] = field(default_factory=list)  # parameters that are kept, not the average
    last: LastModels | None = None  # what the final combination gets
    priors: list[float] = field(default_factory=list)  # of the outputs, when the training is done
    # what the optimizers of processes that learn at the same time remember, when it is saved
    learners: list[dict[str, Tensor]] = field(default_factory=list)

    @classmethod
    def initial(
        cls,
        nnet: Nnet,
        options: TrainOptions,
        source: str,
        num_frozen: int = 0,
        growth: Growth | None = None,
    ) -> TrainState:
        """The state before the first step.

        Args:
            nnet: on its device, with its initial parameters.
            options: of the training.
            source: the network's config, for messages.
            num_frozen: so many of the first components with parameters stay as they are.
            growth: layers that are added.
        """

        def optimizer_of(of: Nnet) -> Optimizer:
            return make_optimizer(of, options, source, num_frozen)

        average = Average(nnet, options.average_decay)
        last = LastModels(options.max_models_combine) if options.max_models_combine else None
        return cls(nnet, optimizer_of(nnet), average, optimizer_of, growth or Growth(), last=last)

    @property
    def mean_loss(self) -> float:
        """Over this epoch's steps so far."""
        return self.loss_sum / max(1, self.num_steps)

    def add(self, losses: Sequence[Tensor], seconds: float, num_jobs: int = 1) -> None:
        """Take in the losses of an iteration's steps, and go to the next job."""
        if self.last is not None:
            self.last.take(self.iteration, list(self.nnet.parameters()))
        self.iteration += 1
        self.loss_sum += float(torch.stack(list(losses)).double().sum()) if losses else 0.0
        self.num_steps += len(losses)
        self.seconds += seconds
        self.job += num_jobs

    def end_epoch(self, values: Mapping[str, float], seconds: float) -> None:
        """Note what the epoch came to, and go to the next one."""
        self.epochs.append(dict(values))
        self.seconds += seconds
        self.epoch, self.job, self.loss_sum, self.num_steps = self.epoch + 1, 0, 0.0, 0

    def grow(self) -> bool:
        """Add the layers that are due before this iteration, if there are any.

        What stays goes on learning as before; what is new begins, and so do the average and the
        search for the best epoch: those of a network with fewer layers are of another one.
        """
        num_stages = self.growth.num_added(self.iteration)
        if num_stages == self.num_added:
            return False
        before = self.optimizer
        self._become(num_stages)
        carry_over(before, self.optimizer)
        self.best, self.full_since = [], self.epoch
        if self.last is not None:
            self.last.clear()
        return True

    def _become(self, num_stages: int) -> None:
        """Put the stages of the growth up to this number into the network."""
        device = next(self.nnet.parameters()).device
        self.nnet = self.growth.grown(self.nnet, self.num_added, num_stages).to(device)
        self.num_added = num_stages
        self.optimizer = self.optimizer_of(self.nnet)
        self.average = Average(self.nnet, self.average.decay)

    def averaged(self) -> Nnet:
        """A copy of the network with the averaged parameters."""
        return self.having(self.average.tensors)

    def kept(self) -> Nnet:
        """A copy of the network as it is kept: of the best epoch, combined, or as it is now."""
        return self.having(self.best or self.average.tensors)

    def keep(self, parameters: Sequence[Tensor]) -> None:
        """Let these be kept, not the average at the end."""
        self.best = [value.detach().clone() for value in parameters]

    def having(self, values: Sequence[Tensor]) -> Nnet:
        """A copy of the network with other parameters."""
        nnet = copy.deepcopy(self.nnet)
        _set(list(nnet.parameters()), values)
        return nnet

    def save(self, path: Path, settings: Mapping[str, str]) -> None:
        """Write a checkpoint."""
        state = {
            "iteration": self.iteration,
            "full_since": self.full_since,
            "seconds": self.seconds,
            "processor_s": self.processor_s,
            "loss_sum": self.loss_sum,
            "num_steps": self.num_steps,
            "epochs": self.epochs,
            "num_updates": self.average.num_updates,
            "memory": self.memory,
            "last": {} if self.last is None else self.last.counts(),
            "priors": self.priors,
        }
        tensors = {
            **{f"parameters.{i}": value for i, value in enumerate(self.nnet.parameters())},
            **optimizer_tensors(self.optimizer),
            **{f"average.{i}": value for i, value in enumerate(self.average.tensors)},
            **{f"best.{i}": value for i, value in enumerate(self.best)},
            **({} if self.last is None else self.last.tensors()),
            **{
                f"learner.{number}.{name}": value
                for number, tensors in enumerate(self.learners)
                for name, value in tensors.items()
            },
        }
        write_checkpoint(path, Checkpoint(settings, self.epoch, self.job, state, tensors))

    def load(self, path: Path, settings: Mapping[str, str]) -> None:
        """Go on from a checkpoint.

        Raises:
            InputError: it is damaged, or of a training with other settings.
        """
        checkpoint = read_checkpoint(path)
        check_settings(path, checkpoint.settings, settings)
        state: Mapping[str, Any] = checkpoint.state
        tensors = checkpoint.tensors
        self.epoch, self.job = checkpoint.epoch, checkpoint.job
        self.full_since, self.priors = state["full_since"], state["priors"]
        self.go_to(state["iteration"])
        self.seconds, self.processor_s = state["seconds"], state["processor_s"]
        self.epochs = state["epochs"]
        self.loss_sum, self.num_steps = state["loss_sum"], state["num_steps"]
        self.memory = state["memory"]
        self.average.num_updates = state["num_updates"]
        parameters = list(self.nnet.parameters())
        _set(parameters, [tensors[f"parameters.{i}"] for i in range(len(parameters))])
        _set(self.average.tensors, [tensors[f"average.{i}"] for i in range(len(parameters))])
        load_optimizer(self.optimizer, tensors)
        if "best.0" in tensors:
            self.best = [value.clone() for value in self.average.tensors]
            _set(self.best, [tensors[f"best.{i}"] for i in range(len(parameters))])
        if self.last is not None:
            self.last.load(tensors, state["last"], parameters)
        self.learners = _learners(tensors)

    def go_to(self, iteration: int) -> None:
        """Be as large as the network is before an iteration; the state is the initial one."""
        self.iteration = iteration
        if num_stages := self.growth.num_added(iteration - 1):
            self._become(num_stages)


def _learners(tensors: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """`TrainState.learners` of a checkpoint's tensors."""
    found: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("learner."):
            _, number, name = key.split(".", 2)
            found.setdefault(int(number), {})[name] = value
    return [found.get(number, {}) for number in range(max(found, default=-1) + 1)]


@torch.no_grad()
def _set(parameters: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for parameter, value in zip(parameters, values, strict=True):
        parameter.copy_(value)
