"""Permutation and cosine transform, by their formulas, index by index."""

from __future__ import annotations

import math

import pytest
import torch

from kws.config import ConfigError, parse_config
from kws.nnet import Component, Nnet
from kws.nnet.components.rearrangement import dct_matrix


def make(text: str, seed: int = 0) -> Component:
    (line,) = parse_config(text, "net.config")
    return Component.from_line(line, torch.Generator().manual_seed(seed))


def test_permutation_sends_value_i_to_place_reorder_i() -> None:
    component = make("PermuteComponent dim=4")
    component.reorder.copy_(torch.tensor([2, 0, 3, 1]))
    x = torch.tensor([[[10.0, 11.0, 12.0, 13.0]]])
    assert component(x).tolist() == [[[11.0, 13.0, 10.0, 12.0]]]


def test_permutation_is_drawn_and_kept() -> None:
    draws = {tuple(make("PermuteComponent dim=8", seed).reorder.tolist()) for seed in range(20)}
    assert len(draws) > 15  # of 40320
    assert all(sorted(draw) == list(range(8)) for draw in draws)
    text = "PermuteComponent dim=8\n"
    nnet = Nnet.from_config(text, "net.config", torch.Generator().manual_seed(5))
    again = Nnet.from_tensors(text, "m.kws", nnet.tensors())
    assert again.tensors()["nnet.0.reorder"].tolist() == nnet.tensors()["nnet.0.reorder"].tolist()


def test_a_damaged_permutation_stays_within_the_frame() -> None:
    tensors = {"nnet.0.reorder": torch.tensor([7, -1, 7])}
    nnet = Nnet.from_tensors("PermuteComponent dim=3\n", "m.kws", tensors)
    assert sorted(nnet(torch.tensor([[[1.0, 2.0, 3.0]]]))[0, 0].tolist()) == [1.0, 2.0, 3.0]


def by_formula(x: list[float], size: int, kept: int) -> list[float]:
    """The first `kept` coefficients of one block."""
    return [
        math.sqrt((1 if k == 0 else 2) / size)
        * sum(x[n] * math.cos(math.pi / size * (n + 0.5) * k) for n in range(size))
        for k in range(kept)
    ]


@pytest.mark.parametrize("kept", [0, 3, 4])
def test_cosine_transform_of_consecutive_blocks(kept: int) -> None:
    component = make(f"DctComponent dim=12 dct-dim=4 reorder=false dct-keep-dim={kept}").double()
    x = [float(v * v % 17) for v in range(12)]
    num_kept = kept or 4
    assert component.output_dim == 3 * num_kept
    expected = [c for b in range(3) for c in by_formula(x[4 * b : 4 * b + 4], 4, num_kept)]
    found = component(torch.tensor([[x]], dtype=torch.float64))[0, 0].tolist()
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)  # cosines in float32


def test_cosine_transform_of_interleaved_blocks() -> None:
    component = make("DctComponent dim=12 dct-dim=4 reorder=true").double()
    x = [float(v * v % 17) for v in range(12)]
    expected = [0.0] * 12
    for b in range(3):
        for k, value in enumerate(by_formula(x[b::3], 4, 4)):
            expected[3 * k + b] = value
    found = component(torch.tensor([[x]], dtype=torch.float64))[0, 0].tolist()
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)  # cosines in float32


def test_interleaved_blocks_cut_short_are_kaldis() -> None:
    # 3 blocks of 4, of which 2 are kept: the first 2 x 3 values as 3 blocks of 2, zeros behind
    component = make("DctComponent dim=12 dct-dim=4 reorder=true dct-keep-dim=2").double()
    x = [float(v * v % 17) for v in range(12)]
    apart = [x[b + 3 * k] for b in range(3) for k in range(2)] + [0.0] * 6
    expected = [0.0] * 6
    for b in range(3):
        for k, value in enumerate(by_formula(apart[4 * b : 4 * b + 4], 4, 2)):
            expected[3 * k + b] = value
    found = component(torch.tensor([[x]], dtype=torch.float64))[0, 0].tolist()
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)  # cosines in float32


def test_cosines_are_orthonormal() -> None:
    cosines = dct_matrix(7)
    torch.testing.assert_close(cosines @ cosines.T, torch.eye(7).double(), rtol=0, atol=1e-14)


def test_transform_counts_its_work() -> None:
    component = make("DctComponent dim=12 dct-dim=4 reorder=false dct-keep-dim=3")
    assert component.num_parameters == 0
    assert component.num_multiplies == 3 * 3 * 4


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("dim=12 dct-dim=5 reorder=false", "dim=12 is not a multiple of dct-dim=5"),
        ("dim=12 dct-dim=4 reorder=f dct-keep-dim=5", "dct-keep-dim=5 must not exceed dct-dim=4"),
        (
            "dim=99999 dct-dim=99999 reorder=true",
            "a transform of 99999 values is too large",
        ),
    ],
)
def test_mistakes(keys: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(f"DctComponent {keys}")
    assert str(caught.value) == f"net.config:1: DctComponent: {message}"
