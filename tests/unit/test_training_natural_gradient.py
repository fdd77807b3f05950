"""Kaldi's natural gradient as the optimizer of a training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from training_tones import NETWORK, UNTRAINED, WIDE, assert_learnt, corpus, options, sources

from kws.data.chunks import IGNORED, FrameChunks, Minibatch
from kws.nnet import Nnet
from kws.training.natural_gradient import NaturalGradient
from kws.training.objectives import CrossEntropy, loss_of
from kws.training.optimizers import (
    clip_gradients,
    gradient_scale,
    load_optimizer,
    make_optimizer,
    optimizer_tensors,
    set_learning_rate,
)
from kws.training.options import TrainOptions
from kws.training.prepare import prepare
from kws.training.state import TrainState
from kws.training.trainer import train

NATURAL = TrainOptions(optimizer="natural-gradient")
CONFIG = """AffineComponentPreconditionedOnline input-dim=3 output-dim=5 learning-rate={first}
RectifiedLinearComponent dim=5
AffineComponent input-dim=5 output-dim=4 learning-rate=0.02
RectifiedLinearComponent dim=4
AffineComponentPreconditioned input-dim=4 output-dim=2 learning-rate=0.04
SoftmaxComponent dim=2
"""
ONLINE = " rank-in=6 rank-out=1 num-samples-history=500 update-period=2 "
TONES, WIDE_TONES = (
    network.replace("AffineComponent ", "AffineComponentPreconditionedOnline" + ONLINE)
    for network in (NETWORK, WIDE)
)


def lrate(value: float) -> tuple[str, str]:
    return f"--initial-effective-lrate={value}", f"--final-effective-lrate={value}"


CE = ("--chunk-frames=4", *lrate(0.001))
MAX_POOL = (
    "--objective=max-pool",
    "--margin-before-s=0.2",
    "--margin-after-s=0.5",
    *lrate(0.0003),
)
MOMENTUM = "--natural-gradient-momentum=0.5"


def make_nnet(first: float = 0.04) -> Nnet:
    text = CONFIG.format(first=first)
    return Nnet.from_config(text, "nnet.config", torch.Generator().manual_seed(0))


def backward(nnet: Nnet, seed: int = 0) -> None:
    x = torch.randn(6, 5, 3, generator=torch.Generator().manual_seed(seed))
    nnet.zero_grad()
    labels = torch.arange(30) % 2
    log_posteriors = nnet.log_probabilities(x).flatten(0, 1)
    F.nll_loss(log_posteriors, labels, reduction="sum").backward()


def run(
    path: Path,
    data: Path,
    *lines: str,
    network: str = TONES,
    device: str = "cpu",
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainState:
    path.mkdir(exist_ok=True)
    given = sources(path, data, network=network, dev_data=(str(data),), device=device)
    natural = options("--optimizer=natural-gradient", *lines)
    return train(prepare(given, natural), path, num_workers=0, should_stop=should_stop)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus(tmp_path_factory.mktemp("data") / "train")


def test_plain_components_step_along_the_sum_and_the_others_do_not() -> None:
    nnet, plain = make_nnet(), make_nnet()
    backward(plain)
    optimizer = make_optimizer(nnet, NATURAL, "nnet.config")
    set_learning_rate(optimizer, 0.04)
    backward(nnet)
    optimizer.step()
    moved = [
        [after.detach() - before.detach() for after, before in zip(*pair, strict=True)]
        for pair in zip(
            (component.parameters() for component in nnet.components),
            (component.parameters() for component in plain.components),
            strict=True,
        )
    ]
    gradients = [[p.grad for p in component.parameters()] for component in plain.components]
    for moves, slopes in zip(moved[2], gradients[2], strict=True):
        assert slopes is not None
        torch.testing.assert_close(moves, -0.02 * slopes)  # half of the largest learning-rate
    for index in (0, 4):
        cosine = F.cosine_similarity(moved[index][0].flatten(), -gradients[index][0].flatten(), 0)
        assert 0.2 < cosine < 0.99  # downhill, but not along the gradient


def test_preconditioned_components_get_no_gradient_of_their_own() -> None:
    nnet = make_nnet()
    make_optimizer(nnet, NATURAL, "nnet.config")
    backward(nnet)
    have = [[p.grad is not None for p in component.parameters()] for component in nnet.components]
    assert have == [[False, False], [], [True, True], [], [False, False], []]


def test_a_component_with_learning_rate_0_stays() -> None:
    nnet = make_nnet(first=0)
    before = [p.detach().clone() for p in nnet.parameters()]
    optimizer = make_optimizer(nnet, NATURAL, "nnet.config")
    set_learning_rate(optimizer, 0.04)
    backward(nnet)
    optimizer.step()
    changed = [not torch.equal(a, b) for a, b in zip(before, nnet.parameters(), strict=True)]
    assert changed == [False, False, True, True, True, True]


def test_weights_decay_by_the_learning_rate() -> None:
    nnet = make_nnet()
    before = [p.detach().clone() for p in nnet.parameters()]
    optimizer = make_optimizer(
        nnet, TrainOptions(optimizer="natural-gradient", weight_decay=0.5), "nnet.config"
    )
    set_learning_rate(optimizer, 0.04)
    optimizer.step()  # no frames have been seen
    for old, parameter, rate in zip(
        before, nnet.parameters(), [0.04, 0.04, 0.02, 0.02, 0.04, 0.04], strict=True
    ):
        torch.testing.assert_close(parameter.detach(), old * (1 - 0.5 * rate))


def test_momentum_is_that_of_nnet3() -> None:
    nnet = make_nnet()
    options = replace(NATURAL, natural_gradient_momentum=0.75)
    optimizer = make_optimizer(nnet, options, "nnet.config")
    set_learning_rate(optimizer, 0.04)
    weight, bias = (parameter for parameter in nnet.components[2].parameters())
    first = weight.detach().clone()
    # (1 - m) of the first gradient, then of the second and m times the first; lr is 0.02 here
    for gradient, expected in ((2.0, 0.25 * 2), (6.0, 0.25 * (2 + 6 + 0.75 * 2))):
        weight.grad = torch.full_like(weight, gradient)
        bias.grad = None
        optimizer.step()
        torch.testing.assert_close(weight.detach(), first - 0.02 * expected)


def test_momentum_slows_the_preconditioned_steps_too() -> None:
    moves = []
    for momentum in (0.0, 0.75):
        nnet = make_nnet()
        before = [parameter.detach().clone() for parameter in nnet.parameters()]
        options = replace(NATURAL, natural_gradient_momentum=momentum)
        optimizer = make_optimizer(nnet, options, "nnet.config")
        set_learning_rate(optimizer, 0.04)
        backward(nnet)
        optimizer.step()
        moves.append([p.detach() - b for p, b in zip(nnet.parameters(), before, strict=True)])
    for plain, slow in zip(*moves, strict=True):
        # float32 differences of values near 1
        torch.testing.assert_close(slow, 0.25 * plain, rtol=0, atol=2e-7)


def test_the_gradient_is_that_of_a_sum_over_frames() -> None:
    assert gradient_scale([30, 7.5], NATURAL) == 30
    assert gradient_scale([0], NATURAL) == 1  # a loss that looks at nothing
    assert gradient_scale([30, 7.5], TrainOptions()) == 1


@pytest.mark.parametrize("filler_weight", [1.0, 0.5])
def test_cross_entropy_becomes_kaldis_sum_of_weighted_frames(filler_weight: float) -> None:
    log_posteriors = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(0))
    minibatch = Minibatch(torch.empty(1, 4, 0), torch.tensor([[0, 2, IGNORED, 1]]), ())
    cut = FrameChunks(lambda words, times: np.zeros(len(times), np.int64), 4, 1.0)
    terms = CrossEntropy(cut, 1, filler_weight).terms(log_posteriors, minibatch)
    found = loss_of(terms) * gradient_scale([term.count for term in terms], NATURAL)
    picked = log_posteriors[0, [0, 1, 3], [0, 2, 1]]
    expected = -(picked * torch.tensor([filler_weight, 1.0, 1.0])).sum()
    torch.testing.assert_close(found, expected)


def test_gradients_that_nobody_has_need_no_clipping() -> None:
    clip_gradients([torch.nn.Parameter(torch.zeros(2))], 1.0)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_the_optimizer_goes_on_from_its_tensors(momentum: float) -> None:
    straight = make_nnet()
    natural = replace(NATURAL, natural_gradient_momentum=momentum)
    first = make_optimizer(straight, natural, "nnet.config")
    assert isinstance(first, NaturalGradient)
    assert optimizer_tensors(first) == {}
    set_learning_rate(first, 0.01)
    for seed in range(12):
        backward(straight, seed)
        first.step()
    again = make_nnet()
    again.load_state_dict(straight.state_dict())
    second = make_optimizer(again, natural, "nnet.config")
    load_optimizer(second, {name: t.clone() for name, t in optimizer_tensors(first).items()})
    for nnet, optimizer in ((straight, first), (again, second)):
        set_learning_rate(optimizer, 0.005)
        for seed in range(3):
            backward(nnet, seed)
            optimizer.step()
    for a, b in zip(straight.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("given", [(*CE, "--learn-every=2"), (*MAX_POOL, MOMENTUM)])
def test_an_interrupted_training_gives_the_same_network(
    given: tuple[str, ...], tmp_path: Path, data: Path
) -> None:
    straight = run(tmp_path / "straight", data, *given)
    calls = iter(range(1000))
    for _ in range(100):
        state = run(tmp_path / "a", data, *given, should_stop=lambda: next(calls) % 2 == 1)
        if state.epoch == 4:
            break
    assert (tmp_path / "a" / "train.log").read_text().count("stopped in epoch") == 6
    assert straight.epochs == state.epochs
    for a, b in zip(straight.nnet.parameters(), state.nnet.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    "given", [(*CE, *lrate(0.0003)), (*MAX_POOL, *lrate(0.00005))], ids=["ce", "max-pool"]
)
@pytest.mark.parametrize(
    "device",
    [
        "cpu",
        pytest.param(
            "cuda",
            marks=[
                pytest.mark.cuda,
                pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
            ],
        ),
    ],
)
def test_a_network_learns_the_tone(
    given: tuple[str, ...], device: str, tmp_path: Path, data: Path
) -> None:
    state, untrained = (
        run(tmp_path / name, data, *given, *more, network=WIDE_TONES, device=device)
        for name, more in (("a", ("--num-epochs=30",)), ("not", UNTRAINED))
    )
    assert_learnt(state, untrained)
