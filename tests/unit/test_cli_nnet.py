"""`kws describe`, `kws info` and `kws init`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kws.cli.main import run
from kws.features import parse_feature_options
from kws.nnet import COMPONENTS, ModelFile, Nnet, read_model, write_model

CONF = Path(__file__).parents[2] / "conf"
NETWORK = """
SpliceComponent input-dim=40 left-context=5 right-context=2
AffineComponent input-dim=320 output-dim=3
SoftmaxComponent dim=3
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "net.config"
    path.write_text(NETWORK)
    return path


@pytest.fixture
def features(tmp_path: Path) -> Path:
    path = tmp_path / "fbank.conf"
    path.write_text("--feature-type=fbank\n--num-mel-bins=40\n--frame-shift=12.5\n")
    return path


def output(capsys: pytest.CaptureFixture[str], *args: str | Path) -> str:
    assert run([str(arg) for arg in args]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def error(capsys: pytest.CaptureFixture[str], *args: str | Path) -> str:
    assert run([str(arg) for arg in args]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_describe_lists_all_types(capsys: pytest.CaptureFixture[str]) -> None:
    lines = output(capsys, "describe").splitlines()
    assert [line.split()[0] for line in lines] == sorted(COMPONENTS)
    assert "AffineComponent                      y = W x + b." in lines


def test_describe_shows_the_declarations(capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys, "describe", "DropoutComponent") == (
        "DropoutComponent\n"
        "\n"
        "y = s x for a random part p of the values, (1 - p s) / (1 - p) x for the others.\n"
        "\n"
        "p is dropout-proportion, s dropout-scale; the mean of y is x. Kaldi's nnet-compute draws "
        "too;\n"
        "here a network that does not learn (no generator) gives the mean, so that its output "
        "repeats.\n"
        "\n"
        "Keys:\n"
        "  dim (int, required)\n"
        "      values per frame, in and out; must be greater than 0\n"
        "  dropout-proportion (float, default 0.5)\n"
        "      part of the values to drop; must lie between 0 and 1\n"
        "  dropout-scale (float, default 0)\n"
        "      what a dropped value is multiplied by\n"
        "\n"
        "Example:\n"
        "  DropoutComponent dim=128 dropout-proportion=0.2\n"
    )


@pytest.mark.parametrize("name", sorted(COMPONENTS))
def test_describe_knows_every_key(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "describe", name)
    assert COMPONENTS[name].example in text
    for word in COMPONENTS[name].example.split()[1:]:
        assert f"\n  {word.partition('=')[0]} (" in text


def test_describe_takes_short_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert output(capsys, "describe", "splice") == output(capsys, "describe", "SpliceComponent")


def test_describe_knows_no_other_types(capsys: pytest.CaptureFixture[str]) -> None:
    assert error(capsys, "describe", "Splise") == (
        "kws describe: Splise: no such component type; did you mean SpliceComponent? "
        "`kws describe` lists them\n"
    )


def test_info_of_a_config(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line.split() for line in output(capsys, "info", config).splitlines()]
    assert lines == [
        ["component", "input", "output", "parameters", "multiplies", "context"],
        ["0", "SpliceComponent", "40", "320", "0", "0", "-5..2"],
        ["1", "AffineComponent", "320", "3", "963", "960"],
        ["2", "SoftmaxComponent", "3", "3", "0", "0"],
        ["total", "40", "3", "963", "960"],
        ["left-context:", "5", "frames"],
        ["right-context:", "2", "frames"],
    ]


def test_info_of_a_model(
    config: Path, features: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.kws"
    nnet = Nnet.from_config(NETWORK, "net.config", torch.Generator())
    metadata = {
        "units": ["<filler>", "view", "glass"],
        "keywords": [{"name": "view glass", "units": [1, 2]}, {"name": "glass", "units": [2]}],
        "posterior": {"w_smooth": 30, "w_max": 100, "confidence": "chen"},
        "refractory_s": 1.0,
        "thresholds": {
            "view glass": {
                "threshold": 0.625,
                "fa_per_hour": 0.5,
                "fa_per_hour_upper": 2.786,
                "hours": 2.0,
                "miss_rate": 0.125,
            }
        },
        "word_times": {"glass": {"start_s": -0.1, "end_s": 0.1, "words": 20, "within": 19}},
        "card": {"licence": "CC0", "seed": 7, "long": "x" * 300},
    }
    write_model(path, ModelFile(NETWORK, features.read_text(), metadata, nnet.tensors()))
    lines = output(capsys, "info", path).splitlines()
    assert "left-context: 5 frames (62.5 ms)" in lines
    assert "right-context: 2 frames (25 ms)" in lines
    assert lines[lines.index("") + 1 :] == [
        "features: --feature-type=fbank --num-mel-bins=40 --frame-shift=12.5",
        "units: <filler>, view, glass",
        "keyword view glass: units view, glass; threshold 0.625, solved on 2 h: "
        "0.5 false alarms per hour (95 %: below 2.79), 12.5 % misses; word times unknown",
        "keyword glass: units glass; no threshold; word times within 0.15 s for 19 of 20 words; "
        "no event inside 'view glass'",
        'posterior: {"w_smooth": 30, "w_max": 100, "confidence": "chen"}',
        "refractory_s: 1.0",
        "card licence: CC0",
        "card seed: 7",
        "card long: " + "x" * 97 + "...",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe bad", "byte 0xff is not UTF-8 (but perhaps UTF-16); convert"),
        (b"SoftmaxComponent dim=x", "1: SoftmaxComponent: dim=x: dim must be a whole number"),
        (b"\0Bbinary", "not a kws model, or damaged (Error while deserializing header"),
    ],
)
def test_info_of_something_else(
    content: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "thing"
    path.write_bytes(content)
    text = error(capsys, "info", path)
    assert text.startswith(f"{path}:")
    assert message in text
    assert text.count("\n") == 1


def test_init_makes_a_model(
    config: Path, features: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "exp" / "0.kws"
    assert output(capsys, "init", config, path, "--features", features, "--seed", "3") == ""
    model = read_model(path)
    expected = Nnet.from_config(NETWORK, "net.config", torch.Generator().manual_seed(3))
    assert model.network == expected.config_text()
    options = parse_feature_options(features.read_text(), "fbank.conf")
    assert parse_feature_options(model.features, "m.kws") == options
    assert model.tensors.keys() == expected.tensors().keys()
    for name, tensor in expected.tensors().items():
        assert torch.equal(model.tensors[name], tensor)
    assert model.metadata["card"]["seed"] == 3
    assert "keywords: none" in output(capsys, "info", path)


def test_init_draws_by_seed(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        output(capsys, "init", config, tmp_path / name, "--seed", seed)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == b != c


def test_init_resizes_the_output(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output(capsys, "init", config, tmp_path / "m.kws", "--num-outputs", "7")
    model = read_model(tmp_path / "m.kws")
    assert Nnet.from_tensors(model.network, "m", model.tensors).output_dim == 7
    assert error(capsys, "init", config, tmp_path / "n.kws", "--num-outputs", "0").count("\n") == 1
    assert not (tmp_path / "n.kws").exists()


def test_init_wants_features_that_fit(
    config: Path, features: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features.write_text("--num-mel-bins=23\n")
    model = tmp_path / "m.kws"
    assert error(capsys, "init", config, model, "--features", features) == (
        f"{features}: gives 23 values per frame, but the network of {config} reads 40; "
        "change one of them\n"
    )
    assert not model.exists()


def test_init_keeps_matrices_as_tensors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("w.mat").write_text("[ 1 2 3 ]")
    Path("net.config").write_text("AffineComponent matrix=w.mat")
    output(capsys, "init", "net.config", "m.kws")
    Path("w.mat").unlink()
    assert "AffineComponent" in output(capsys, "info", "m.kws")
    model = read_model("m.kws")
    assert model.network == "AffineComponent input-dim=2 output-dim=1 matrix=w.mat\n"
    assert model.tensors["nnet.0.weight"].tolist() == [[1.0, 2.0]]
    assert error(capsys, "info", "net.config").startswith("net.config:1: AffineComponent: matrix=")


@pytest.mark.parametrize("name", sorted(path.name for path in CONF.glob("*.config")))
def test_every_network_of_conf_has_info(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "info", CONF / name)
    total = text[text.index("total") :].split()
    assert (total[1], total[2]) == ("40", "4")
