from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from kws.audio import write_audio
from kws.cli.main import run
from kws.data import Utterance, write_data_dir
from kws.export import spotter_model
from kws.features import parse_feature_options
from kws.nnet import Nnet
from kws.spotter import Spotter

NETWORK = """SpliceComponent input-dim=8 left-context=2 right-context=1
AffineComponent input-dim=32 output-dim=2
SoftmaxComponent dim=2
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    options = parse_feature_options("--num-mel-bins=8\n", "fbank.conf")
    nnet = Nnet.from_config(NETWORK, "nnet.config", torch.Generator().manual_seed(0))
    metadata = {
        "units": ["<filler>", "jarvis"],
        "keywords": [{"name": "jarvis", "units": [1]}],
        "thresholds": {"jarvis": {"threshold": 0.5}},
    }
    path = tmp_path / "final.kws"
    Spotter.from_parts(options, None, nnet, metadata).save(path)
    return path


def test_a_model_becomes_one_file(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "detector.onnx"
    assert run(["export", str(model), str(out), "--opset", "20"]) == 0
    assert capsys.readouterr().out == f"wrote {out} ({out.stat().st_size / 1e6:.2f} MB)\n"
    expected = spotter_model(Spotter.load(model), opset=20)
    assert onnx.load(out) == expected
    assert list(out.parent.iterdir()) == [out]


def test_weights_of_8_bits(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        write_audio(tmp_path / f"{name}.wav", 500 * random.standard_normal(16000), 16000)
    write_data_dir(tmp_path / "data", [Utterance("a", "a", "hello", str(tmp_path / "a.wav"))])
    out, sounds = tmp_path / "small.onnx", [str(tmp_path / "data"), str(tmp_path / "b.wav")]
    assert run(["export", str(model), str(out), "--int8", "--calibration", *sounds]) == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.startswith("int8 on 2.0 s of audio: confidences differ by 0.0")
    assert second.startswith("0 event(s) differ, of ")
    assert third.startswith(f"wrote {out} (")
    entries = {entry.key: entry.value for entry in onnx.load(out).metadata_props}
    assert entries["weights"] == "int8"
    assert '"calibration_s": 2.0' in entries["card"]


def test_calibration_without_a_keyword(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strict = tmp_path / "strict.kws"
    spotter = Spotter.load(model)
    entries = {keyword.name: {"threshold": 1.0} for keyword in spotter.keywords}
    spotter.with_thresholds(entries).save(strict)
    sound = tmp_path / "noise.wav"
    write_audio(sound, 500 * np.random.default_rng(0).standard_normal(16000), 16000)
    arguments = ["export", str(strict), str(tmp_path / "o.onnx"), "--int8", "--calibration"]
    assert run([*arguments, str(sound)]) == 0
    _, second, third, _ = capsys.readouterr().out.splitlines()
    assert second == "0 event(s) differ, of 0"
    assert third.startswith("no keyword was detected in it, ")
