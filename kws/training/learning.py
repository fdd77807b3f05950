"""The steps of one job: minibatch by minibatch, from a pool to better parameters."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from kws.data.chunks import Pool
from kws.data.draws import generator_of
from kws.training.objectives import Loss, loss_of
from kws.training.optimizers import (
    clip_gradients,
    effective_learning_rate,
    gradient_scale,
    set_learning_rate,
)
from kws.training.options import TrainOptions
from kws.training.state import TrainState

NETWORK_DRAWS = 1  # makes the seed of dropout another one than that of the job's examples


class Learnt(NamedTuple):
    """What the steps of a job came to."""

    losses: list[Tensor]  # of each step, ()
    num_frames: int


def learn(
    pool: Pool,
    state: TrainState,
    loss: Loss,
    options: TrainOptions,
    num_jobs: int,
    chunks_per_minibatch: int,
) -> Learnt:
    """Take the steps of the job at which `state` stands.

    Args:
        pool: the job's minibatches.
        state: its network, optimizer and average are changed, and nothing else of it.
        loss: what the network is to minimise.
        options: of the training.
        num_jobs: per epoch.
        chunks_per_minibatch: about.
    """
    nnet = state.nnet
    parameters = list(nnet.parameters())
    device = parameters[0].device
    contexts = nnet.left_context, nnet.right_context
    generator = torch.Generator(device).manual_seed(
        generator_of(options.seed, state.epoch, state.job, NETWORK_DRAWS).initial_seed()
    )
    num_steps = len(pool.splits(chunks_per_minibatch)) - 1
    losses, num_frames = [], 0
    minibatches = pool.minibatches(chunks_per_minibatch, *contexts, device)
    for step, minibatch in enumerate(minibatches, 1):
        done = state.epoch + (state.job + step / num_steps) / num_jobs
        rate = effective_learning_rate(done / options.num_epochs, options)
        set_learning_rate(state.optimizer, rate)
        # an utterance's chunks may have fewer frames than are passed over
        first = step % min(options.learn_every, minibatch.labels.shape[1])
        minibatch = minibatch.thinned(first, options.learn_every)
        log_posteriors = nnet.log_probabilities(
            minibatch.inputs, False, generator, options.learn_every
        )
        terms = loss.terms(log_posteriors, minibatch)
        value = loss_of(terms)
        scale = gradient_scale([term.count for term in terms], options)
        for parameter in parameters:
            parameter.grad = None
        (value * scale).backward()  # type: ignore[no-untyped-call]
        if options.max_grad_norm:
            clip_gradients(parameters, options.max_grad_norm * scale)
        state.optimizer.step()
        state.average.update()
        losses.append(value.detach())
        num_frames += minibatch.labels.numel() * minibatch.every
    return Learnt(losses, num_frames)
