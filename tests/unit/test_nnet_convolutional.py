"""Layouts of convolution and pooling: weights equal to their index, so that a swap shows."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from kws.config import ConfigError, parse_config
from kws.nnet import Component


def make(text: str) -> Component:
    (line,) = parse_config(text, "net.config")
    return Component.from_line(line, torch.Generator())


def by_formula(component: Component, frame: torch.Tensor) -> list[float]:
    """One frame by Kaldi's formula, index by index."""
    stride, dim, step = component.patch_stride, component.patch_dim, component.patch_step
    channels = component.input_dim // stride
    positions = 1 + (stride - dim) // step
    filters = component.output_dim // positions
    weight, bias = component.weight.detach(), component.bias.detach()
    y = [0.0] * component.output_dim
    for position, i in itertools.product(range(positions), range(filters)):
        total = float(bias[i])
        for c, d in itertools.product(range(channels), range(dim)):
            f = position * step + d
            index = f * channels + c if component.appended_conv else c * stride + f
            total += float(weight[i, c * dim + d]) * float(frame[index])
        y[position * filters + i] = total
    return y


@pytest.mark.parametrize("appended", ["false", "true"])
@pytest.mark.parametrize(
    "shape",
    [
        "input-dim=30 output-dim=8 patch-dim=4 patch-step=2 patch-stride=10",
        "input-dim=30 output-dim=16 patch-dim=3 patch-step=1 patch-stride=10",
        "input-dim=12 output-dim=5 patch-dim=4 patch-step=3 patch-stride=4",
    ],
)
def test_convolution_follows_the_formula(shape: str, appended: str) -> None:
    component = make(f"Convolutional1dComponent {shape} appended-conv={appended}").double()
    with torch.no_grad():
        for parameter in component.parameters():
            parameter.copy_(torch.arange(parameter.numel()).reshape(parameter.shape))
    x = torch.arange(2 * 3 * component.input_dim).reshape(2, 3, -1).double()
    y = component(x)
    for stream, t in itertools.product(range(2), range(3)):
        assert y[stream, t].tolist() == by_formula(component, x[stream, t])  # whole numbers: exact


def test_second_convolution_reads_the_first_ones_output() -> None:
    # 3 channels of 8 bands -> 4 filters at 6 positions -> 2 filters at 5 positions
    first = make(
        "Convolutional1dComponent input-dim=24 output-dim=24 patch-dim=3 patch-step=1 "
        "patch-stride=8"
    ).double()
    second = make(
        "Convolutional1dComponent input-dim=24 output-dim=10 patch-dim=2 patch-step=1 "
        "patch-stride=6 appended-conv=true"
    ).double()
    x = torch.randn(1, 2, 24, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch_form = torch.nn.functional.conv1d(
        torch.nn.functional.conv1d(x.reshape(2, 3, 8), first.weight.reshape(4, 3, 3), first.bias),
        second.weight.reshape(2, 4, 2),
        second.bias,
    )  # (frames, filters, positions)
    expected = torch_form.transpose(1, 2).reshape(1, 2, 10)
    torch.testing.assert_close(second(first(x)), expected, rtol=1e-13, atol=1e-13)  # rounding


def test_convolution_counts_its_work() -> None:
    component = make(
        "Convolutional1dComponent input-dim=30 output-dim=16 patch-dim=3 patch-step=1 "
        "patch-stride=10"
    )
    assert component.num_parameters == 2 * 9 + 2  # 2 filters of 3 channels x 3 bands, and biases
    assert component.num_multiplies == 8 * 2 * 9  # at 8 positions


def test_convolution_is_drawn_with_kaldis_deviations() -> None:
    component = make(
        "Convolutional1dComponent input-dim=400 output-dim=20000 patch-dim=20 patch-step=1 "
        "patch-stride=20"
    )
    # 400000 draws: the deviation of a sample's deviation is 1/sqrt(2n) = 0.11 %; 20000: 0.5 %
    assert float(component.weight.detach().std()) == pytest.approx(400**-0.5, rel=0.01)
    assert float(component.bias.detach().std()) == pytest.approx(1.0, rel=0.025)


def test_pooling_takes_maxima_over_blocks() -> None:
    component = make("MaxpoolingComponent input-dim=12 output-dim=4 pool-size=3 pool-stride=2")
    #            block: 0       1       2       3       4       5
    x = torch.tensor([1.0, 9.0, 5.0, 2.0, 3.0, 4.0, 0.0, 1.0, 8.0, 7.0, -1.0, 6.0])
    assert component(x.reshape(1, 1, 12)).tolist() == [[[5.0, 9.0, 8.0, 7.0]]]


def test_pooling_gives_every_tied_input_the_full_derivative() -> None:
    component = make("MaxpoolingComponent input-dim=6 output-dim=2 pool-size=3 pool-stride=2")
    x = torch.tensor([[[4.0, 1.0, 4.0, 3.0, 0.0, 2.0]]], requires_grad=True)
    (component(x) * torch.tensor([10.0, 20.0])).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[[10.0, 0.0, 10.0, 20.0, 0.0, 0.0]]]


def test_pooling_starts_from_kaldis_floor() -> None:
    component = make("MaxpoolingComponent input-dim=2 output-dim=1 pool-size=2 pool-stride=1")
    x = torch.tensor([[[-1e30, -1e25]]])
    assert component(x).tolist() == [[[pytest.approx(-1e20)]]]  # 1e20 as a float32


CONV = "Convolutional1dComponent input-dim=30 output-dim=16"
POOL = "MaxpoolingComponent input-dim=24"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            f"{CONV} patch-dim=11 patch-step=1 patch-stride=10",
            "patch-dim=11 must not exceed patch-stride=10",
        ),
        (
            f"{CONV} patch-dim=3 patch-step=2 patch-stride=10",
            "patch-stride=10 less patch-dim=3 is not a multiple of patch-step=2",
        ),
        (
            f"{CONV} patch-dim=3 patch-step=1 patch-stride=9",
            "input-dim=30 is not a multiple of patch-stride=9",
        ),
        (
            f"{CONV} patch-dim=4 patch-step=1 patch-stride=10",
            "output-dim=16 is not a multiple of num-patches=7",
        ),
        (
            "Convolutional1dComponent input-dim=30 patch-dim=3 patch-step=1 patch-stride=10",
            "output-dim is missing; give it, or matrix=FILE",
        ),
        (
            f"{POOL} output-dim=8 pool-size=3 pool-stride=7",
            "input-dim=24 is not a multiple of pool-stride=7",
        ),
        (
            f"{POOL} output-dim=8 pool-size=5 pool-stride=4",
            "input-dim / pool-stride = 6 blocks are not a multiple of pool-size=5",
        ),
        (f"{POOL} output-dim=12 pool-size=3 pool-stride=4", "output-dim=12 must be 8"),
    ],
)
def test_mistakes(line: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(line)
    assert str(caught.value) == f"net.config:1: {line.split()[0]}: {message}"


def test_matrix_gives_filters_and_dimensions(tmp_path: Path) -> None:
    path = tmp_path / "filters"
    path.write_text("[ 1 2 3 4 9\n 5 6 7 8 10 ]")
    component = make(
        f"Convolutional1dComponent patch-dim=2 patch-step=1 patch-stride=5 matrix={path}"
    )
    # 4 weights = 2 channels x 2 bands; 2 filters at 4 positions
    assert (component.input_dim, component.output_dim) == (10, 8)
    assert component.weight.tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert component.bias.tolist() == [9, 10]


def test_matrix_that_does_not_fit_the_patch(tmp_path: Path) -> None:
    path = tmp_path / "filters"
    path.write_text("[ 1 2 3 4 9 ]")
    with pytest.raises(
        ConfigError, match="has 4 weights per filter, not a multiple of patch-dim=3"
    ):
        make(f"Convolutional1dComponent patch-dim=3 patch-step=1 patch-stride=5 matrix={path}")
