"""Steps of the preconditioned components, and what they are made of."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor

from kws.config import parse_config
from kws.nnet import Component
from kws.nnet.components import UpdatableComponent
from kws.nnet.natural_gradient import Change, Frames, update_of
from kws.nnet.preconditioning import OnlinePreconditioner, precondition_by_others

RATE = 0.02


def make(line: str) -> UpdatableComponent:
    (parsed,) = parse_config(line, "test.config")
    component = Component.from_line(parsed, torch.Generator().manual_seed(0)).double()
    assert isinstance(component, UpdatableComponent)
    return component


def frames(num_frames: int = 30, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Inputs of 6 values and derivatives of 4."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(num_frames, 10, generator=generator, dtype=torch.float64)
    return drawn[:, :6] + 1, 0.1 * drawn[:, 6:]


def step(line: str, *, calls: int = 1) -> Change:
    update = update_of(make(line))
    assert update is not None
    for seed in range(calls):
        change = update(*frames(seed=seed), RATE)
    return change


def with_ones(x: Tensor) -> Tensor:
    return torch.cat([x, torch.ones(len(x), 1).double()], dim=1)


def test_the_online_step_is_the_product_of_both_sides() -> None:
    line = (
        "AffineComponentPreconditionedOnline input-dim=6 output-dim=4 alpha=2 rank-in=3 rank-out=2 "
        "num-samples-history=70 update-period=2 max-change-per-sample="
    )
    sides = [OnlinePreconditioner(rank, 2.0, 70.0, 2) for rank in (3, 2)]
    for seed in range(3):
        inputs, derivatives = frames(seed=seed)
        x, y = sides[0].precondition(with_ones(inputs)), sides[1].precondition(derivatives)
    expected = -RATE * x.scale * y.scale * y.rows.T @ x.rows
    free = step(line + "0", calls=3)
    torch.testing.assert_close(torch.cat([free.weight, free.bias[:, None]], dim=1), expected)
    length = RATE * x.scale * y.scale * (x.lengths * y.lengths).sum() / 30
    for max_change, factor in ((0.5 * length, 0.5), (2 * length, 1.0)):
        limited = step(f"{line}{float(max_change)!r}", calls=3)
        torch.testing.assert_close(limited.weight, factor * free.weight)
        torch.testing.assert_close(limited.bias, factor * free.bias)


def test_the_minibatch_step_is_the_product_of_both_sides() -> None:
    line = "AffineComponentPreconditioned input-dim=6 output-dim=4 alpha=2 max-change="
    inputs, derivatives = frames()
    x = precondition_by_others(with_ones(inputs), 2.0)
    y = precondition_by_others(derivatives, 2.0)
    free = step(line + "0")
    expected = -RATE * y.T @ x
    torch.testing.assert_close(torch.cat([free.weight, free.bias[:, None]], dim=1), expected)
    length = RATE * (x.norm(dim=1) * y.norm(dim=1)).sum()  # of the whole minibatch
    limited = step(f"{line}{float(0.25 * length)!r}")
    torch.testing.assert_close(limited.weight, 0.25 * free.weight)
    torch.testing.assert_close(limited.bias, 0.25 * free.bias)


def test_blocks_are_preconditioned_by_themselves() -> None:
    change = step(
        "BlockAffineComponentPreconditioned input-dim=6 output-dim=4 num-blocks=2 alpha=3"
    )
    inputs, derivatives = frames()
    assert change.weight.shape == (4, 3)
    for block in range(2):
        alone = update_of(
            make("AffineComponentPreconditioned input-dim=3 output-dim=2 alpha=3 max-change=0")
        )
        assert alone is not None
        x, y = inputs[:, 3 * block :][:, :3], derivatives[:, 2 * block :][:, :2]
        expected = alone(x, y, RATE)
        torch.testing.assert_close(change.weight[2 * block :][:2], expected.weight)
        torch.testing.assert_close(change.bias[2 * block :][:2], expected.bias)


@pytest.mark.parametrize(
    "line",
    [
        "AffineComponent input-dim=6 output-dim=4",
        "BlockAffineComponent input-dim=6 output-dim=4 num-blocks=2",
        "Convolutional1dComponent input-dim=6 output-dim=4 patch-dim=3 patch-step=3 patch-stride=6",
    ],
)
def test_other_types_learn_plainly(line: str) -> None:
    assert update_of(make(line)) is None


def test_frames_are_the_inputs_and_derivatives_of_a_pass() -> None:
    component = make("AffineComponentPreconditionedOnline input-dim=6 output-dim=4")
    seen = Frames(component)
    component.requires_grad_(False)
    x = torch.randn(2, 5, 6, dtype=torch.float64)
    weights = torch.randn(2, 5, 4, dtype=torch.float64)
    with torch.no_grad():
        component(x)
    assert seen.take() is None
    component(x)  # computed but not learnt from
    (component(x) * weights).sum().backward()
    taken = seen.take()
    assert taken is not None
    assert torch.equal(taken[0], x.flatten(0, 1))
    assert torch.equal(taken[1], weights.flatten(0, 1))
    assert seen.take() is None
    for factor in (2, 3):  # the gradients of two passes add up
        (component(x[:, :factor]) * factor).sum().backward()
    taken = seen.take()
    assert taken is not None
    assert taken[1][:, 0].tolist() == [2.0] * 4 + [3.0] * 6


def test_a_copy_of_a_watched_component_keeps_its_frames_to_itself() -> None:
    component = make("AffineComponentPreconditionedOnline input-dim=6 output-dim=4")
    seen = Frames(component)
    copied = copy.deepcopy(component)
    copied(torch.ones(1, 2, 6).double()).sum().backward()
    assert seen.take() is None


def test_a_component_is_watched_as_long_as_somebody_wants_its_frames() -> None:
    component = make("AffineComponentPreconditionedOnline input-dim=6 output-dim=4")
    first, second = Frames(component), Frames(component)
    del first
    assert len(component._forward_hooks) == 1
    component(torch.ones(1, 2, 6).double()).sum().backward()
    assert second.take() is not None


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(
    "line",
    [
        "AffineComponentPreconditionedOnline input-dim=6 output-dim=4 rank-in=3 rank-out=2",
        "AffineComponentPreconditioned input-dim=6 output-dim=4 max-change=0.01",
        "BlockAffineComponentPreconditioned input-dim=6 output-dim=4 num-blocks=2",
    ],
)
def test_a_cuda_device_takes_the_same_steps(line: str) -> None:
    here, there = update_of(make(line)), update_of(make(line).to("cuda"))
    assert here is not None and there is not None
    for seed in range(12):
        rows = frames(seed=seed)
        expected = here(*rows, RATE)
        found = there(*(side.to("cuda") for side in rows), RATE)
        # float64 sums in another order
        torch.testing.assert_close(found.weight.cpu(), expected.weight, rtol=1e-6, atol=1e-9)
        torch.testing.assert_close(found.bias.cpu(), expected.bias, rtol=1e-6, atol=1e-9)
