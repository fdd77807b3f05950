"""Processes that learn at the same time: their mean, its pace, interruptions, ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from training_tones import corpus, options, sources

from kws.errors import InputError
from kws.nnet import Nnet
from kws.training import parallel
from kws.training.checkpoint import FILE_NAME
from kws.training.keyword_task import KeywordTask
from kws.training.learning import learn
from kws.training.options import AllOptions
from kws.training.parallel import Learners, set_to_mean
from kws.training.prepare import prepare
from kws.training.state import TrainState
from kws.training.trainer import train

GIVEN = ("--chunk-frames=4", "--utterances-per-job=3", "--num-jobs-nnet=2")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus(tmp_path_factory.mktemp("data") / "train", num_each=5)


def task_of(path: Path, data: Path, given: AllOptions) -> KeywordTask:
    path.mkdir(exist_ok=True)
    return prepare(sources(path, data, dev_data=(str(data),)), given)


def run(path: Path, data: Path, given: AllOptions, stop_after: int | None = None) -> TrainState:
    """Train; stop after so many iterations and go on, if that is given."""
    iterations = 0

    def is_enough() -> bool:
        nonlocal iterations
        iterations += 1
        return iterations == stop_after

    state = train(task_of(path, data, given), path, num_workers=0, should_stop=is_enough)
    if stop_after is not None:
        assert state.epoch < given.train.num_epochs
        state = train(task_of(path, data, given), path, num_workers=0)
    assert state.epoch == given.train.num_epochs
    return state


def values(nnet: Nnet) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in nnet.parameters()]


def equal(a: TrainState, b: TrainState) -> bool:
    pairs = zip(
        [*values(a.nnet), *a.average.tensors], [*values(b.nnet), *b.average.tensors], strict=True
    )
    return all(torch.equal(x, y) for x, y in pairs)


def test_the_mean_is_that_of_the_parameters_alone() -> None:
    text = (
        "PermuteComponent dim=2\nAffineComponent input-dim=2 output-dim=1\nSoftmaxComponent dim=1\n"
    )
    nnet = Nnet.from_config(text, "test.config", torch.Generator().manual_seed(1))
    before = {name: value.clone() for name, value in nnet.named_buffers()}
    first = [np.array([[1.0, 2.0]]), np.array([0.5])]
    second = [np.array([[3.0, -4.0]]), np.array([1.5])]
    third = [np.array([[2.0, -1.0]]), np.array([4.0])]
    set_to_mean(nnet, [first, second, third])
    assert [p.tolist() for p in nnet.parameters()] == [[[2.0, -1.0]], [2.0]]
    assert before and all(torch.equal(before[n], value) for n, value in nnet.named_buffers())


def test_an_iteration_is_the_mean_of_jobs_from_one_start(tmp_path: Path, data: Path) -> None:
    """Each with twice the learning rate: what this process learns, job by job, by hand."""
    given = options(*GIVEN, "--optimizer=sgd", "--average-decay=0.5")
    task = task_of(tmp_path, data, given)
    own = task.train_options
    twice = replace(
        own,
        initial_effective_lrate=2 * own.initial_effective_lrate,
        final_effective_lrate=2 * own.final_effective_lrate,
    )
    material = task.material({}, 0)
    pools = list(material.pools(0, 0))
    assert len(pools) == 4
    start, by_hand, momenta = values(task.nnet), [], {}
    for iteration in range(2):
        ends = []
        for number in range(2):
            state = TrainState.initial(task.nnet, twice, "test")
            state.epoch, state.job, state.iteration = 0, 2 * iteration + number, iteration
            with torch.no_grad():
                for parameter, value in zip(state.nnet.parameters(), start, strict=True):
                    parameter.copy_(value)
            if number in momenta:
                state.optimizer.load_state_dict(momenta[number])
            learnt = learn(pools[state.job], state, material.loss, twice, 4, 16)
            momenta[number] = state.optimizer.state_dict()
            momenta[number]["state"] = {
                i: {k: v.clone() for k, v in of.items()}
                for i, of in momenta[number]["state"].items()
            }
            ends.append((float(torch.stack(learnt.losses).mean()), values(state.nnet)))
        # the first iteration takes the better one
        start = (
            min(ends, key=lambda end: end[0])[1]
            if iteration == 0
            else [
                (a.double() / 2 + b.double() / 2).float()
                for a, b in zip(ends[0][1], ends[1][1], strict=True)
            ]
        )
        by_hand.append(start)

    task = task_of(tmp_path, data, given)
    state = TrainState.initial(task.nnet, own, "test")
    with parallel.learning_of(task, state, material) as learning:
        for iteration in range(2):
            learnt = learning.learn(pools[2 * iteration : 2 * iteration + 2], state, 16)
            state.add(learnt.losses, 0.0, 2)
            for a, b in zip(values(state.nnet), by_hand[iteration], strict=True):
                # the same sums of the same float32 numbers
                assert torch.allclose(a, b, rtol=1e-6, atol=1e-7)
    assert (state.job, state.iteration) == (4, 2)
    # the average has taken in a mean as many times as a job has steps
    assert state.average.num_updates > 2


@pytest.mark.parametrize(
    "given",
    [
        ("--optimizer=adamw",),
        (
            "--optimizer=natural-gradient",
            "--initial-effective-lrate=0.001",
            "--final-effective-lrate=0.0001",
        ),
        ("--optimizer=sgd", "--max-models-combine=3", "--num-jobs-nnet=3"),
    ],
)
def test_an_interruption_leaves_no_trace(
    tmp_path: Path, data: Path, given: tuple[str, ...]
) -> None:
    """4 jobs an epoch: with three processes the last iteration of each has one job alone."""
    wanted = options(*GIVEN, *given)
    straight = run(tmp_path / "straight", data, wanted)
    stopped = run(tmp_path / "stopped", data, wanted, stop_after=3)
    assert equal(straight, stopped)
    assert straight.priors == stopped.priors
    assert all(torch.equal(a, b) for a, b in zip(straight.best, stopped.best, strict=True))


def test_processes_that_start_anew_give_the_same(tmp_path: Path, data: Path) -> None:
    """With more threads they are not forked."""
    forked = run(tmp_path / "forked", data, options(*GIVEN, "--num-epochs=1"))
    spawned = run(tmp_path / "spawned", data, options(*GIVEN, "--num-epochs=1", "--num-threads=2"))
    torch.set_num_threads(1)
    for a, b in zip(values(forked.nnet), values(spawned.nnet), strict=True):
        # products of other threads are added in another order
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (signal.SIGKILL, "was ended by SIGKILL, perhaps for want of memory"),
        (signal.SIGSEGV, "was ended by SIGSEGV"),
        (signal.SIGTERM, "was ended by SIGTERM"),
    ],
)
def test_a_process_that_a_signal_ends_is_told(
    number: int, told: str, tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learners: list[Learners] = []

    def kill_first(self: Learners, *others: object) -> object:
        learners.append(self)
        os.kill(self._processes[1].pid, number)
        self._processes[1].join()
        return take(self, *others)  # type: ignore[arg-type]

    take: Callable[..., object] = Learners.learn
    monkeypatch.setattr(Learners, "learn", kill_first)
    with pytest.raises(InputError, match=f"^a process that learns {told}; the same command cont"):
        run(tmp_path, data, options(*GIVEN))
    assert not any(process.is_alive() for process in learners[0]._processes)


def test_what_a_process_finds_wrong_is_told(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*others: object) -> None:
        raise InputError("this is wrong; do that")

    monkeypatch.setattr("kws.training.learner.learn", refuse)
    with pytest.raises(InputError, match=r"^this is wrong; do that$"):
        run(tmp_path, data, options(*GIVEN))


def test_what_a_process_raised_is_told_also_when_no_answer_was_due(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so and ends; the parent finds it with the next thing that it sends."""

    def fail(self: object, message: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr("kws.training.learner._Learner.pause", fail)  # of the fifth, without a job
    with pytest.raises(RuntimeError, match="ValueError: a bug"):
        run(tmp_path, data, options(*GIVEN, "--num-jobs-nnet=5"))


def test_a_process_that_exits_is_told(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kws.training.learner.learn", lambda *others: os._exit(7))
    with pytest.raises(InputError, match=r"^a process that learns ended with exit status 7; the"):
        run(tmp_path, data, options(*GIVEN))


def test_a_training_that_diverges_is_refused(tmp_path: Path, data: Path) -> None:
    huge = ("--optimizer=sgd", "--initial-effective-lrate=1e30", "--final-effective-lrate=1e30")
    with pytest.raises(InputError, match="the loss is no longer a number in epoch"):
        run(tmp_path, data, options(*GIVEN, *huge, "--max-grad-norm=0", "--warmup-share=0"))


def test_more_processes_than_jobs(tmp_path: Path, data: Path) -> None:
    state = run(tmp_path, data, options(*GIVEN, "--num-jobs-nnet=5"))
    assert state.iteration == 4  # one an epoch
    assert (tmp_path / FILE_NAME).exists()


def test_an_accelerator_is_for_one(tmp_path: Path, data: Path) -> None:
    with pytest.raises(
        InputError, match=r"--num-jobs-nnet=2 with --device cuda: .*; leave one out"
    ):
        prepare(sources(tmp_path, data, device="cuda"), options(*GIVEN))
