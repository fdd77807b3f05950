"""Components that are not learned: their files are read once, their models need none."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from kws.config import ConfigError, parse_config
from kws.errors import InputError
from kws.nnet import Component, Nnet

NETWORK = """FixedLinearComponent matrix=lin.mat
FixedAffineComponent matrix=lda.mat
FixedScaleComponent scales=s.vec
FixedBiasComponent bias=b.vec
"""
FILES = {
    "lin.mat": "[ 1 2 0\n 0 1 -1 ]",
    "lda.mat": "[ 1 0 10\n 0 1 20\n 1 1 30 ]",
    "s.vec": " [ 1 2 3 ]\n",
    "b.vec": " [ 0.5 0.25 0.125 ]\n",
}


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        Path(name).write_text(text)


def make(text: str) -> Component:
    (line,) = parse_config(text, "net.config")
    return Component.from_line(line, torch.Generator())


def error_of(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        make(text)
    return str(caught.value)


def make_nnet() -> Nnet:
    return Nnet.from_config(NETWORK, "net.config", torch.Generator())


def test_values_of_the_files() -> None:
    x = torch.tensor([[[1.0, 2.0, 3.0]]])
    # M x = (5, -1); then (15, 19, 34); times (1, 2, 3); plus b: whole and binary fractions, exact
    assert make_nnet()(x).tolist() == [[[15.5, 38.25, 102.125]]]


def test_nothing_is_learned() -> None:
    nnet = make_nnet()
    assert list(nnet.parameters()) == []
    assert [c.num_multiplies for c in nnet.components] == [6, 6, 0, 0]
    assert sorted(nnet.tensors()) == [
        "nnet.0.weight",
        "nnet.1.bias",
        "nnet.1.weight",
        "nnet.2.factors",
        "nnet.3.offsets",
    ]


def test_a_model_needs_no_file() -> None:
    nnet = make_nnet()
    for name in FILES:
        Path(name).unlink()
    again = Nnet.from_tensors(nnet.config_text(), "m.kws", nnet.tensors())
    assert again.config_text() == NETWORK
    assert (again.input_dim, again.output_dim) == (3, 3)
    x = torch.tensor([[[1.0, 2.0, 3.0]]])
    assert again(x).tolist() == nnet(x).tolist()


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        (
            "nnet.0.weight",
            None,
            "m.kws:1: FixedLinearComponent: its model has no tensor weight of 2 axes; make the "
            "model again",
        ),
        (
            "nnet.2.factors",
            torch.zeros(3, 1),
            "m.kws:3: FixedScaleComponent: its model has no tensor factors of 1 axes; make the "
            "model again",
        ),
        (
            "nnet.0.weight",
            torch.zeros(5, 3),
            "m.kws:2: FixedAffineComponent: its input has 2 values, but FixedLinearComponent at "
            "m.kws:1 gives 5; make them equal",
        ),
        (
            "nnet.1.bias",
            torch.zeros(4),
            "m.kws: tensor nnet.1.bias is (4,), its network needs (3,); make the model again",
        ),
    ],
)
def test_damaged_models(name: str, tensor: torch.Tensor | None, message: str) -> None:
    tensors = make_nnet().tensors()
    del tensors[name]
    if tensor is not None:
        tensors[name] = tensor
    with pytest.raises(InputError) as caught:
        Nnet.from_tensors(NETWORK, "m.kws", tensors)
    assert str(caught.value) == message


def test_mistakes_in_files() -> None:
    Path("one.mat").write_text("[ 1\n 2 ]")
    assert error_of("FixedAffineComponent matrix=one.mat") == (
        "net.config:1: FixedAffineComponent: one.mat has one column, which is b; give M before it"
    )
    assert error_of("FixedScaleComponent scales=lin.mat") == (
        "net.config:1: FixedScaleComponent: scales=lin.mat: not a Kaldi vector (it has more than "
        "one row)"
    )
    assert error_of("FixedBiasComponent bias=none.vec") == (
        "net.config:1: FixedBiasComponent: bias=none.vec: No such file or directory; name a file "
        "that can be read"
    )


def test_scale_multiplies() -> None:
    component = make("ScaleComponent dim=3 scale=-0.5")
    assert component(torch.tensor([[[1.0, 2.0, -4.0]]])).tolist() == [[[-0.5, -1.0, 2.0]]]


def test_what_is_left_of_a_scales_line_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    text = "ScaleComponent dim=3 colour=red dim=x scale=2 hello"
    with caplog.at_level(logging.WARNING):
        component = make(text)
    assert component.to_line() == "ScaleComponent dim=3 scale=2"
    assert caplog.messages == [
        f"net.config:1: ScaleComponent: {word} is ignored"
        for word in ("colour=red", "dim=x", "hello")
    ]


def test_scale_is_not_zero() -> None:
    assert error_of("ScaleComponent dim=3 scale=0") == (
        "net.config:1: ScaleComponent: scale=0: scale must not be 0"
    )
