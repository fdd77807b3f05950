"""Parallel jobs: processes learn from one start, each from jobs of its own, and are then averaged.

Kaldi's --num-jobs-nnet with nnet-am-average (Povey, Zhang & Khudanpur 2015, "Parallel training of
DNNs with natural gradient and parameter averaging"). The mean of J ways is as long as
their sum only if each is J times as long: as in Kaldi's accel2 scripts the learning rates of the
options are effective ones, and jobs learn with J times as much.
"""

from __future__ import annotations

import multiprocessing
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from kws.data.chunks import Pool
from kws.errors import InputError
from kws.nnet import Nnet
from kws.shell import how_ended
from kws.training.learner import Failure, Job, Memory, Pause, Result, Setup, serve
from kws.training.learning import Learnt, learn
from kws.training.material import Material
from kws.training.objectives import Loss
from kws.training.options import TrainOptions
from kws.training.state import TrainState
from kws.training.task import Task


class Learning(Protocol):
    """Who takes the steps of an iteration."""

    def learn(self, pools: Sequence[Pool], state: TrainState, chunks_per_minibatch: int) -> Learnt:
        """Take the steps of the jobs from the one at which `state` stands.

        Args:
            pools: of the jobs.
            state: its network, optimizer and average are changed, and nothing else of it.
            chunks_per_minibatch: about.
        """
        ...

    def remembered(self) -> list[dict[str, Tensor]]:
        """What the optimizer of each process but this one remembers, for a checkpoint."""
        ...


@contextmanager
def learning_of(task: Task, state: TrainState, material: Material) -> Iterator[Learning]:
    """This process, or as many others as `num-jobs-nnet` says, until the block ends.

    Args:
        task: what is trained.
        state: where the training stands.
        material: its minibatches.
    """
    options, loss, num_jobs = task.train_options, material.loss, material.num_jobs
    if options.num_jobs_nnet == 1:
        yield _ThisProcess(options, loss, num_jobs)
        return
    setup = Setup(
        task.nnet, options, task.network_source, task.num_frozen, task.growth, loss, num_jobs
    )
    learners = Learners(setup)
    try:
        if state.iteration:
            learners.remember(state.learners, state.iteration)
        yield learners
    finally:
        learners.close()


def check_num_jobs(options: TrainOptions, device: str) -> None:
    """InputError where processes that learn at the same time would share an accelerator."""
    if options.num_jobs_nnet > 1 and device != "cpu":
        raise InputError(
            f"--num-jobs-nnet={options.num_jobs_nnet} with --device {device}: jobs at the same "
            "time are for the cores of a CPU; leave one out"
        )


@dataclass(frozen=True)
class _ThisProcess:
    options: TrainOptions
    loss: Loss
    num_jobs: int  # per epoch

    def learn(self, pools: Sequence[Pool], state: TrainState, chunks_per_minibatch: int) -> Learnt:
        (pool,) = pools
        return learn(pool, state, self.loss, self.options, self.num_jobs, chunks_per_minibatch)

    def remembered(self) -> list[dict[str, Tensor]]:
        return []


class Learners:
    """Processes that take a job each."""

    def __init__(self, setup: Setup) -> None:
        """Start them."""
        forks = sys.platform == "linux" and setup.options.num_threads == 1
        # a forked process must not compute with the threads of the one that it came from
        context: Any = multiprocessing.get_context("fork" if forks else "spawn")
        self._processes: list[Any] = []
        self._pipes: list[Connection] = []
        for _ in range(setup.options.num_jobs_nnet):
            pipe, far_end = context.Pipe()
            process = context.Process(target=serve, args=(far_end, setup), daemon=True)
            with warnings.catch_warnings():
                # newer Pythons warn of forking a process with threads; ours hold no locks then
                warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)
                process.start()
            far_end.close()
            self._processes.append(process)
            self._pipes.append(pipe)

    def close(self) -> None:
        """End them."""
        for process, pipe in zip(self._processes, self._pipes, strict=True):
            pipe.close()
            process.terminate()
            process.join()

    def learn(self, pools: Sequence[Pool], state: TrainState, chunks_per_minibatch: int) -> Learnt:
        """Let each process take a job; see `Learning`.

        The network becomes the mean of where the processes have come. Where it is new - in the
        first iteration, or with layers that have just been added - means of networks that go
        different ways are worse than each of them: there it becomes the one with the least loss, as
        in Kaldi's scripts.
        """
        parameters = [p.detach().cpu().numpy() for p in state.nnet.parameters()]
        pipes = self._pipes[: len(pools)]
        for number, (pipe, pool) in enumerate(zip(pipes, pools, strict=True)):
            self._send(
                pipe,
                Job(
                    state.epoch,
                    state.job + number,
                    state.iteration,
                    parameters,
                    pool,
                    chunks_per_minibatch,
                ),
            )
        for pipe in self._pipes[len(pools) :]:
            self._send(pipe, Pause(state.iteration))
        results: list[Result] = [self._receive(pipe) for pipe in pipes]
        learnt = [result for result in results if len(result.losses)]
        if learnt:
            is_new = state.iteration == 0 or state.growth.is_new(state.iteration)
            best = min(learnt, key=lambda result: result.mean_loss)
            set_to_mean(state.nnet, [r.parameters for r in ([best] if is_new else learnt)])
            state.average.update(max(len(result.losses) for result in learnt))
        return Learnt(
            [loss for result in results for loss in torch.from_numpy(result.losses)],
            sum(result.num_frames for result in results),
        )

    def remembered(self) -> list[dict[str, Tensor]]:
        """See `Learning`."""
        for pipe in self._pipes:
            self._send(pipe, None)
        states: list[dict[str, npt.NDArray[Any]]] = [self._receive(pipe) for pipe in self._pipes]
        return [
            {name: torch.from_numpy(value) for name, value in state.items()} for state in states
        ]

    def remember(self, states: Sequence[dict[str, Tensor]], iteration: int) -> None:
        """Let the optimizers remember what `remembered` gave.

        Args:
            states: of each process.
            iteration: of the training, with which it goes on.
        """
        for number, pipe in enumerate(self._pipes):
            tensors = states[number] if number < len(states) else {}
            arrays = {name: value.numpy() for name, value in tensors.items()}
            self._send(pipe, Memory(iteration, arrays))

    def _send(self, pipe: Connection, message: Any) -> None:
        try:
            pipe.send(message)
        except OSError:
            while True:  # until what it said last, or that it has ended, is raised
                self._receive(pipe)

    def _receive(self, pipe: Connection) -> Any:
        try:
            answer = pipe.recv()
        except (EOFError, OSError):
            process = self._processes[self._pipes.index(pipe)]
            process.join()
            raise InputError(
                f"a process that learns {how_ended(process.exitcode)}; the same command continues"
            ) from None
        if isinstance(answer, Failure):
            raise answer.error or RuntimeError(answer.text)
        return answer


@torch.no_grad()
def set_to_mean(nnet: Nnet, networks: Sequence[Sequence[npt.NDArray[Any]]]) -> None:
    """Give `nnet` the means of the parameters of networks; what it holds besides stays.

    Args:
        nnet: to be changed.
        networks: of each the parameters in the order of `nnet.parameters()`.
    """
    for parameter, *values in zip(nnet.parameters(), *networks, strict=True):
        total = np.zeros(parameter.shape, np.float64)
        for value in values:  # in the order of the jobs: always the same sum
            total += value
        parameter.copy_(torch.from_numpy(total / len(values)))
