"""Optimizers, the learning rate's schedule and the moving average of the parameters."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from kws.errors import InputError
from kws.nnet import Nnet
from kws.training.options import TrainOptions


def make_optimizer(nnet: Nnet, options: TrainOptions, source: str) -> torch.optim.Optimizer:
    """The optimizer that the options name, one group of parameters per learning-rate.

    A component's `learning-rate` counts relative to the largest one in the network; 0 keeps its
    parameters as they are.

    Args:
        nnet: the network.
        options: of the training.
        source: the network's config, for messages.

    Raises:
        InputError: no component learns.
    """
    rates = {
        parameter: float(getattr(component, "learning_rate", 1.0))
        for component in nnet.components
        for parameter in component.parameters()
    }
    largest = max(rates.values(), default=0.0)
    if largest <= 0:
        raise InputError(f"{source}: no component has a learning-rate above 0: nothing can learn")
    groups = [
        {"params": [p for p, r in rates.items() if r == rate], "factor": rate / largest}
        for rate in sorted(set(rates.values()))
        if rate > 0
    ]
    if options.optimizer == "sgd":
        return torch.optim.SGD(
            groups, momentum=options.momentum, weight_decay=options.weight_decay, fused=True
        )
    return torch.optim.AdamW(groups, weight_decay=options.weight_decay, fused=True)


def effective_learning_rate(progress: float, options: TrainOptions) -> float:
    """The learning rate when a share of `progress` of the training is done.

    `initial * (final / initial)^progress`, in the warm-up times `progress / warmup_share`.
    """
    initial, final = options.initial_effective_lrate, options.final_effective_lrate
    rate: float = initial * (final / initial) ** progress
    if progress < options.warmup_share:
        rate *= progress / options.warmup_share
    return rate


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give each group `rate` times its factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


class Average:
    """An exponential moving average of a network's parameters.

    `average += (1 - d) (parameters - average)` after every step, `d` rising from 2 / 11 to
    `decay` by `(1 + n) / (10 + n)` so that the beginning is forgotten soon.
    """

    def __init__(self, nnet: Nnet, decay: float) -> None:
        self.decay = decay
        self.num_updates = 0
        self._parameters = list(nnet.parameters())
        self.tensors = [parameter.detach().clone() for parameter in self._parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Take the parameters after a step into the average."""
        self.num_updates += 1
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        torch._foreach_lerp_(self.tensors, [p.detach() for p in self._parameters], 1 - decay)


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What the optimizer remembers, by `optimizer.PARAMETER.NAME`."""
    return {
        f"optimizer.{index}.{name}": value
        for index, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give the optimizer what `optimizer_tensors` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".")
            state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
