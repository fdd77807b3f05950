"""Combining models finds the network between and beyond them that dev asks for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
import torch

from kws.data.chunks import FrameChunks, Pool
from kws.nnet import Nnet
from kws.training.combination import Examples, combine
from kws.training.last_models import LastModels, num_iterations_final
from kws.training.objectives import CrossEntropy

NETWORK = """AffineComponent input-dim=3 output-dim=6
TanhComponent dim=6
AffineComponent input-dim=6 output-dim=3
SoftmaxComponent dim=3
"""
NUM_FRAMES = 600


def network(seed: int) -> Nnet:
    return Nnet.from_config(NETWORK, "test.config", torch.Generator().manual_seed(seed))


def parameters(nnet: Nnet) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in nnet.parameters()]


def moved(
    start: Sequence[torch.Tensor], step: Sequence[torch.Tensor], by: float
) -> list[torch.Tensor]:
    return [a + by * b for a, b in zip(start, step, strict=True)]


@pytest.fixture(scope="module")
def truth() -> Nnet:
    """Labels are drawn from its posteriors, so no other network has a smaller mean loss."""
    nnet = network(1)
    with torch.no_grad():
        for parameter in nnet.parameters():
            parameter.mul_(2)
    return nnet


@pytest.fixture(scope="module")
def examples(truth: Nnet) -> Examples:
    return drawn(truth, 2)


def drawn(truth: Nnet, seed: int) -> Examples:
    """Frames with labels drawn from the posteriors of `truth`."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(NUM_FRAMES, 3, generator=generator)
    posteriors = truth(features[None]).detach()[0]
    labels = torch.multinomial(posteriors, 1, generator=generator)[:, 0]
    last = NUM_FRAMES - 1
    chunks = np.array([[begin, 0, last, 20] for begin in range(0, NUM_FRAMES, 20)])
    half = len(chunks) // 2

    def pools() -> Iterator[Pool]:
        for part in (chunks[:half], chunks[half:]):
            yield Pool(features.numpy(), labels.numpy(), part, ())

    cut = FrameChunks(lambda words, times: np.zeros(0, np.int64), 20)
    return Examples(pools, CrossEntropy(cut, 4))


def test_the_gradient_is_that_of_the_value(examples: Examples) -> None:
    nnet = network(3).double()
    nnet.requires_grad_(True)
    as_doubles = Examples(
        lambda: (copy_with(pool) for pool in examples.pools()), examples.loss, examples.every
    )
    total = [torch.stack(parts).sum(0) for parts in zip(*as_doubles.gradients(nnet), strict=True)]
    step = 1e-6
    with torch.no_grad():
        for parameter, gradient in zip(nnet.parameters(), total, strict=True):
            flat = parameter.view(-1)
            for i in range(0, len(flat), 4):
                flat[i] += step
                above = as_doubles.value(nnet)
                flat[i] -= 2 * step
                below = as_doubles.value(nnet)
                flat[i] += step
                expected = (above - below) / (2 * step)
                # values are float64 here but for their sum, 1e-7 of it in float32 would show
                assert float(gradient.view(-1)[i]) == pytest.approx(expected, abs=1e-7)


def copy_with(pool: Pool) -> Pool:
    return Pool(pool.features.astype(np.float64), pool.labels, pool.chunks, pool.targets)  # type: ignore[arg-type]


def test_between_two_models_lies_the_optimum(truth: Nnet, examples: Examples) -> None:
    """Models left and right of the truth on a line: their sum with 2/3 and 1/3 is the truth."""
    best, step = parameters(truth), parameters(network(5))
    models = [moved(best, step, -0.5), moved(best, step, 1.0)]
    result = combine(truth, models, examples, examples)
    optimum = examples.value(truth)
    assert result.loss < min(result.losses) - 0.01
    # the labels are draws: what fits them best lies a little beside the truth, and is below it
    assert result.loss <= optimum
    assert result.loss == pytest.approx(optimum, abs=0.02)
    assert examples.value(result.nnet) == result.loss


def test_each_component_has_scales_of_its_own(truth: Nnet, examples: Examples) -> None:
    """One model has the first layer of the truth, the other one the second."""
    best = parameters(truth)
    models = [[*best[:2], *parameters(network(6))[2:]], [*parameters(network(7))[:2], *best[2:]]]
    result = combine(truth, models, examples, examples)
    assert min(result.losses) > examples.value(truth) + 0.05
    assert result.loss <= examples.value(truth)
    assert result.scales == pytest.approx(np.eye(2), abs=0.15)


def test_one_model_comes_back(truth: Nnet, examples: Examples) -> None:
    result = combine(truth, [parameters(network(8))], examples, examples)
    same = zip(result.nnet.parameters(), network(8).parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in same)
    assert result.losses[0] == result.loss


def test_what_is_the_same_in_all_models_stays_bit_for_bit(truth: Nnet, examples: Examples) -> None:
    """Frozen layers: a third of the same thing three times would be off by rounding."""
    own = [[*parameters(truth)[:2], *parameters(network(seed))[2:]] for seed in (6, 7, 8)]
    result = combine(truth, own, examples, examples)
    kept = list(result.nnet.parameters())
    assert torch.equal(kept[0], own[0][0]) and torch.equal(kept[1], own[0][1])
    assert result.loss < min(result.losses)


def test_a_training_that_diverged_is_not_hidden(truth: Nnet, examples: Examples) -> None:
    broken = [torch.full_like(p, math.nan) for p in truth.parameters()]
    result = combine(truth, [parameters(truth), broken], examples, examples)
    assert not all(torch.isfinite(p).all() for p in result.nnet.parameters())


@pytest.mark.parametrize("num_good", [0, 1])
def test_gradients_that_no_float_holds_are_not_followed(
    truth: Nnet, examples: Examples, num_good: int
) -> None:
    """From the first one on, or from the first after those of the preconditioner."""
    calls = iter(range(100))

    class Steep(Examples):
        def gradients(self, nnet: Nnet) -> Iterator[list[torch.Tensor]]:
            size = 1.0 if next(calls) < num_good else math.inf
            yield [torch.full_like(parameter, size) for parameter in nnet.parameters()]

    models = [parameters(network(6)), parameters(network(7))]
    result = combine(truth, models, Steep(examples.pools, examples.loss), examples)
    assert result.loss == min(result.losses)


def test_what_suits_the_examples_alone_is_not_taken(truth: Nnet, examples: Examples) -> None:
    """The judges' labels are of another truth, beside which the combination leads."""
    models = [moved(parameters(truth), parameters(network(5)), by) for by in (-0.5, 1.0)]
    judges = drawn(network(9), 3)
    result = combine(truth, models, examples, judges)
    assert result.scales.tolist() in ([[1, 1], [0, 0]], [[0, 0], [1, 1]], [[0.5, 0.5]] * 2)
    assert result.loss == min(result.losses)
    assert combine(truth, models, examples, examples).loss < examples.value(truth) + 0.02


def test_the_same_models_give_the_same_combination(truth: Nnet, examples: Examples) -> None:
    models = [parameters(network(6)), parameters(network(7)), parameters(network(8))]
    first, second = (combine(truth, models, examples, examples) for _ in range(2))
    assert np.array_equal(first.scales, second.scales)
    assert first.loss < min(first.losses)


def planned(num_models: int, num_final: int, num_iterations: int) -> LastModels:
    models = LastModels(num_models)
    models.plan(num_final, num_iterations)
    return models


class TestLastModels:
    """Parameters 0, 1, 2, ... at the ends of the iterations make the means easy to know."""

    def kept(self, num_models: int, num_final: int, num_iterations: int) -> LastModels:
        models = planned(num_models, num_final, num_iterations)
        for iteration in range(num_iterations):
            models.take(iteration, [torch.full((2,), float(iteration))])
        return models

    @pytest.mark.parametrize(
        ("num_models", "num_final", "means"),
        [
            (3, 3, [7, 8, 9]),
            (5, 2, [8, 9]),  # no more models than iterations
            (2, 6, [5, 8]),  # 4, 5, 6 and 7, 8, 9
            (3, 7, [3.5, 5.5, 8]),  # 3, 4 and 5, 6 and 7, 8, 9 as Kaldi's script cuts them
        ],
    )
    def test_means_of_parts(self, num_models: int, num_final: int, means: list[float]) -> None:
        found = self.kept(num_models, num_final, 10).means()
        assert [model[0].tolist() for model in found] == [[mean, mean] for mean in means]

    def test_they_pass_through_a_checkpoint(self) -> None:
        straight = self.kept(2, 6, 10)
        begun, like = planned(2, 6, 10), [torch.zeros(2)]
        for iteration in range(6):
            begun.take(iteration, [torch.full((2,), float(iteration))])
        continued = planned(2, 6, 10)
        continued.load(begun.tensors(), begun.counts(), like)
        for iteration in range(6, 10):
            continued.take(iteration, [torch.full((2,), float(iteration))])
        for a, b in zip(straight.means(), continued.means(), strict=True):
            assert torch.equal(a[0], b[0])

    def test_a_new_network_begins_anew(self) -> None:
        models = planned(2, 2, 4)
        models.take(2, [torch.ones(2)])
        models.clear()
        models.take(3, [torch.ones(3)])
        assert [len(model[0]) for model in models.means()] == [3]

    @pytest.mark.parametrize(
        ("given", "number"),
        [
            ((20, 0, 113, 2712), 113),  # an epoch's
            ((20, 0, 3, 300), 20),  # as many as models
            ((20, 0, 100, 100), 66),  # two thirds of all
            ((20, 50, 113, 2712), 50),  # as many as are given
            ((20, 5, 113, 2712), 20),
            ((20, 0, 1, 1), 1),
        ],
    )
    def test_how_many_iterations(self, given: tuple[int, int, int, int], number: int) -> None:
        assert num_iterations_final(*given) == number
