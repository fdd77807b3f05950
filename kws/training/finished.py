"""What a training that is done leaves for its model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from kws.errors import InputError
from kws.nnet import Nnet
from kws.training.state import TrainState
from kws.training.task import Task


def finished_nnet(state: TrainState, path: Path) -> Nnet:
    """The network that is kept.

    Args:
        state: of a training that is done.
        path: of the model, for messages.

    Raises:
        InputError: the training has diverged.
    """
    nnet = state.kept()
    if not is_finite(nnet):
        raise InputError(
            f"{path}: the last steps made parameters that are not finite; start anew with "
            "--restart and a smaller --initial-effective-lrate, --final-effective-lrate or "
            "--weight-decay"
        )
    return nnet


def is_finite(nnet: Nnet) -> bool:
    """Whether all parameters are numbers."""
    return all(bool(torch.isfinite(parameter).all()) for parameter in nnet.parameters())


def finished_card(task: Task, state: TrainState) -> dict[str, Any]:
    """The task's model card, with how the training went."""
    training = {
        "epochs": state.epoch,
        "seconds": round(state.seconds, 1),
        "device": task.device,
        "final": state.epochs[-1],
    }
    return {**task.card, "training": training}
