"""The model card: what a model was made of, so that it can be judged and made again."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

import kws
from kws.data import DataDir, hash_of, licence_files


def data_entries(dirs: Iterable[DataDir]) -> list[dict[str, Any]]:
    """A card's entries of data dirs: where, which (hash), how much, under which licences."""
    return [
        {
            "dir": str(data.path),
            "sha256": hash_of(data),
            "utterances": len(data.utterances),
            "licences": licence_files(data),
        }
        for data in dirs
    ]


def versions() -> dict[str, str]:
    """Of everything that the numbers depend on."""
    return {
        "kws": kws.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def model_card(
    *,
    data: dict[str, list[dict[str, Any]]],
    licences: Sequence[str],
    options: Mapping[str, str],
    seed: int,
    hours: float,
    parameters: int,
    init_from: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The card for the model's metadata; how the training went is added when it ends.

    Args:
        data: by role (train, dev, noise, rir) the entries of `data_entries`.
        licences: names of the licences given by the user.
        options: of the training, by name.
        seed: of the training.
        hours: of training audio.
        parameters: of the network.
        init_from: the model that the training starts from.
    """
    return {
        "data": data,
        "licences": list(licences),
        "options": dict(options),
        "seed": seed,
        "train_hours": round(hours, 4),
        "parameters": parameters,
        **({} if init_from is None else {"init_from": dict(init_from)}),
        "versions": versions(),
    }
