"""Training: one loop over epochs, jobs and minibatches, from a checkpoint to a network.

Every job (a piece of an epoch) starts from seeds of its own, so a training that continues from a
checkpoint, written between two jobs, gives the same parameters as one that was never interrupted.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from kws.errors import InputError
from kws.training.checkpoint import FILE_NAME, remove_unfinished
from kws.training.clock import Clock
from kws.training.dev import evaluate
from kws.training.finishing import check_dev, finish, plan_last_models
from kws.training.log import TrainLog
from kws.training.material import Material
from kws.training.optimizers import effective_learning_rate
from kws.training.parallel import Learning, learning_of
from kws.training.state import TrainState
from kws.training.task import Task
from kws.training.workers import dead_workers_told


@dataclass(frozen=True)
class Progress:
    """How far a training is, told after every job."""

    epoch: int  # counted from 1
    share: float  # of the epoch
    loss: float  # mean over the epoch's steps so far
    frames_per_s: float


def train(
    task: Task,
    directory: Path,
    *,
    num_workers: int = 1,
    echo: Callable[[str], None] = lambda line: None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainState:
    """Train, from the checkpoint in `directory` if there is one; a checkpoint is what it leaves.

    Args:
        task: what to train on what.
        directory: for the checkpoint, train.log and the TensorBoard files.
        num_workers: processes that prepare examples; 0: this one does.
        echo: gets the lines that go to train.log.
        on_progress: called after every job.
        should_stop: asked after every job; when true a checkpoint is written and training ends.

    Returns:
        the state at the end; its `epoch` tells whether all epochs are done.

    Raises:
        InputError: the loss is no longer a number, or the checkpoint is of another training.
    """
    options = task.train_options
    torch.set_num_threads(options.num_threads)
    nnet = task.nnet.to(task.device)
    state = TrainState.initial(nnet, options, task.network_source, task.num_frozen, task.growth)
    checkpoint = directory / FILE_NAME
    remove_unfinished(checkpoint)
    if checkpoint.exists():
        state.load(checkpoint, task.settings)
    if state.epoch == options.num_epochs:
        return state

    material = task.material(state.memory, num_workers)
    per_epoch = math.ceil(material.num_jobs / options.num_jobs_nnet)
    task.growth.check(options.num_epochs * per_epoch)
    check_dev(material, options)
    if state.last is not None:
        plan_last_models(state.last, options, per_epoch)
    clock = Clock()
    with dead_workers_told(), learning_of(task, state, material) as learning:
        text_log = TrainLog(directory, state.epoch, echo)
        text_log.line(_begin_line(state, material, task.device))
        while state.epoch < options.num_epochs:
            if state.job == 0 and (line := material.begin_epoch(state.epoch, state.averaged)):
                text_log.line(f"epoch {state.epoch + 1}: {line}")
            clock.restart_frames()
            pools = material.pools(state.epoch, state.job)
            while group := list(itertools.islice(pools, options.num_jobs_nnet)):
                size = material.loss.chunks_per_minibatch
                if state.grow():
                    text_log.line(_growth_line(state))
                if task.growth.is_new(state.iteration):
                    size = max(1, size // 2)
                learnt = learning.learn(group, state, size)
                clock.num_frames += learnt.num_frames
                state.add(learnt.losses, clock.lap_s(), len(group))
                _check_loss(state.loss_sum, state, directory)
                on_progress(
                    Progress(
                        state.epoch + 1,
                        state.job / material.num_jobs,
                        state.mean_loss,
                        clock.frames_per_s,
                    )
                )
                stop = should_stop()
                if stop or clock.minutes_since_save >= options.checkpoint_minutes:
                    _save(state, learning, checkpoint, task, clock)
                if stop:
                    text_log.line(f"stopped in epoch {state.epoch + 1}, {checkpoint} written")
                    return state
            _end_epoch(state, task, material, clock, text_log, directory)
            if state.epoch == options.num_epochs:
                for line in finish(state, material, options):
                    text_log.line(line)
                state.seconds += clock.lap_s()
            _save(state, learning, checkpoint, task, clock)
    return state


def _save(
    state: TrainState, learning: Learning, checkpoint: Path, task: Task, clock: Clock
) -> None:
    state.learners = learning.remembered()
    state.processor_s += clock.lap_processor_s()
    state.save(checkpoint, task.settings)
    clock.saved()


def _check_loss(loss: float, state: TrainState, directory: Path) -> None:
    if not math.isfinite(loss):
        raise InputError(
            f"{directory}: the loss is no longer a number in epoch {state.epoch + 1}; start anew "
            "with --restart and a smaller --initial-effective-lrate, --final-effective-lrate or "
            "--weight-decay"
        )


def _end_epoch(
    state: TrainState,
    task: Task,
    material: Material,
    clock: Clock,
    text_log: TrainLog,
    directory: Path,
) -> None:
    """Test on the dev set, note what the epoch came to and go to the next one."""
    options = task.train_options
    if not state.num_steps:
        raise InputError(
            "there is nothing to train on: what is drawn of the utterances (crop-s) holds no frame "
            "(frame-length, frame-shift), or filler-keep leaves none"
        )
    values = {
        "train/loss": state.mean_loss,
        "train/learning_rate": effective_learning_rate(
            (state.epoch + 1) / options.num_epochs, options
        ),
    }
    dev_pools = material.dev_pools()
    if dev_pools is not None:
        nnet = state.averaged().eval()
        values["dev/loss"], values["dev/accuracy"] = evaluate(
            nnet, dev_pools, material.loss, options.learn_every
        )
        _check_loss(values["dev/loss"], state, directory)
        known = [epoch["dev/loss"] for epoch in state.epochs[state.full_since :]]
        is_full = task.growth.is_full(state.iteration - 1)
        is_best = is_full and values["dev/loss"] < min(known, default=math.inf)
        if options.select == "best" and is_best:
            state.keep(state.average.tensors)
    state.end_epoch(values, clock.lap_s())
    state.processor_s += clock.lap_processor_s()
    pace = {
        "train/frames_per_s": clock.frames_per_s,
        "train/seconds": state.seconds,
        "train/processor_seconds": state.processor_s,
    }
    text_log.values(values | pace, state.epoch)
    told = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    text_log.line(
        f"epoch {state.epoch}/{options.num_epochs}: {told}, {clock.frames_per_s:.0f} frames/s, "
        f"{state.seconds:.0f} s in all"
    )


def _growth_line(state: TrainState) -> str:
    return (
        f"epoch {state.epoch + 1}, job {state.job + 1}: "
        f"{1 + state.num_added} of {1 + len(state.growth.stages)} hidden "
        f"layers, {state.nnet.num_parameters} parameters"
    )


def _begin_line(state: TrainState, material: Material, device: str) -> str:
    begin = "begins" if not state.epoch + state.job else "continues"
    return (
        f"{begin} at epoch {state.epoch + 1}, job {state.job + 1} of {material.num_jobs} on "
        f"{device}: {material.told()}"
    )
