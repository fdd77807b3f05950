"""Reads Kaldi's binary nnet2 models and examples, for the golden tests."""

from __future__ import annotations

import io
import re
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kws.kaldi.matrices import read_matrix_object

_TAGS = {b"LinearParams": "weight", b"FilterParams": "weight", b"BiasParams": "bias"}


class Example(NamedTuple):
    """One frame with its neighbours."""

    key: str
    label: int
    frames: np.ndarray  # (left context + 1 + right context, D) float64


def read_binary_parameters(path: Path) -> list[tuple[str, dict[str, np.ndarray]]]:
    """Per component of a model its type and the arrays of its parameters, float64."""
    components = []
    content = path.read_bytes()
    for name, body in re.findall(rb"<(\w+Component\w*)> (.*?)</\1> ", content, re.DOTALL):
        arrays = {
            _TAGS[tag.group(1)]: _array(body[tag.end() :])
            for tag in re.finditer(rb"<(\w+)> (?=F[MV] )", body)
            if tag.group(1) in _TAGS
        }
        components.append((name.decode(), arrays))
    return components


def read_examples(path: Path) -> list[Example]:
    """The examples of an archive, each with one labelled frame."""
    examples = []
    content = path.read_bytes()
    for key, label, body in re.findall(
        rb"(\S+) \0B<NnetExample> <Lab1> \x04\x01\0\0\0(.{4})<InputFrames> (.*?)</NnetExample> ",
        content,
        re.DOTALL,
    ):
        frames = read_matrix_object(io.BufferedReader(io.BytesIO(b"\0B" + body))).astype(float)
        examples.append(Example(key.decode(), struct.unpack("<i", label)[0], frames))
    return examples


def _array(body: bytes) -> np.ndarray:
    if body.startswith(b"FM "):
        return read_matrix_object(io.BufferedReader(io.BytesIO(b"\0B" + body))).astype(float)
    (size,) = struct.unpack("<i", body[4:8])
    return np.frombuffer(body, "<f4", size, offset=8).astype(float)
