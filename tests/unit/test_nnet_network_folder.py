"""Folders of configs: which layers come in which order, and what does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kws.config import parse_config
from kws.errors import InputError
from kws.features import parse_feature_options
from kws.nnet import Nnet, full_network, read_network
from kws.nnet.network_folder import with_stage

FIRST = """SpliceComponent input-dim=3 left-context=1 right-context=1
AffineComponent input-dim=9 output-dim=6
RectifiedLinearComponent dim=6
AffineComponentPreconditionedOnline input-dim=6 output-dim=4 param-stddev=0 bias-stddev=0
SoftmaxComponent dim=4
"""
REPLACE = """AffineComponent input-dim=6 output-dim=5
TanhComponent dim=5
AffineComponentPreconditionedOnline input-dim=5 output-dim=4 param-stddev=0 bias-stddev=0
SoftmaxComponent dim=4
"""
HIDDEN = "AffineComponent input-dim=5 output-dim=5\nSigmoidComponent dim=5\n"


def folder(path: Path, **files: str) -> Path:
    path.mkdir(exist_ok=True)
    for name, text in files.items():
        (path / f"{name.replace('_', '.')}.config").write_text(text)
    return path


def types(nnet: Nnet) -> list[str]:
    return [type(component).__name__ for component in nnet.components]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_replacements_come_in_order_then_hidden_layers(tmp_path: Path) -> None:
    config = read_network(folder(tmp_path, nnet=FIRST, replace_1=REPLACE, hidden=HIDDEN))
    assert config.num_hidden_layers == 3
    nnet = Nnet.from_lines(config.first, generator())
    stages = config.stages(nnet, 4, generator)
    front = ["SpliceComponent", "AffineComponent", "RectifiedLinearComponent"]
    end = ["AffineComponentPreconditionedOnline", "SoftmaxComponent"]
    second = ["AffineComponent", "TanhComponent"]
    hidden = ["AffineComponent", "SigmoidComponent"]
    expected = [front + second, front + second + hidden, front + second + hidden * 2]
    grown = nnet
    for stage, inside in zip(stages, expected, strict=True):
        before = grown
        grown = with_stage(grown, stage)
        assert types(grown) == inside + end
        # what stays is the very same, the output layer is a new one
        assert list(grown.components)[:3] == list(nnet.components)[:3]
        assert grown.components[-2] is not before.components[-2]
        assert grown(torch.randn(2, 5, 3, generator=generator())).shape == (2, 5, 4)
    assert types(full_network(config, generator())) == expected[1] + end


def test_the_layer_after_an_inserted_one_is_drawn_as_nnet_insert_draws_it(tmp_path: Path) -> None:
    first = FIRST.replace("dim=6", "dim=400").replace("dim=4\n", "dim=300\n")
    first = first.replace("output-dim=4 ", "output-dim=300 ")
    hidden = "AffineComponent input-dim=400 output-dim=400\n"
    config = read_network(folder(tmp_path, nnet=first, hidden=hidden))
    nnet = Nnet.from_lines(config.first, generator())
    (stage,) = config.stages(nnet, 2, generator)
    weight, bias = (stage[1].get_parameter(name).detach() for name in ("weight", "bias"))
    # 0.1 / sqrt(400), of weights and biases alike; 120000 draws: within 1 %
    assert float(weight.std()) == pytest.approx(0.005, rel=0.01)
    assert float(bias.std()) == pytest.approx(0.005, rel=0.2)
    assert stage[1].to_line() == nnet.components[-2].to_line()
    assert not nnet.components[-2].get_parameter("weight").any()


def test_a_stage_is_drawn_from_its_own_seed(tmp_path: Path) -> None:
    config = read_network(folder(tmp_path, nnet=FIRST, replace_1=REPLACE))
    nnet = Nnet.from_lines(config.first, generator())
    weights = [
        config.stages(nnet, 2, lambda number, seed=seed: generator(seed + number))[0][0]
        .get_parameter("weight")
        .clone()
        for seed in (0, 0, 1)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_file_is_a_network_without_growth(tmp_path: Path) -> None:
    path = folder(tmp_path, nnet=FIRST) / "nnet.config"
    config = read_network(path)
    assert (config.num_hidden_layers, config.text) == (1, FIRST)
    assert list(config.first) == parse_config(FIRST, str(path))


def test_other_outputs_go_into_every_file_that_has_some(tmp_path: Path) -> None:
    config = read_network(folder(tmp_path, nnet=FIRST, replace_1=REPLACE, hidden=HIDDEN))
    nnet = Nnet.from_lines(config.resized(7).first, generator())
    for stage in config.resized(7).stages(nnet, 4, generator):
        nnet = with_stage(nnet, stage)
        assert nnet.output_dim == 7
    assert config.text == (
        f"# nnet.config\n{FIRST}# replace.1.config\n{REPLACE}# hidden.config\n{HIDDEN}"
    )


@pytest.mark.parametrize(
    ("files", "num_hidden_layers", "message"),
    [
        ({}, 1, "a folder without nnet.config; that is the network to begin with"),
        ({"nnet": FIRST, "replace_2": REPLACE}, 2, "holds replace.2.config, but no replace.1"),
        ({"nnet": FIRST, "replace_1": "# none\n"}, 2, "replace.1.config: holds no component"),
        (
            {"nnet": FIRST, "replace_1": REPLACE},
            4,
            r"4 hidden layers need replace.2.config or hidden.config; write one, or give "
            "--num-hidden-layers=2 or less",
        ),
        (
            {"nnet": FIRST, "replace_1": REPLACE.replace("input-dim=6", "input-dim=7")},
            2,
            r"replace.1.config:1: AffineComponent: its input has 7 values, but "
            "RectifiedLinearComponent before it gives 6; make them equal",
        ),
        (
            {"nnet": FIRST, "replace_1": REPLACE.replace("dim=5\nA", "dim=4\nA")},
            2,
            r"replace.1.config:2: TanhComponent: its input has 4 values",
        ),
        (
            {"nnet": FIRST, "replace_1": "".join(REPLACE.splitlines(True)[:3])},
            2,
            r"replace.1.config:3: AffineComponentPreconditionedOnline: it takes the place of "
            "SoftmaxComponent with 4 outputs; end in the same",
        ),
        (
            {"nnet": FIRST, "replace_1": REPLACE.replace("=4", "=3")},
            2,
            r"replace.1.config:4: SoftmaxComponent: it takes the place of SoftmaxComponent with 4",
        ),
        (
            {"nnet": FIRST, "replace_1": "SumGroupComponent sizes=2:2:1:1\nSoftmaxComponent dim=4"},
            2,
            r"replace.1.config:1: SumGroupComponent: no component with parameters follows",
        ),
        (
            {"nnet": FIRST, "hidden": HIDDEN},
            2,
            r"hidden.config:1: AffineComponent: its input has 5 values, but "
            "RectifiedLinearComponent before it gives 6",
        ),
        (
            {"nnet": FIRST, "hidden": "AffineComponent input-dim=6 output-dim=5"},
            2,
            r"hidden.config:1: AffineComponent: it gives 5 values, but "
            "AffineComponentPreconditionedOnline after it reads 6; make them equal",
        ),
    ],
)
def test_what_does_not_fit_is_said(
    files: dict[str, str], num_hidden_layers: int, message: str, tmp_path: Path
) -> None:
    path = folder(tmp_path, **files)
    with pytest.raises(InputError, match=message) as raised:
        config = read_network(path)
        config.stages(Nnet.from_lines(config.first, generator()), num_hidden_layers, generator)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("name", "num_filters", "hidden_dim", "stddev"),
    [
        ("convnet_accel2", (128, 256), 3000, "0.0182574"),
        ("convnet_accel2_small", (32, 64), 256, "0.0625"),
    ],
)
def test_convnet_accel2_is_what_kaldis_script_writes(
    name: str, num_filters: tuple[int, int], hidden_dim: int, stddev: str
) -> None:
    conf = Path(__file__).parents[2] / "conf"
    config = read_network(conf / name)
    assert config.num_hidden_layers == 4  # the script's num_hidden_layers
    nnet = full_network(config, generator())
    # by the script's arithmetic
    first, second = (36 - 7 + 1) * num_filters[0], ((36 - 7 + 1) // 3 - 4 + 1) * num_filters[1]
    dims = [component.output_dim for component in nnet.components]
    assert dims == [972, first, *[first // 3] * 2, *[second] * 2, *[hidden_dim] * 6, 4, 4]
    assert (nnet.left_context, nnet.right_context) == (4, 4)
    features = conf / "fbank36_deltas.conf"
    assert parse_feature_options(features.read_text(), str(features)).dim == nnet.input_dim
    text = nnet.config_text()
    assert text.count(f"param-stddev={stddev}") == 4  # 1 / sqrt(hidden_dim)
    assert text.count("bias-stddev=0.5") == 4
    assert text.count("rank-in=20") == 3
    assert "patch-dim=4 patch-step=1 patch-stride=10 appended-conv=true" in text
