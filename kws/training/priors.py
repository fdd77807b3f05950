"""Priors of a network's outputs: its mean posteriors over training frames.

Kaldi's nnet-adjust-priors, which its scripts run at the end of a training: a decoder divides
posteriors by them, and means of what the network says suit it better than counts of labels.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from kws.data.chunks import IGNORED, Pool
from kws.nnet import Nnet
from kws.training.dev import minibatches_of
from kws.training.material import Material
from kws.training.objectives import Loss

FLOOR = 1e-15  # Kaldi's --prior-floor: what divides must not be 0
MAX_JOBS = 10  # as Kaldi's scripts take the means of 10 jobs
MAX_SHARE = 50  # one job in so many of the training's, at most: its priors take 2 % of its time


def adjusted_priors(nnet: Nnet, material: Material, num_epochs: int, every: int = 1) -> list[float]:
    """The priors of a training's outputs, from jobs of the epoch that would come after the last.

    Args:
        nnet: as the training leaves it, on its device.
        material: of the training.
        num_epochs: of the training.
        every: look at every so manieth frame only, as in training.

    Returns:
        As `mean_posteriors`.
    """
    num_jobs = min(MAX_JOBS, material.num_jobs, max(1, material.num_jobs * num_epochs // MAX_SHARE))
    pools = material.pools(num_epochs, material.num_jobs - num_jobs)
    return mean_posteriors(nnet, pools, material.loss, every)


@torch.inference_mode()
def mean_posteriors(nnet: Nnet, pools: Iterable[Pool], loss: Loss, every: int = 1) -> list[float]:
    """The mean of the network's output over the frames that are learnt from.

    Args:
        nnet: the network, on its device.
        pools: the frames.
        loss: tells how many chunks make a minibatch.
        every: look at every so manieth frame only.

    Returns:
        A number above 0 for each output, of which the sum is 1; none where there is no frame.
    """
    total = torch.zeros(nnet.output_dim, dtype=torch.float64)
    for minibatch in minibatches_of(nnet, pools, loss, every):
        log_posteriors = nnet.log_probabilities(minibatch.inputs, pad=False, every=every)
        is_learnt = minibatch.labels != IGNORED  # (B, F)
        total += log_posteriors[is_learnt].exp().sum(0, dtype=torch.float64).cpu()
    if not total.sum() > 0:
        return []
    priors = (total / total.sum()).clamp(min=FLOOR)
    return [float(prior) for prior in priors / priors.sum()]
