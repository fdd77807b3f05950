"""Finding a component's class and reading its line."""

from __future__ import annotations

import pytest
import torch

from kws.config import ConfigError, parse_config
from kws.nnet import COMPONENTS, Component
from kws.nnet.component import component_keys


def error_of(text: str) -> str:
    (line,) = parse_config(text, "net.config")
    with pytest.raises(ConfigError) as caught:
        Component.from_line(line, torch.Generator())
    return str(caught.value)


def test_registry_holds_what_has_an_example() -> None:
    assert len(COMPONENTS) == 29
    assert all(name == cls.__name__ for name, cls in COMPONENTS.items())
    assert all(cls.example.split()[0] == name for name, cls in COMPONENTS.items())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Fancy dim=3", "Fancy: no such component type; `kws describe` lists them"),
        (
            "softmax dim=3",
            "softmax: no such component type; did you mean SoftmaxComponent? "
            "`kws describe` lists them",
        ),
        (
            "AffineComponentPreconditionedOnlin input-dim=3",
            "AffineComponentPreconditionedOnlin: no such component type; did you mean "
            "AffineComponentPreconditionedOnline? `kws describe` lists them",
        ),
        (
            "AffineComponent input_dim=3 output-dim=2",
            "AffineComponent: unknown key input_dim, did you mean input-dim? (its keys: input-dim, "
            "output-dim, learning-rate, param-stddev, bias-stddev, matrix)",
        ),
        (
            "SoftmaxComponent dim=3.0",
            "SoftmaxComponent: dim=3.0: dim must be a whole number, such as 40",
        ),
        ("SoftmaxComponent dim=0", "SoftmaxComponent: dim=0: dim must be greater than 0"),
        (
            "SoftmaxComponent dim=99999999999",
            "SoftmaxComponent: dim=99999999999: dim does not fit into 32 bits",
        ),
        ("SoftmaxComponent", "SoftmaxComponent: dim is missing: values per frame, in and out"),
        ("SoftmaxComponent dim=3 dim=3", "SoftmaxComponent: dim is given twice; keep one"),
        (
            "SoftmaxComponent dim=3 # output",
            "SoftmaxComponent: a comment needs a line of its own; remove it from here",
        ),
    ],
)
def test_mistakes(line: str, message: str) -> None:
    assert error_of(line) == f"net.config:1: {message}"


def test_dimensions_come_first() -> None:
    names = [declared.name for declared in component_keys(COMPONENTS["SpliceComponent"])]
    assert names == [
        "input-dim",
        "left-context",
        "right-context",
        "context",
        "const-component-dim",
    ]


def test_written_line_leaves_defaults_out() -> None:
    text = "AffineComponent output-dim=2 bias-stddev=1.0 input-dim=3 learning-rate=1e-3"
    (line,) = parse_config(text, "net.config")
    assert Component.from_line(line, None).to_line() == "AffineComponent input-dim=3 output-dim=2"


def test_a_class_without_example_is_no_type() -> None:
    class Halfway(Component):
        pass

    assert "Halfway" not in COMPONENTS
