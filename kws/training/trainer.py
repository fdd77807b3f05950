"""Training: one loop over epochs, jobs and minibatches, from a checkpoint to a network.

Every job (a piece of an epoch) starts from seeds of its own, so a training that continues from a
checkpoint, written between two jobs, gives the same parameters as one that was never interrupted.
"""

from __future__ import annotations

import functools
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from kws.data import Word
from kws.data.draws import Draws, generator_of
from kws.data.examples import Examples
from kws.errors import InputError
from kws.features import FeaturePipeline
from kws.training.checkpoint import FILE_NAME, remove_unfinished
from kws.training.dev import DevSet
from kws.training.log import TrainLog
from kws.training.objectives import Objective, loss_of, make_objective
from kws.training.optimizers import (
    clip_gradients,
    effective_learning_rate,
    gradient_scale,
    set_learning_rate,
)
from kws.training.realign import boundary_moves, realign
from kws.training.state import TrainState
from kws.training.task import Task
from kws.training.training_set import label_frames
from kws.training.workers import Workers, killed_workers_told

log = logging.getLogger(__name__)

NETWORK_DRAWS = 1  # makes the seed of dropout another one than that of the job's examples


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
    options, device = task.options.train, torch.device(task.device)
    torch.set_num_threads(options.num_threads)
    nnet = task.nnet.to(device)
    parameters = list(nnet.parameters())
    contexts = nnet.left_context, nnet.right_context
    state = TrainState.initial(nnet, options, task.network_source, task.num_frozen)
    checkpoint = directory / FILE_NAME
    remove_unfinished(checkpoint)
    if checkpoint.exists():
        state.load(checkpoint, task.settings)
    if state.epoch == options.num_epochs:
        return state

    features = FeaturePipeline(task.features, task.stats)
    label = functools.partial(label_frames, inventory=task.inventory)
    objective = make_objective(task.options, label, task.features.frame_shift_s)
    data = task.train.remarked(state.times, task.inventory)
    num_keywords = len(task.inventory.keywords)
    draws = Draws(data.recordings, data.marks, num_keywords, task.options.examples)
    examples = Examples(
        data.recordings,
        features,
        objective.cut,
        contexts,
        task.options.examples,
        draws.negatives,
        task.augmenter,
    )
    workers = Workers(examples, num_workers)
    dev_data = task.dev and task.dev.remarked(state.times, task.inventory)
    dev = DevSet.of(dev_data, features) if dev_data else None
    clock = _Clock()

    with killed_workers_told():
        text_log = TrainLog(directory, state.epoch, echo)
        text_log.line(_begin_line(state, draws, device))
        while state.epoch < options.num_epochs:
            if state.job == 0 and state.epoch + 1 in options.realign_epochs:
                text_log.line(_realign(task, state))
                data = data.remarked(state.times, task.inventory)
                if dev is not None and dev_data is not None:
                    dev = dev.remarked(dev_data.remarked(state.times, task.inventory))
            jobs = draws.jobs(options.seed, state.epoch, data.marks.__getitem__, state.job)
            clock.restart_frames()
            for pool in workers.pools(jobs):
                generator = _generator(device, options.seed, state.epoch, state.job, NETWORK_DRAWS)
                num_steps = len(pool.splits(objective.chunks_per_minibatch)) - 1
                minibatches = pool.minibatches(objective.chunks_per_minibatch, *contexts, device)
                losses = []
                for step, minibatch in enumerate(minibatches, 1):
                    done = state.epoch + (state.job + step / num_steps) / draws.num_jobs
                    rate = effective_learning_rate(done / options.num_epochs, options)
                    set_learning_rate(state.optimizer, rate)
                    minibatch = minibatch.thinned(step % options.learn_every, options.learn_every)
                    log_posteriors = nnet.log_probabilities(
                        minibatch.inputs, False, generator, options.learn_every
                    )
                    terms = objective.terms(log_posteriors, minibatch)
                    loss = loss_of(terms)
                    scale = gradient_scale([term.count for term in terms], options)
                    for parameter in parameters:
                        parameter.grad = None
                    (loss * scale).backward()  # type: ignore[no-untyped-call]
                    if options.max_grad_norm:
                        clip_gradients(parameters, options.max_grad_norm * scale)
                    state.optimizer.step()
                    state.average.update()
                    losses.append(loss.detach())
                    clock.num_frames += minibatch.labels.numel() * minibatch.every
                state.add(losses, clock.lap_s())
                _check_loss(state, directory)
                on_progress(
                    Progress(
                        state.epoch + 1,
                        state.job / draws.num_jobs,
                        state.mean_loss,
                        clock.frames_per_s,
                    )
                )
                stop = should_stop()
                if stop or clock.minutes_since_save >= options.checkpoint_minutes:
                    state.save(checkpoint, task.settings)
                    clock.saved()
                if stop:
                    text_log.line(f"stopped in epoch {state.epoch + 1}, {checkpoint} written")
                    return state
            _end_epoch(state, task, dev, objective, clock, text_log)
            state.save(checkpoint, task.settings)
            clock.saved()
    return state


def write_final(task: Task, state: TrainState, path: Path) -> None:
    """Write the model of a training that is done, its card completed.

    Raises:
        InputError: the training has diverged.
    """
    training = {
        "epochs": state.epoch,
        "seconds": round(state.seconds, 1),
        "device": task.device,
        "final": state.epochs[-1],
    }
    nnet = state.kept()
    if not all(torch.isfinite(parameter).all() for parameter in nnet.parameters()):
        raise InputError(
            f"{path}: the last steps made parameters that are not finite; start anew with "
            "--restart and a smaller --initial-effective-lrate"
        )
    task.spotter(nnet, {**task.card, "training": training}).save(path)


def _generator(device: torch.device, *seed: int) -> torch.Generator:
    return torch.Generator(device).manual_seed(generator_of(*seed).initial_seed())


def _check_loss(state: TrainState, directory: Path) -> None:
    if not math.isfinite(state.loss_sum):
        raise InputError(
            f"{directory}: the loss is no longer a number in epoch {state.epoch + 1}; start anew "
            "with --restart and a smaller --initial-effective-lrate"
        )


def _realign(task: Task, state: TrainState) -> str:
    """Find word times anew with the network as it is; returns a line for the log.

    Times in a data dir's own ctm are exact and stay.
    """
    spotter = task.spotter(state.averaged(), {})
    sets = [task.train] if task.dev is None else [task.train, task.dev]
    old = {utterance: words for data in sets for utterance, words in data.times.items()}
    old |= state.times
    found: dict[str, list[Word]] = {}
    for data in (data for one in sets for data in one.dirs):
        guessed = [u for u in data.utterances if not data.words.get(u.id)]
        found |= realign(spotter, data, guessed)
    state.times |= found
    moves = boundary_moves(old, found) if found else "nothing, all word times are exact"
    return f"epoch {state.epoch + 1}: realigned: {moves}"


def _end_epoch(
    state: TrainState,
    task: Task,
    dev: DevSet | None,
    objective: Objective,
    clock: _Clock,
    text_log: TrainLog,
) -> None:
    """Test on the dev set, note what the epoch came to and go to the next one."""
    options = task.options.train
    if not state.num_steps:
        raise InputError(
            "there is nothing to train on: no utterance is as long as a frame, or filler-keep "
            "leaves none"
        )
    values = {
        "train/loss": state.mean_loss,
        "train/learning_rate": effective_learning_rate(
            (state.epoch + 1) / options.num_epochs, options
        ),
    }
    if dev is not None:
        nnet = state.averaged().eval()
        values["dev/loss"], values["dev/accuracy"] = dev.evaluate(
            nnet, objective, torch.device(task.device), options.learn_every
        )
        known = [epoch["dev/loss"] for epoch in state.epochs]
        if options.select == "best" and values["dev/loss"] < min(known, default=math.inf):
            state.keep()
    state.end_epoch(values, clock.lap_s())
    text_log.values(values | {"train/frames_per_s": clock.frames_per_s}, state.epoch)
    told = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    text_log.line(
        f"epoch {state.epoch}/{options.num_epochs}: {told}, {clock.frames_per_s:.0f} frames/s, "
        f"{state.seconds:.0f} s in all"
    )


def _begin_line(state: TrainState, draws: Draws, device: torch.device) -> str:
    positives = ", ".join(str(len(group)) for group in draws.positives)
    begin = "begins" if not state.epoch + state.job else "continues"
    return (
        f"{begin} at epoch {state.epoch + 1}, job {state.job + 1} of {draws.num_jobs} on {device}: "
        f"utterances with each keyword {positives}; {draws.num_utterances} drawn per epoch"
    )


class _Clock:
    """How long things take; nothing that is learnt depends on it."""

    def __init__(self) -> None:
        self._lap = self._saved = self._frames_began = time.monotonic()
        self.num_frames = 0

    def lap_s(self) -> float:
        """Seconds since the last call."""
        before, self._lap = self._lap, time.monotonic()
        return self._lap - before

    def saved(self) -> None:
        """Note that a checkpoint was written."""
        self._saved = time.monotonic()

    @property
    def minutes_since_save(self) -> float:
        return (time.monotonic() - self._saved) / 60

    def restart_frames(self) -> None:
        """Count frames from here."""
        self._frames_began, self.num_frames = time.monotonic(), 0

    @property
    def frames_per_s(self) -> float:
        return self.num_frames / max(1e-9, time.monotonic() - self._frames_began)
