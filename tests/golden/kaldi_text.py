"""Reads Kaldi's text forms of nnet2 models and of archives of matrices, for the golden tests."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import torch

from kws.nnet import Nnet

_TAGS = {
    "<LinearParams>": "weight",
    "<FilterParams>": "weight",
    "<BiasParams>": "bias",
    "<CuMatrix>": "weight",
    "<Scales>": "factors",
    "<Bias>": "offsets",
    "<Reorder>": "reorder",
}


def read_archive(path: Path) -> dict[str, np.ndarray]:
    """The matrices of a text archive by key, float64."""
    entries = re.findall(r"(\S+)\s+\[([^]]*)\]", path.read_text())
    return {key: _rows(body) for key, body in entries}


def read_parameters(path: Path) -> list[tuple[str, dict[str, np.ndarray]]]:
    """Per component of a text model its type and its arrays by the names that kws gives them."""
    text = path.read_text()
    components = []
    for name, body in re.findall(r"<(\w+Component\w*)>(.*?)</\1>", text, re.DOTALL):
        arrays = {
            _TAGS[tag]: _rows(values)
            for tag, values in re.findall(r"(<\w+>)\s+\[([^]]*)\]", body)
            if tag in _TAGS
        }
        components.append((name, arrays))
    return components


def load_parameters(nnet: Nnet, path: Path) -> None:
    """Give `nnet` the tensors of a text model, whose component types must be the same."""
    components = read_parameters(path)
    assert [name for name, _ in components] == [type(c).__name__ for c in nnet.components]
    for component, (_, arrays) in zip(nnet.components, components, strict=True):
        tensors = component.state_dict()
        assert tensors.keys() == arrays.keys()
        for name, tensor in tensors.items():
            tensor.copy_(torch.from_numpy(arrays[name]).reshape(tensor.shape))


def _rows(body: str) -> np.ndarray:
    return np.array([row.split() for row in body.strip().split("\n") if row.strip()], dtype=float)
