"""Maxout, p-norm and sums of groups: values, derivatives at ties and at 0, mistakes."""

from __future__ import annotations

import math

import pytest
import torch

from kws.config import ConfigError, parse_config
from kws.nnet import Component


def make(text: str) -> Component:
    (line,) = parse_config(text, "net.config")
    return Component.from_line(line, None)


def gradient(component: Component, values: list[float], weights: list[float]) -> list[float]:
    """The derivative of the weighted sum of one frame's outputs."""
    x = torch.tensor([[values]], dtype=torch.float64, requires_grad=True)
    (component(x)[0, 0] * torch.tensor(weights)).sum().backward()
    assert x.grad is not None
    found: list[float] = x.grad[0, 0].tolist()
    return found


def output(component: Component, values: list[float]) -> list[float]:
    found: list[float] = component(torch.tensor([[values]], dtype=torch.float64))[0, 0].tolist()
    return found


def test_maxout_takes_consecutive_values() -> None:
    component = make("MaxoutComponent input-dim=6 output-dim=2")
    assert output(component, [1, 5, 3, -4, -2, -3]) == [5, -2]


def test_maxout_gives_every_tied_input_the_full_derivative() -> None:
    component = make("MaxoutComponent input-dim=6 output-dim=2")
    assert gradient(component, [4, 1, 4, 0, 2, 1], [10, 20]) == [10, 0, 10, 0, 20, 0]


def test_maxout_starts_from_kaldis_floor() -> None:
    assert output(make("MaxoutComponent input-dim=2 output-dim=1"), [-1e30, -1e25]) == [-1e20]


@pytest.mark.parametrize("name", ["MaxoutComponent", "PnormComponent"])
def test_no_input_dim_means_groups_of_ten(name: str) -> None:
    component = make(f"{name} input-dim=0 output-dim=3")
    assert component.input_dim == 30
    assert component.to_line() == f"{name} input-dim=30 output-dim=3"


NORMS = {
    "0": [2, 0, 3],
    "0.5": [(2 + math.sqrt(3)) ** 2, 0, (1 + math.sqrt(2) * 2) ** 2],
    "1": [7, 0, 5],
    "2": [5, 0, 3],
    "3": [91 ** (1 / 3), 0, 17 ** (1 / 3)],
    "inf": [4, 0, 2],
}


@pytest.mark.parametrize("p", NORMS)
def test_pnorm_of_each_group(p: str) -> None:
    component = make(f"PnormComponent input-dim=9 output-dim=3 p={p}")
    found = output(component, [-4, 0, 3, 0, 0, 0, 1, -2, 2])
    assert found == pytest.approx(NORMS[p], rel=1e-14)  # rounding


@pytest.mark.parametrize("p", ["0.5", "1", "1.5", "2", "4", "inf"])
def test_derivative_of_a_pnorm(p: str) -> None:
    component = make(f"PnormComponent input-dim=6 output-dim=2 p={p}")
    x = torch.tensor([[[-4, 1, 3, 0.5, -2, 1.5]]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(component, (x,))


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        ("0", [0, 0, 0, 0, 0, 0]),
        ("0.5", [-10 * (2 / 8) ** -0.5, 0, 10 * (2 / 8) ** -0.5, 0, 0, 0]),
        ("1", [-10, 0, 10, 0, 0, 0]),
        ("2", [-10 / math.sqrt(2), 0, 10 / math.sqrt(2), 0, 0, 0]),
        ("inf", [-10, 0, 10, 0, 0, 0]),  # both reach it
    ],
)
def test_derivative_of_a_pnorm_at_ties_and_zeros(p: str, expected: list[float]) -> None:
    component = make(f"PnormComponent input-dim=6 output-dim=2 p={p}")
    found = gradient(component, [-2, 0, 2, 0, 0, 0], [10, 20])
    assert found == pytest.approx(expected, rel=1e-14)  # rounding


def test_high_powers_do_not_overflow() -> None:
    component = make("PnormComponent input-dim=4 output-dim=1 p=40")
    y = component(torch.tensor([[[1e10, -1e10, 1.0, 0.0]]]))
    assert y.item() == pytest.approx(1e10 * 2 ** (1 / 40), rel=1e-6)  # float32


def test_sums_of_ranges() -> None:
    component = make("SumGroupComponent sizes=3:1:2")
    assert (component.input_dim, component.output_dim) == (6, 3)
    assert output(component, [1, 2, 4, 8, 16, 32]) == [7, 8, 48]
    assert gradient(component, [0] * 6, [1, 10, 100]) == [1, 1, 1, 10, 100, 100]
    assert component.state_dict() == {}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "PnormComponent input-dim=10 output-dim=4",
            "input-dim=10 is not a multiple of output-dim=4",
        ),
        ("PnormComponent input-dim=8 output-dim=4 p=nan", "p=nan: p must be 0 or greater"),
        (
            "MaxoutComponent input-dim=-8 output-dim=4",
            "input-dim=-8: input-dim must be 0 or greater",
        ),
        (
            "MaxoutComponent input-dim=0 output-dim=2147483647",
            "21474836470 input values do not fit into 32 bits",
        ),
        (
            "SumGroupComponent sizes=1:0:2",
            "sizes=1:0:2: sizes must be greater than 0, each of them",
        ),
        (
            "SumGroupComponent sizes=2147483647",
            "2147483647 input values are more than 268435456",
        ),
    ],
)
def test_mistakes(line: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(line)
    assert str(caught.value) == f"net.config:1: {line.split()[0]}: {message}"
