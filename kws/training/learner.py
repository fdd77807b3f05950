"""A process that learns at the same time as others: what is sent to it, and what comes back.

Values cross as arrays of numpy: tensors would go by shared memory, of which there may be little.
"""

from __future__ import annotations

import copy
import math
import traceback
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from kws.data.chunks import Pool
from kws.errors import InputError
from kws.nnet import Nnet
from kws.training.growth import Growth
from kws.training.learning import learn
from kws.training.objectives import Loss
from kws.training.optimizers import load_optimizer, optimizer_tensors
from kws.training.options import TrainOptions
from kws.training.state import TrainState
from kws.training.workers import follow_parent

Arrays = list[npt.NDArray[Any]]


@dataclass(frozen=True)
class Setup:
    """What a process that learns begins with.

    Attributes:
        nnet: the network as it is before the first step of the training.
        options: of the training.
        source: the network's config, for messages.
        num_frozen: so many of the first components with parameters stay as they are.
        growth: layers that are added.
        loss: what the network is to minimise.
        num_jobs: per epoch.
    """

    nnet: Nnet
    options: TrainOptions
    source: str
    num_frozen: int
    growth: Growth
    loss: Loss
    num_jobs: int


class Job(NamedTuple):
    """What a process is to learn from, and where it stands then."""

    epoch: int
    job: int
    iteration: int
    parameters: Arrays
    pool: Pool
    chunks_per_minibatch: int


class Pause(NamedTuple):
    """That there is no job for it in an iteration; its network grows all the same."""

    iteration: int


class Memory(NamedTuple):
    """What a process is to remember when a training continues."""

    iteration: int
    optimizer: dict[str, npt.NDArray[Any]]


class Result(NamedTuple):
    """Where it has come."""

    parameters: Arrays
    losses: npt.NDArray[np.float32]  # of each step
    num_frames: int

    @property
    def mean_loss(self) -> float:
        """Infinite when there was no step."""
        return float(self.losses.mean()) if len(self.losses) else math.inf


@dataclass(frozen=True)
class Failure:
    """What a process raised."""

    error: InputError | None
    text: str


def serve(pipe: Connection, setup: Setup) -> None:
    """Learn job after job, until the other end is closed."""
    follow_parent()
    torch.set_num_threads(setup.options.num_threads)
    try:
        learner = _Learner(setup)
        while True:
            message = pipe.recv()
            if isinstance(message, Job):
                pipe.send(learner.result(message))
            elif isinstance(message, Pause):
                learner.pause(message)
            elif isinstance(message, Memory):
                learner.go_on(message)
            else:
                pipe.send(learner.remembered())
    except EOFError:
        return
    except Exception as error:
        kept = error if isinstance(error, InputError) else None
        pipe.send(Failure(kept, traceback.format_exc()))


class _Learner:
    """One of the processes: a training of its own whose parameters are set before each job."""

    def __init__(self, setup: Setup) -> None:
        options, num_learners = setup.options, setup.options.num_jobs_nnet
        self._setup = setup
        self._options = replace(
            options,
            initial_effective_lrate=options.initial_effective_lrate * num_learners,
            final_effective_lrate=options.final_effective_lrate * num_learners,
        )
        self.state = TrainState.initial(
            copy.deepcopy(setup.nnet),  # its tensors may be shared with those of the parent
            self._options,
            setup.source,
            setup.num_frozen,
            setup.growth,
        )

    def pause(self, pause: Pause) -> None:
        """Let an iteration pass."""
        self.state.iteration = pause.iteration
        self.state.grow()

    def go_on(self, memory: Memory) -> None:
        """Be what the process was before an iteration."""
        self.state.go_to(memory.iteration)
        tensors = {name: torch.from_numpy(value) for name, value in memory.optimizer.items()}
        load_optimizer(self.state.optimizer, tensors)

    def remembered(self) -> dict[str, npt.NDArray[Any]]:
        """What the optimizer remembers."""
        tensors = optimizer_tensors(self.state.optimizer)
        return {name: value.detach().cpu().numpy() for name, value in tensors.items()}

    @torch.enable_grad()
    def result(self, job: Job) -> Result:
        """Take the steps of a job."""
        state = self.state
        state.epoch, state.job, state.iteration = job.epoch, job.job, job.iteration
        state.grow()
        parameters = list(state.nnet.parameters())
        with torch.no_grad():
            for parameter, value in zip(parameters, job.parameters, strict=True):
                parameter.copy_(torch.from_numpy(value))
        learnt = learn(
            job.pool,
            state,
            self._setup.loss,
            self._options,
            self._setup.num_jobs,
            job.chunks_per_minibatch,
        )
        losses = torch.stack(learnt.losses).numpy() if learnt.losses else np.zeros(0, np.float32)
        arrays = [parameter.detach().numpy() for parameter in parameters]
        return Result(arrays, losses, learnt.num_frames)
