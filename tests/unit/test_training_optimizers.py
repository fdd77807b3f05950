"""Learning rates, optimizers and the moving average."""

from __future__ import annotations

import pytest
import torch

from kws.errors import InputError
from kws.nnet import Nnet
from kws.training.optimizers import (
    Average,
    Optimizer,
    clip_gradients,
    effective_learning_rate,
    load_optimizer,
    make_optimizer,
    optimizer_tensors,
    set_learning_rate,
)
from kws.training.options import TrainOptions


def nnet(first_rate: float = 0.001, last_rate: float = 0.001) -> Nnet:
    return Nnet.from_config(
        f"AffineComponent input-dim=3 output-dim=4 learning-rate={first_rate}\n"
        "RectifiedLinearComponent dim=4\n"
        f"AffineComponent input-dim=4 output-dim=2 learning-rate={last_rate}\n"
        "SoftmaxComponent dim=2\n",
        "nnet.config",
        torch.Generator().manual_seed(0),
    )


def step(network: Nnet, optimizer: Optimizer, rate: float) -> None:
    set_learning_rate(optimizer, rate)
    network.zero_grad()
    generator = torch.Generator().manual_seed(1)
    loss = network.log_probabilities(torch.randn(5, 1, 3, generator=generator))[..., 0].sum()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def test_the_learning_rate_decays_exponentially() -> None:
    options = TrainOptions(
        initial_effective_lrate=0.1, final_effective_lrate=0.001, warmup_share=0.0
    )
    assert effective_learning_rate(0.0, options) == pytest.approx(0.1)
    assert effective_learning_rate(0.5, options) == pytest.approx(0.01)
    assert effective_learning_rate(1.0, options) == pytest.approx(0.001)


def test_the_learning_rate_rises_first() -> None:
    options = TrainOptions(initial_effective_lrate=0.1, final_effective_lrate=0.1, warmup_share=0.2)
    assert effective_learning_rate(0.0, options) == 0.0
    assert effective_learning_rate(0.05, options) == pytest.approx(0.025)
    assert effective_learning_rate(0.3, options) == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["sgd", "adamw", "muon", "natural-gradient"])
def test_learning_rates_of_components_count_relative_to_the_largest(name: str) -> None:
    network = nnet(first_rate=0.02, last_rate=0.01)
    optimizer = make_optimizer(network, TrainOptions(optimizer=name), "nnet.config")
    set_learning_rate(optimizer, 0.5)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    first, last = network.components[0], network.components[2]
    assert [rates[id(p)] for p in first.parameters()] == [0.5, 0.5]
    assert [rates[id(p)] for p in last.parameters()] == [0.25, 0.25]


def test_a_component_with_learning_rate_0_stays_as_it_is() -> None:
    network = nnet(first_rate=0.0)
    before = [p.detach().clone() for p in network.parameters()]
    step(network, make_optimizer(network, TrainOptions(), "nnet.config"), 0.1)
    changed = [not torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True)]
    assert changed == [False, False, True, True]


def test_a_network_that_cannot_learn_is_refused() -> None:
    with pytest.raises(InputError, match=r"nnet\.config: no component has a learning-rate above 0"):
        make_optimizer(nnet(0.0, 0.0), TrainOptions(), "nnet.config")


def test_plain_sgd_is_a_step_along_the_gradient() -> None:
    network = nnet()
    before = [p.detach().clone() for p in network.parameters()]
    step(network, make_optimizer(network, TrainOptions(optimizer="sgd"), "c"), 0.1)
    for old, parameter in zip(before, network.parameters(), strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.detach(), old - 0.1 * parameter.grad)


def test_a_step_of_muon_turns_all_directions_of_a_matrix_alike() -> None:
    network = nnet()
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    matrix = next(iter(network.parameters()))
    before = matrix.detach().clone()
    matrix.grad = torch.eye(4, 3) * torch.tensor([1.0, 0.3, 0.1])
    optimizer = make_optimizer(network, TrainOptions(optimizer="muon"), "c")
    set_learning_rate(optimizer, 0.1)
    optimizer.step()
    moved = before - matrix.detach()
    assert torch.equal(moved != 0, torch.eye(4, 3) != 0)
    # its five Newton-Schulz iterations bring singular values to 0.7 .. 1.2 of one size
    assert moved.diagonal().min() > 0.5 * moved.diagonal().max() > 0


@pytest.mark.parametrize("name", ["sgd", "adamw", "muon", "natural-gradient"])
def test_an_optimizer_goes_on_from_its_tensors(name: str) -> None:
    options = TrainOptions(optimizer=name, weight_decay=0.01)
    straight, stopped = nnet(), nnet()
    first, second = (make_optimizer(n, options, "c") for n in (straight, stopped))
    for network, optimizer in ((straight, first), (stopped, second)):
        step(network, optimizer, 0.1)
        step(network, optimizer, 0.05)
    again = nnet()
    again.load_state_dict(stopped.state_dict())
    third = make_optimizer(again, options, "c")
    load_optimizer(third, {name: t.clone() for name, t in optimizer_tensors(second).items()})
    step(straight, first, 0.02)
    step(again, third, 0.02)
    for a, b in zip(straight.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_long_gradients_are_shortened_together() -> None:
    parameters = [torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1))]
    parameters[0].grad, parameters[1].grad = torch.tensor([2.0, 3.0]), torch.tensor([6.0])
    clip_gradients(parameters, 7.0)  # as long as it is: sqrt(4 + 9 + 36)
    assert parameters[0].grad.tolist() == [2.0, 3.0]
    clip_gradients(parameters, 0.7)
    torch.testing.assert_close(parameters[0].grad, torch.tensor([0.2, 0.3]))
    torch.testing.assert_close(parameters[1].grad, torch.tensor([0.6]))


def test_the_average_follows_the_parameters_and_forgets_its_start() -> None:
    network = nnet()
    average = Average(network, decay=0.5)
    start = average.tensors[0].clone()
    with torch.no_grad():
        next(iter(network.parameters())).add_(1.0)
    average.update()
    torch.testing.assert_close(average.tensors[0], start + 9 / 11)  # decay 2 / 11 at first
    for _ in range(60):
        average.update()
    torch.testing.assert_close(average.tensors[0], start + 1)


def test_no_decay_makes_the_average_the_parameters() -> None:
    network = nnet()
    average = Average(network, decay=0.0)
    step(network, make_optimizer(network, TrainOptions(), "c"), 0.1)
    average.update()
    for a, b in zip(average.tensors, network.parameters(), strict=True):
        assert torch.equal(a, b)
