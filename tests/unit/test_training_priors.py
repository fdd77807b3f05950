"""Priors are mean posteriors over frames that are learnt from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch

from kws.data.chunks import FrameChunks, Pool
from kws.nnet import Nnet
from kws.training.objectives import CrossEntropy, Loss
from kws.training.priors import FLOOR, adjusted_priors, mean_posteriors

NETWORK = """SpliceComponent input-dim=2 left-context=1 right-context=2
AffineComponent input-dim=8 output-dim=4 bias-stddev=2
SoftmaxComponent dim=4
"""
CUT = FrameChunks(lambda words, times: np.zeros(0, np.int64), 3)
LOSS = CrossEntropy(CUT, 2)


@pytest.fixture
def nnet() -> Nnet:
    return Nnet.from_config(NETWORK, "test.config", torch.Generator().manual_seed(1))


def pool(seed: int) -> Pool:
    """Two utterances of 7 and 5 frames, of which the first gives chunks of 3 and 4."""
    features = np.random.default_rng(seed).normal(size=(12, 2)).astype(np.float32)
    chunks = np.array([[0, 0, 6, 3], [3, 0, 6, 4], [7, 7, 11, 5]])
    return Pool(features, np.ones(12, np.int64), chunks, ())


def test_they_are_the_mean_of_the_networks_output(nnet: Nnet) -> None:
    pools = [pool(seed) for seed in range(3)]
    outputs = [
        nnet(torch.from_numpy(part)[None])[0].double()  # padded at each utterance's ends
        for one in pools
        for part in (one.features[:7], one.features[7:])
    ]
    expected = torch.cat(outputs).mean(0)
    priors = mean_posteriors(nnet, pools, LOSS)
    # float32 posteriors, added up in float64
    assert priors == pytest.approx(expected.tolist(), rel=1e-6)
    assert sum(priors) == pytest.approx(1, abs=1e-12)


def test_every_so_manieth_frame(nnet: Nnet) -> None:
    one = pool(0)
    first, second = nnet(torch.from_numpy(one.features[:7])[None])[0].detach(), None
    second = nnet(torch.from_numpy(one.features[7:])[None])[0].detach()
    # frames 0 and 2 of each chunk, and 4 where there is one
    taken = torch.cat([first[[0, 2, 3, 5]], second[[0, 2, 4]]]).double()
    assert mean_posteriors(nnet, [one], LOSS, 2) == pytest.approx(taken.mean(0).tolist(), rel=1e-6)


def test_an_output_that_never_comes_has_the_floor(nnet: Nnet) -> None:
    with torch.no_grad():
        nnet.components[1].bias[2] = -500.0
    priors = mean_posteriors(nnet, [pool(0)], LOSS)
    assert priors[2] == pytest.approx(FLOOR, rel=1e-9)
    assert sum(priors) == pytest.approx(1, abs=1e-12)


def test_without_frames_there_are_none(nnet: Nnet) -> None:
    empty = Pool(
        np.zeros((0, 2), np.float32), np.zeros(0, np.int64), np.zeros((0, 4), np.int64), ()
    )
    assert mean_posteriors(nnet, [empty], LOSS) == []


class Jobs:
    """A material that tells which jobs were asked for."""

    loss: Loss = LOSS

    def __init__(self, num_jobs: int) -> None:
        self.num_jobs = num_jobs
        self.taken: list[tuple[int, int]] = []

    def pools(self, epoch: int, first: int) -> Iterator[Pool]:
        for job in range(first, self.num_jobs):
            self.taken.append((epoch, job))
            yield pool(job)


@pytest.mark.parametrize(
    ("num_jobs", "num_epochs", "taken"),
    [(100, 20, 10), (100, 2, 4), (3, 4, 1), (4, 400, 4), (1, 1, 1)],
)
def test_a_few_jobs_of_one_more_epoch(
    nnet: Nnet, num_jobs: int, num_epochs: int, taken: int
) -> None:
    jobs = Jobs(num_jobs)
    priors = adjusted_priors(nnet, jobs, num_epochs)  # type: ignore[arg-type]
    numbers = range(num_jobs - taken, num_jobs)
    assert jobs.taken == [(num_epochs, number) for number in numbers]
    assert priors == mean_posteriors(nnet, [pool(number) for number in numbers], LOSS)
