"""Checkpoints: one file from which a training continues as if it had never stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from kws.errors import InputError
from kws.files import atomic_path

FORMAT = "kws-checkpoint-2"
FILE_NAME = "checkpoint.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stands between two jobs.

    Attributes:
        settings: everything that decides the result, as texts; to continue needs the same.
        epoch: the epoch to go on with, counted from 0.
        job: the job of that epoch to go on with.
        state: further values, as JSON has them.
        tensors: parameters, what the optimizer remembers, and the like.
    """

    settings: Mapping[str, str]
    epoch: int = 0
    job: int = 0
    state: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, Tensor] = field(default_factory=dict)


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write it, atomically: what was there before stays until the new one is whole."""
    state = {
        "settings": dict(checkpoint.settings),
        "epoch": checkpoint.epoch,
        "job": checkpoint.job,
        "state": dict(checkpoint.state),
    }
    tensors = {name: value.detach().cpu().clone() for name, value in checkpoint.tensors.items()}
    content = safetensors.torch.save(tensors, {"format": FORMAT, "state": json.dumps(state)})
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def remove_unfinished(path: Path) -> None:
    """Remove what a process that was killed while it wrote a checkpoint has left beside it."""
    for unfinished in path.parent.glob(f".{path.stem}.*.tmp{path.suffix}"):
        unfinished.unlink(missing_ok=True)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read it.

    Raises:
        InputError: it is damaged, or something else.
    """
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            texts = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if texts.get("format") != FORMAT:
            raise InputError(f"{path}: a checkpoint of another version; start anew with --restart")
        values = json.loads(texts["state"])
        return Checkpoint(tensors=tensors, **values)
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{path}: not a checkpoint, or damaged ({reason}); start anew with --restart"
        ) from None


def check_settings(path: Path, old: Mapping[str, str], new: Mapping[str, str]) -> None:
    """Compare the settings of a checkpoint with those of now.

    Raises:
        InputError: they differ: the first difference.
    """
    for name in dict.fromkeys((*old, *new)):
        if old.get(name) != new.get(name):
            raise InputError(
                f"{path}: was begun with {name} {_brief(old.get(name))}, now it is "
                f"{_brief(new.get(name))}; continue with the same, or start anew with --restart"
            )


def _brief(value: str | None) -> str:
    if value is None:
        return "(none)"
    line = " ".join(value.split())
    return line if len(line) <= 60 else f"{line[:57]}..."
