"""Components that draw: what they draw, and what they are without drawing."""

from __future__ import annotations

import pytest
import torch

from kws.config import ConfigError, parse_config
from kws.nnet import Component


def make(text: str) -> Component:
    (line,) = parse_config(text, "net.config")
    return Component.from_line(line, None)


@pytest.mark.parametrize(
    "line",
    [
        "DropoutComponent dim=500 dropout-proportion=0.3 dropout-scale=0.2",
        "DropoutComponent dim=500",
        "AdditiveNoiseComponent dim=500 stddev=0.5",
    ],
)
def test_without_a_generator_the_mean_comes_out(line: str) -> None:
    component = make(line)
    x = torch.full((1, 200, 500), 2.0)
    drawn = component(x, torch.Generator().manual_seed(0))
    fixed = component(x)
    assert torch.equal(fixed, component(x))
    # 100000 draws of deviation at most 2: their mean has 0.0063; five of that
    assert float(drawn.mean()) == pytest.approx(float(fixed.mean()), abs=0.032)
    assert float(drawn.std()) > 0.1


def test_generator_decides_the_draw() -> None:
    component = make("DropoutComponent dim=50")
    x = torch.ones(1, 4, 50)
    first = component(x, torch.Generator().manual_seed(1))
    assert torch.equal(first, component(x, torch.Generator().manual_seed(1)))
    assert not torch.equal(first, component(x, torch.Generator().manual_seed(2)))
    assert set(first.unique().tolist()) == {0.0, 2.0}


@pytest.mark.parametrize(("proportion", "expected"), [("0", 1.0), ("1", 0.25)])
def test_dropping_none_and_all(proportion: str, expected: float) -> None:
    component = make(f"DropoutComponent dim=3 dropout-proportion={proportion} dropout-scale=0.25")
    y = component(torch.ones(1, 2, 3), torch.Generator().manual_seed(1))
    assert torch.equal(y, torch.full((1, 2, 3), expected))


def test_proportion_is_one_of_a_whole() -> None:
    with pytest.raises(ConfigError) as caught:
        make("DropoutComponent dim=3 dropout-proportion=1.5")
    assert str(caught.value) == (
        "net.config:1: DropoutComponent: dropout-proportion=1.5: "
        "dropout-proportion must lie between 0 and 1"
    )
