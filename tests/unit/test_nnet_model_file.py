"""Model files: one file, whole or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from kws.errors import InputError
from kws.nnet import ModelFile, is_model_file, read_model, write_model

MODEL = ModelFile(
    network="SoftmaxComponent dim=2\n",
    features="--num-mel-bins=40\n",
    metadata={"units": ["<filler>", "wörd"], "thresholds": {"wörd": {"threshold": 0.5}}},
    tensors={
        "nnet.0.weight": torch.arange(6.0).reshape(2, 3),
        "cmvn.stats": torch.ones(2, 3).double(),
    },
)


def test_model_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "m.kws"
    write_model(path, MODEL)
    model = read_model(path)
    assert (model.network, model.features) == (MODEL.network, MODEL.features)
    assert model.metadata == MODEL.metadata
    assert model.tensors.keys() == MODEL.tensors.keys()
    for name, tensor in model.tensors.items():
        assert tensor.dtype == MODEL.tensors[name].dtype
        assert torch.equal(tensor, MODEL.tensors[name])
    assert [p.name for p in path.parent.iterdir()] == ["m.kws"]


def test_tensors_that_share_memory_are_written(tmp_path: Path) -> None:
    weight = torch.arange(6.0)
    tensors = {"nnet.a": weight, "nnet.b": weight[1:3], "nnet.c": weight.reshape(2, 3).T}
    write_model(tmp_path / "m.kws", ModelFile("", tensors=tensors))
    again = read_model(tmp_path / "m.kws").tensors
    assert all(torch.equal(again[name], tensors[name]) for name in tensors)


def test_a_failed_write_leaves_the_old_model(tmp_path: Path) -> None:
    path = tmp_path / "m.kws"
    write_model(path, MODEL)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_model(path, ModelFile("", metadata={"miss_rate": float("nan")}))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.kws"]


@pytest.mark.parametrize("size", [0, 4, 8, 40, 300, -1])
def test_truncated_model_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "m.kws"
    write_model(path, MODEL)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError) as caught:
        read_model(path)
    assert str(caught.value).startswith(f"{path}: not a kws model, or damaged (")
    assert str(caught.value).endswith("); make it again")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (None, "a safetensors file, but not a kws model; use `kws init` or train"),
        ({"format": "pt"}, "a safetensors file, but not a kws model; use `kws init` or train"),
        (
            {"format": "kws", "format_version": "9"},
            "model format 9, this kws reads 1; use a newer kws",
        ),
        (
            {"format": "kws", "format_version": "1"},
            "not a kws model, or damaged ('network'); make it again",
        ),
        (
            {
                "format": "kws",
                "format_version": "1",
                "network": "",
                "features": "",
                "metadata": "{",
            },
            "not a kws model, or damaged (Expecting property name enclosed in double quotes: "
            "line 1 column 2 (char 1)); make it again",
        ),
        (
            {
                "format": "kws",
                "format_version": "1",
                "network": "",
                "features": "",
                "metadata": "3",
            },
            "the model's metadata is not a JSON object; make it again",
        ),
    ],
)
def test_foreign_files_are_refused(
    tmp_path: Path, texts: dict[str, str] | None, message: str
) -> None:
    path = tmp_path / "m.kws"
    path.write_bytes(safetensors.torch.save({"a": torch.zeros(1)}, texts))
    with pytest.raises(InputError) as caught:
        read_model(path)
    assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize("call", [read_model, is_model_file])
def test_absent_file(tmp_path: Path, call: Any) -> None:
    with pytest.raises(InputError) as caught:
        call(tmp_path / "m.kws")
    assert str(caught.value) == (
        f"{tmp_path / 'm.kws'}: No such file or directory; name a file that can be read"
    )


def test_models_are_told_from_configs(tmp_path: Path) -> None:
    config = tmp_path / "net.config"
    config.write_text("SoftmaxComponent dim=2\n")
    assert not is_model_file(config)
    write_model(tmp_path / "model", MODEL)
    assert is_model_file(tmp_path / "model")
    (tmp_path / "empty.kws").touch()
    assert is_model_file(tmp_path / "empty.kws")


def test_metadata_is_json_that_others_can_read(tmp_path: Path) -> None:
    write_model(tmp_path / "m.kws", MODEL)
    content = (tmp_path / "m.kws").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert header["__metadata__"]["format"] == "kws"
    assert json.loads(header["__metadata__"]["metadata"]) == MODEL.metadata
