"""What torchaudio gave for stored inputs (tests/golden/torchaudio-2.11.0/README.md)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

FOLDER = Path(__file__).parents[1] / "golden" / "torchaudio-2.11.0"


@cache
def stored() -> dict[str, np.ndarray]:
    """Everything in reference.npz by its name."""
    with np.load(FOLDER / "reference.npz") as file:
        return dict(file)


def stored_input(name: str) -> torch.Tensor:
    """The samples "speech" or "noise", (N, S)."""
    return torch.from_numpy(stored()[name]).float()


def stored_outputs(function: str) -> list[tuple[Any, torch.Tensor]]:
    """Options and output of each call of "fbank", "mfcc" or "resample"."""
    calls = [(*name.split(" ", 1), output) for name, output in stored().items() if " " in name]
    return [
        (json.loads(options), torch.from_numpy(output))
        for called, options, output in calls
        if called == function
    ]
