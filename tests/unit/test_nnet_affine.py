"""Affine layouts, initial values and the keys that Kaldi's training uses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kws.config import ConfigError, parse_config
from kws.nnet import Component


def make(text: str, seed: int = 0) -> Component:
    (line,) = parse_config(text, "net.config")
    return Component.from_line(line, torch.Generator().manual_seed(seed))


def test_weight_is_output_by_input() -> None:
    component = make("AffineComponent input-dim=3 output-dim=2")
    with torch.no_grad():
        component.weight.copy_(torch.arange(6).reshape(2, 3))
        component.bias.copy_(torch.tensor([100.0, 200.0]))
    # 0 1 2 . 1 10 100 + 100; 3 4 5 . 1 10 100 + 200
    assert component(torch.tensor([[[1.0, 10.0, 100.0]]])).tolist() == [[[310.0, 743.0]]]
    assert component.num_parameters == 8
    assert component.num_multiplies == 6


def test_blocks_do_not_see_each_other() -> None:
    component = make("BlockAffineComponent input-dim=4 output-dim=6 num-blocks=2")
    with torch.no_grad():
        component.weight.copy_(torch.arange(12).reshape(6, 2))
        component.bias.copy_(100.0 * torch.arange(6))
    x = torch.tensor([[[1.0, 10.0, 2.0, 20.0]]])
    # rows 0 1, 2 3, 4 5 read 1 10; rows 6 7, 8 9, 10 11 read 2 20
    assert component(x).tolist() == [[[10.0, 132.0, 254.0, 452.0, 596.0, 740.0]]]
    assert component.num_multiplies == 12


def test_initial_values_have_kaldis_deviations() -> None:
    component = make("AffineComponent input-dim=400 output-dim=2000")
    # 800000 and 2000 draws: deviations of a sample's deviation 0.08 % and 1.6 %
    assert float(component.weight.detach().std()) == pytest.approx(400**-0.5, rel=0.005)
    assert float(component.bias.detach().std()) == pytest.approx(1.0, rel=0.08)
    component = make("AffineComponent input-dim=400 output-dim=2000 param-stddev=3 bias-stddev=0.5")
    assert float(component.weight.detach().std()) == pytest.approx(3.0, rel=0.005)
    assert float(component.bias.detach().std()) == pytest.approx(0.5, rel=0.08)
    component = make("AffineComponent input-dim=4 output-dim=2 param-stddev=0 bias-stddev=0")
    assert not component.weight.any() and not component.bias.any()


def test_seed_decides_the_initial_values() -> None:
    line = "AffineComponent input-dim=4 output-dim=2"
    assert make(line, 1).weight.tolist() == make(line, 1).weight.tolist()
    assert make(line, 1).weight.tolist() != make(line, 2).weight.tolist()


def test_kaldis_training_keys_are_kept() -> None:
    component = make(
        "AffineComponentPreconditionedOnline input-dim=4 output-dim=2 learning-rate=0.02 alpha=3 "
        "rank-in=5 rank-out=6 update-period=7 num-samples-history=1500 max-change-per-sample=0.08"
    )
    assert component.learning_rate == 0.02
    assert (component.alpha, component.rank_in, component.rank_out) == (3.0, 5, 6)
    assert (component.update_period, component.num_samples_history) == (7, 1500.0)
    assert component.max_change_per_sample == 0.08


@pytest.mark.parametrize(
    ("kind", "defaults"),
    [
        ("AffineComponent", {"learning_rate": 0.001, "bias_stddev": 1.0, "param_stddev": None}),
        ("AffineComponentPreconditioned", {"alpha": 0.1, "max_change": 0.0}),
        (
            "AffineComponentPreconditionedOnline",
            {
                "alpha": 4.0,
                "rank_in": 30,
                "rank_out": 80,
                "update_period": 1,
                "num_samples_history": 2000.0,
                "max_change_per_sample": 0.1,
            },
        ),
        ("BlockAffineComponentPreconditioned", {"alpha": 4.0, "learning_rate": 0.001}),
    ],
)
def test_defaults_are_kaldis(kind: str, defaults: dict[str, float]) -> None:
    blocks = " num-blocks=2" if kind.startswith("Block") else ""
    component = make(f"{kind} input-dim=4 output-dim=2{blocks}")
    assert {name: getattr(component, name) for name in defaults} == defaults


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("AffineComponent output-dim=2", "input-dim is missing; give it, or matrix=FILE"),
        (
            "AffineComponent input-dim=0 output-dim=2",
            "input-dim=0: input-dim must be greater than 0",
        ),
        (
            "AffineComponent input-dim=1000000 output-dim=1000",
            "1000 x 1000000 parameters are more than 268435456; use smaller dims",
        ),
        (
            "AffineComponent input-dim=4 output-dim=2 param-stddev=nan",
            "param-stddev=nan: param-stddev must be 0 or greater",
        ),
        (
            "AffineComponentPreconditioned input-dim=4 output-dim=2 alpha=0",
            "alpha=0: alpha must be greater than 0",
        ),
        (
            "AffineComponentPreconditionedOnline input-dim=4 output-dim=2 num-samples-history=1e6",
            "num-samples-history=1e6: num-samples-history must lie between 0 and 1e6, "
            "both excluded",
        ),
        (
            "BlockAffineComponent input-dim=4 output-dim=5 num-blocks=2",
            "output-dim=5 is not a multiple of num-blocks=2",
        ),
        (
            "AffineComponent matrix=absent.mat bias-stddev=0",
            "bias-stddev is given beside matrix, which holds the values; keep one",
        ),
        (
            "AffineComponent matrix=absent.mat",
            "matrix=absent.mat: No such file or directory; name a file that can be read",
        ),
    ],
)
def test_mistakes(line: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(line)
    assert str(caught.value) == f"net.config:1: {line.split()[0]}: {message}"


def test_matrix_gives_weights_and_dimensions(tmp_path: Path) -> None:
    path = tmp_path / "w.mat"
    path.write_text("[ 1 2 3\n 4 5 6 ]\n")
    component = make(f"AffineComponent matrix={path}")
    assert component.weight.tolist() == [[1, 2], [4, 5]]
    assert component.bias.tolist() == [3, 6]
    assert component.to_line() == f"AffineComponent input-dim=2 output-dim=2 matrix={path}"
    with pytest.raises(ConfigError) as caught:
        make(f"AffineComponent input-dim=3 matrix={path}")
    assert str(caught.value) == (
        f"net.config:1: AffineComponent: input-dim=3, but {path} makes it 2; correct one"
    )


def test_loading_does_not_open_the_matrix(tmp_path: Path) -> None:
    (line,) = parse_config("AffineComponent input-dim=2 output-dim=2 matrix=gone.mat", "m.kws")
    component = Component.from_line(line, None)
    assert not component.weight.any()
    assert component.to_line() == line.text
