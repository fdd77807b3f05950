"""Optimizers, the learning rate's schedule and the moving average of the parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from kws.errors import InputError
from kws.nnet import Nnet
from kws.training.options import TrainOptions


def make_optimizer(nnet: Nnet, options: TrainOptions, source: str) -> torch.optim.Optimizer:
    """The optimizer that the options name, one group of parameters per learning-rate.

    A component's `learning-rate` counts relative to the largest one in the network; 0 keeps its
    parameters as they are.

    Args:
        nnet: the network, on its device.
        options: of the training.
        source: the network's config, for messages.

    Raises:
        InputError: no component learns, or a learning-rate is none.
    """
    rates = {
        parameter: float(getattr(component, "learning_rate", 1.0))
        for component in nnet.components
        for parameter in component.parameters()
    }
    for rate in rates.values():
        if not 0 <= rate < math.inf:
            raise InputError(
                f"{source}: learning-rate={rate:g}: to train, it must be 0 or greater and finite"
            )
    largest = max(rates.values(), default=0.0)
    if largest <= 0:
        raise InputError(f"{source}: no component has a learning-rate above 0: none can learn")
    for parameter, rate in rates.items():
        parameter.requires_grad_(rate > 0)
    groups = [
        {"params": [p for p, r in rates.items() if r == rate], "factor": rate / largest}
        for rate in sorted({rate for rate in rates.values() if rate > 0})
    ]
    if options.optimizer == "sgd":
        return torch.optim.SGD(
            groups, momentum=options.momentum, weight_decay=options.weight_decay, fused=True
        )
    return torch.optim.AdamW(groups, weight_decay=options.weight_decay, fused=True)


def clip_gradients(parameters: Sequence[nn.Parameter], max_norm: float) -> None:
    """Shorten the gradient of all `parameters` together to the length `max_norm` if it is longer.

    `torch.nn.utils.clip_grad_norm_` would multiply by 1 most of the time, which costs a tenth of a
    small network's step.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = float(torch.stack(torch._foreach_norm(gradients)).norm())
    if norm > max_norm:
        torch._foreach_mul_(gradients, max_norm / norm)


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

    Args:
        nnet: the network, on its device.
        decay: d in the long run; 0 makes the average the parameters themselves.
    """

    def __init__(self, nnet: Nnet, decay: float) -> None:
        self.decay = decay
        self.num_updates = 0
        self._parameters = [parameter.detach() for parameter in nnet.parameters()]
        self.tensors = [parameter.clone() for parameter in self._parameters]

    def update(self) -> None:
        """Take the parameters after a step into the average."""
        self.num_updates += 1
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        torch._foreach_lerp_(self.tensors, self._parameters, 1 - decay)


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
