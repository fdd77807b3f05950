"""Functions of one frame: Kaldi's floors and derivatives at the edges."""

from __future__ import annotations

import math

import pytest
import torch

from kws.config import ConfigError, parse_config
from kws.nnet import Component


def make(name: str, dim: int) -> Component:
    (line,) = parse_config(f"{name} dim={dim}", "net.config")
    return Component.from_line(line, None)


def test_values() -> None:
    x = torch.tensor([[[-2.0, 0.0, 3.0]]], dtype=torch.float64)
    expected = {
        "SigmoidComponent": [1 / (1 + math.exp(-v)) for v in (-2, 0, 3)],
        "TanhComponent": [math.tanh(v) for v in (-2, 0, 3)],
        "RectifiedLinearComponent": [0.0, 0.0, 3.0],
        "NormalizeComponent": [v / math.sqrt(13 / 3) for v in (-2, 0, 3)],
        "SoftHingeComponent": [math.log(1 + math.exp(v)) for v in (-2, 0, 3)],
        "PowerComponent": [4.0, 0.0, 9.0],
        "SoftmaxComponent": [math.exp(v) / (math.exp(-2) + 1 + math.exp(3)) for v in (-2, 0, 3)],
    }
    for name, values in expected.items():
        assert make(name, 3)(x)[0, 0].tolist() == pytest.approx(values, rel=1e-14), name  # rounding


def test_rectifier_has_no_derivative_at_zero() -> None:
    x = torch.tensor([[[-1.0, 0.0, 2.0]]], requires_grad=True)
    make("RectifiedLinearComponent", 3)(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[[0.0, 0.0, 1.0]]]


def test_normalize_keeps_zero_and_floors_the_mean_square() -> None:
    component = make("NormalizeComponent", 4)
    assert component(torch.zeros(1, 1, 4)).tolist() == [[[0.0] * 4]]
    tiny = torch.full((1, 1, 4), 2.0**-40)
    assert component(tiny).tolist() == [[[2.0**-7] * 4]]  # 2^-40 * 2^33
    assert component(torch.full((1, 1, 4), -2e4)).tolist() == [[[-1.0] * 4]]


def test_softmax_is_floored_and_not_renormalized() -> None:
    x = torch.tensor([[[0.0, -100.0]]], dtype=torch.float64)
    assert make("SoftmaxComponent", 2)(x).tolist() == [[[1.0, 1e-20]]]
    log = make("LogSoftmaxComponent", 2)(x)[0, 0].tolist()
    assert log == pytest.approx([0.0, math.log(1e-20)], abs=1e-15)


def test_softmax_survives_large_values() -> None:
    x = torch.tensor([[[1000.0, 1000.0]]])
    assert make("SoftmaxComponent", 2)(x).tolist() == [[[0.5, 0.5]]]


def test_soft_hinge_survives_large_values() -> None:
    x = torch.tensor([[[-1000.0, 1000.0]]], requires_grad=True)
    y = make("SoftHingeComponent", 2)(x)
    y.sum().backward()
    assert y.tolist() == [[[0.0, 1000.0]]]
    assert x.grad is not None
    assert x.grad.tolist() == [[[0.0, 1.0]]]


@pytest.mark.parametrize(
    ("power", "values", "derivatives"),
    [
        ("0", [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]),
        ("0.5", [2.0, 0.0, 3.0], [-1 / 4, 0.0, 1 / 6]),
        ("1", [4.0, 0.0, 9.0], [-1.0, 1.0, 1.0]),
        ("2", [16.0, 0.0, 81.0], [-8.0, 0.0, 18.0]),
        ("3", [64.0, 0.0, 729.0], [-48.0, 0.0, 243.0]),
    ],
)
def test_power_and_its_derivative(
    power: str, values: list[float], derivatives: list[float]
) -> None:
    (line,) = parse_config(f"PowerComponent input-dim=3 power={power}", "net.config")
    x = torch.tensor([[[-4.0, 0.0, 9.0]]], dtype=torch.float64, requires_grad=True)
    y = Component.from_line(line, None)(x)
    y.sum().backward()
    assert y[0, 0].tolist() == pytest.approx(values, rel=1e-14)  # rounding
    assert x.grad is not None
    assert x.grad[0, 0].tolist() == pytest.approx(derivatives, rel=1e-14)


def test_power_takes_either_name_of_its_dimension() -> None:
    for word in ("dim=4", "input-dim=4"):
        (line,) = parse_config(f"PowerComponent {word}", "net.config")
        component = Component.from_line(line, None)
        assert component.to_line() == "PowerComponent dim=4"
        assert (component.input_dim, component.output_dim) == (4, 4)
    messages = {
        "dim=4 input-dim=4": "dim is given beside input-dim; keep one",
        "power=2": "dim is missing: values per frame, in and out",
        "dim=4 power=nan": "power=nan: power must be 0 or greater",
    }
    for words, message in messages.items():
        (line,) = parse_config(f"PowerComponent {words}", "net.config")
        with pytest.raises(ConfigError) as caught:
            Component.from_line(line, None)
        assert str(caught.value) == f"net.config:1: PowerComponent: {message}"
