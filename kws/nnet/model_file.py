"""A model is one file: safetensors whose metadata holds everything that is not a tensor."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from kws.errors import InputError
from kws.files import atomic_path

FORMAT = "kws"
FORMAT_VERSION = "1"


@dataclass(frozen=True)
class ModelFile:
    """What a model file holds.

    Attributes:
        network: the network's config text.
        features: the feature options as `--option=value` lines; "" for a network alone.
        metadata: units, keywords, posterior handling, thresholds, model card: what JSON can hold.
        tensors: by name; the network's begin with `nnet.`.
    """

    network: str
    features: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, Tensor] = field(default_factory=dict)


def write_model(path: str | Path, model: ModelFile) -> None:
    """Write `model` to `path`, atomically.

    Raises:
        ValueError: the metadata holds what JSON cannot, such as NaN.
    """
    texts = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "network": model.network,
        "features": model.features,
        "metadata": json.dumps(model.metadata, allow_nan=False),
    }
    tensors = {
        # safetensors takes neither views nor shared memory
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in model.tensors.items()
    }
    content = _with_sorted_texts(safetensors.torch.save(tensors, texts))
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _with_sorted_texts(content: bytes) -> bytes:
    """The same safetensors file, its texts in a fixed order: equal models are equal files."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the tensors stay aligned
    return len(text).to_bytes(8, "little") + text + content[end:]


def is_model_file(path: str | Path) -> bool:
    """Whether `path` is meant as a model file and not as text: by its ending or its first bytes.

    Raises:
        InputError: the file cannot be read.
    """
    with _opened(path) as file:
        # safetensors begins with the length of its header in 8 bytes, the last of them zero
        return Path(path).suffix == ".kws" or b"\0" in file.read(8)


def _opened(path: str | Path) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; name a file that can be read") from None


def read_model(path: str | Path) -> ModelFile:
    """Read a model file.

    Raises:
        InputError: the file cannot be read, is not a model of this program, or is damaged.
    """
    _opened(path).close()
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            texts = file.metadata() or {}
            _check_format(path, texts)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        network, features = texts["network"], texts["features"]
        metadata = json.loads(texts["metadata"])
    except (safetensors.SafetensorError, KeyError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path}: not a kws model, or damaged ({reason}); make it again") from None
    _check_metadata(path, metadata)
    return ModelFile(network, features, metadata, tensors)


def _is_number(value: Any) -> bool:
    # no integer beyond what a float holds either
    return isinstance(value, int | float) and abs(value) <= sys.float_info.max


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _is_keyword(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and isinstance(value.get("units"), list)
        and all(map(_is_count, value["units"]))
    )


# what each entry of the metadata must be: in words, and as a rule
_ENTRIES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "units": (
        "a list of names",
        lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
    ),
    "keywords": (
        "a list of objects with a name and units (numbers from 0)",
        lambda value: isinstance(value, list) and all(map(_is_keyword, value)),
    ),
    "posterior": (
        "an object with w_smooth and w_max, frames from 1, and the name of a confidence",
        lambda value: (
            isinstance(value, dict)
            and all(_is_count(value.get(name, 1)) for name in ("w_smooth", "w_max"))
            and all(value.get(name, 1) > 0 for name in ("w_smooth", "w_max"))
            and isinstance(value.get("confidence", ""), str)
        ),
    ),
    "refractory_s": (
        "a number of seconds, 0 or more",
        lambda value: _is_number(value) and value >= 0,
    ),
    "thresholds": (
        "an object that holds an object with a threshold for each keyword",
        lambda value: (
            isinstance(value, dict)
            and all(isinstance(e, dict) and _is_number(e.get("threshold")) for e in value.values())
        ),
    ),
    "card": ("an object", lambda value: isinstance(value, dict)),
}


def _check_metadata(path: str | Path, metadata: Any) -> None:
    if not isinstance(metadata, dict):
        raise InputError(f"{path}: the model's metadata is not a JSON object; make it again")
    for name, (what, holds) in _ENTRIES.items():
        if name in metadata and not holds(metadata[name]):
            raise InputError(f"{path}: {name} in its metadata must be {what}; make the model again")


def _check_format(path: str | Path, texts: Mapping[str, str]) -> None:
    if texts.get("format") != FORMAT:
        raise InputError(
            f"{path}: a safetensors file, but not a kws model; use `kws init` or train"
        )
    version = texts.get("format_version")
    if version != FORMAT_VERSION:
        raise InputError(
            f"{path}: model format {version}, this kws reads {FORMAT_VERSION}; use a newer kws"
        )
