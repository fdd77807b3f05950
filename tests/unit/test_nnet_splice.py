"""Which frames a splice reads, and in which order it puts them."""

from __future__ import annotations

import pytest
import torch

from kws.config import ConfigError, parse_config
from kws.nnet import Component


def make(text: str) -> Component:
    (line,) = parse_config(text, "net.config")
    return Component.from_line(line, torch.Generator())


def frames(num_frames: int, dim: int) -> torch.Tensor:
    """Value 10 t + d at frame t, column d."""
    return (10.0 * torch.arange(num_frames)[:, None] + torch.arange(dim)).unsqueeze(0)


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ("left-context=1 right-context=1", [[0, 1, 10, 11, 20, 21], [10, 11, 20, 21, 30, 31]]),
        ("context=-1:0:1", [[0, 1, 10, 11, 20, 21], [10, 11, 20, 21, 30, 31]]),
        ("context=-2:0", [[0, 1, 20, 21], [10, 11, 30, 31]]),
        ("context=-1:1", [[0, 1, 20, 21], [10, 11, 30, 31]]),
        ("context=0:2", [[0, 1, 20, 21], [10, 11, 30, 31]]),
        ("context=-2:-1:0", [[0, 1, 10, 11, 20, 21], [10, 11, 20, 21, 30, 31]]),
        ("context=-2:0:1", [[0, 1, 20, 21, 30, 31]]),
        ("context=-1:0:2", [[0, 1, 10, 11, 30, 31]]),
        ("context=0", [[0, 1], [10, 11], [20, 21], [30, 31]]),
    ],
)
def test_frames_stand_in_order_of_time(context: str, expected: list[list[float]]) -> None:
    component = make(f"SpliceComponent input-dim=2 {context}")
    assert component(frames(4, 2)).tolist() == [expected]


@pytest.mark.parametrize(
    "context", ["context=-1:0", "context=-1:1", "left-context=1 right-context=0"]
)
def test_constant_part_comes_once_at_the_end(context: str) -> None:
    component = make(f"SpliceComponent input-dim=3 {context} const-component-dim=1")
    x = frames(3, 3)
    x[..., 2] = 7.0
    y = component(x)
    assert component.output_dim == y.shape[2] == 5
    assert y[0, 0].tolist()[:2] == [0.0, 1.0]
    assert y[..., 4].tolist() == [[7.0] * y.shape[1]]
    assert 7.0 not in y[..., :4]


def test_streams_side_by_side_do_not_mix() -> None:
    component = make("SpliceComponent input-dim=2 left-context=1 right-context=1")
    x = torch.cat([frames(5, 2), 100 + frames(5, 2)])
    torch.testing.assert_close(component(x)[1], component(x[1:])[0])


def test_splice_max_takes_the_largest_of_each_column() -> None:
    component = make("SpliceMaxComponent dim=2 context=-1:0:2")
    x = torch.tensor([[[1.0, 9.0], [2.0, 3.0], [90.0, 90.0], [0.0, 4.0], [5.0, 1.0]]])
    # frames 0, 1, 3 and 1, 2, 4
    assert component(x).tolist() == [[[2.0, 9.0], [90.0, 90.0]]]


def test_written_line_keeps_the_form_it_was_given_in() -> None:
    line = "SpliceComponent input-dim=4 left-context=2 right-context=1"
    assert make(line).to_line() == line
    assert make(line).context == (-2, -1, 0, 1)
    line = "SpliceComponent input-dim=4 context=-2:0:3 const-component-dim=1"
    assert make(line).to_line() == line


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("input-dim=4", "give context, or both left-context and right-context"),
        ("input-dim=4 right-context=1", "give context, or both left-context and right-context"),
        (
            "input-dim=4 right-context=1 context=0:1",
            "context is given beside left-context or right-context; keep one",
        ),
        ("input-dim=4 context=0:0", "context=0:0 must grow from each offset to the next"),
        ("input-dim=4 context=1:2", "context=1:2 must reach from 0 or less to 0 or more"),
        (
            "input-dim=4 context=0:100001",
            "context=0:100001: context must lie between -100000 and 100000",
        ),
        (
            "input-dim=4 left-context=-1 right-context=2",
            "left-context=-1: left-context must lie between 0 and 100000",
        ),
        (
            "input-dim=4 context=0 const-component-dim=5",
            "const-component-dim=5 must be smaller than input-dim=4",
        ),
        (
            "input-dim=2000000000 context=0:1",
            "4000000000 output values do not fit into 32 bits",
        ),
    ],
)
def test_mistakes(line: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(f"SpliceComponent {line}")
    assert str(caught.value) == f"net.config:1: SpliceComponent: {message}"


def test_constant_part_comes_from_the_earliest_frame() -> None:
    component = make("SpliceComponent input-dim=2 context=-1:0:1 const-component-dim=1")
    # values 0 1, 10 11, 20 21, 30 31
    assert component(frames(4, 2)).tolist() == [[[0, 10, 20, 1], [10, 20, 30, 11]]]
