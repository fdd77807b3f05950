"""Optimizers, the learning rate's schedule and the moving average of the parameters."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from kws.errors import InputError
from kws.nnet import Nnet
from kws.training.natural_gradient import NaturalGradient
from kws.training.options import TrainOptions

NATURAL_GRADIENT = "natural-gradient"
LIKE_ADAMW = "match_rms_adamw"  # how `torch.optim.Muon` names steps of AdamW's size


class Optimizer(Protocol):
    """What training asks of an optimizer; those of torch do it."""

    @property
    def param_groups(self) -> list[dict[str, Any]]: ...

    def step(self) -> Any: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None: ...


def make_optimizer(
    nnet: Nnet, options: TrainOptions, source: str, num_frozen: int = 0
) -> Optimizer:
    """The optimizer that the options name, one group of parameters per learning-rate.

    A component's `learning-rate` counts relative to the largest one in the network; 0 keeps its
    parameters as they are.

    Args:
        nnet: the network, on its device.
        options: of the training.
        source: the network's config, for messages.
        num_frozen: so many of the first components with parameters have the learning-rate 0.

    Raises:
        InputError: no component learns, or a learning-rate is none.
    """
    learning = [component for component in nnet.components if component.num_parameters]
    rates = {
        parameter: float(getattr(component, "learning_rate", 1.0)) if i >= num_frozen else 0.0
        for i, component in enumerate(learning)
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
    if options.optimizer == "muon":
        return MuonAndAdamW(groups, options.weight_decay)
    if options.optimizer == NATURAL_GRADIENT:
        momentum = options.natural_gradient_momentum
        return NaturalGradient(nnet, groups, options.weight_decay, momentum)
    return torch.optim.AdamW(groups, weight_decay=options.weight_decay, fused=True)


def gradient_scale(counts: Sequence[float], options: TrainOptions) -> float:
    """By what the gradient of the loss is to be multiplied for the optimizer.

    Kaldi's natural gradient wants that of a sum over frames, the others want that of a mean.

    Args:
        counts: of how many values each part of the loss is the mean; the sum is over as many frames
            as the longest one.
        options: of the training.
    """
    return max(1.0, *counts) if options.optimizer == NATURAL_GRADIENT else 1.0


def clip_gradients(parameters: Sequence[nn.Parameter], max_norm: float) -> None:
    """Shorten the gradient of all `parameters` together to the length `max_norm` if it is longer.

    `torch.nn.utils.clip_grad_norm_` would multiply by 1 most of the time, which costs a tenth of a
    small network's step.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if not gradients:  # the natural gradient has its own limit
        return
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


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Give each group `rate` times its factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]


def carry_over(old: Optimizer, new: Optimizer) -> None:
    """Let `new` remember what `old` does of the parameters that both have."""
    if isinstance(old, NaturalGradient) and isinstance(new, NaturalGradient):
        new.carry_over(old)
        return
    known = {parameter: values for part in _parts(old) for parameter, values in part.state.items()}
    for part in _parts(new):
        for group in part.param_groups:
            for parameter in group["params"]:
                if parameter in known:
                    part.state[parameter] = known[parameter]
                elif known and group.get("momentum"):
                    # the fused SGD takes first steps and later ones apart only all together
                    part.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


def _parts(optimizer: Optimizer) -> list[torch.optim.Optimizer]:
    """The optimizers of torch that `optimizer` is made of."""
    if isinstance(optimizer, MuonAndAdamW):
        return optimizer.parts
    return [optimizer] if isinstance(optimizer, torch.optim.Optimizer) else []


class MuonAndAdamW:
    """Muon (Jordan 2024) for weight matrices, AdamW for biases, as one optimizer.

    Muon makes the momentum of a matrix nearly orthogonal, so that all directions learn alike; here
    its steps have the size of AdamW's (Liu et al. 2025), so that one learning rate serves both.
    """

    def __init__(self, groups: Sequence[dict[str, Any]], weight_decay: float) -> None:
        """As `torch.optim.AdamW`, with the groups given as dicts."""

        def part(is_matrix: bool) -> list[dict[str, Any]]:
            parts = [
                {**group, "params": [p for p in group["params"] if (p.ndim == 2) == is_matrix]}
                for group in groups
            ]
            return [group for group in parts if group["params"]]

        self.parts: list[torch.optim.Optimizer] = []
        if matrices := part(True):
            self.parts.append(
                torch.optim.Muon(matrices, weight_decay=weight_decay, adjust_lr_fn=LIKE_ADAMW)
            )
        if others := part(False):
            self.parts.append(torch.optim.AdamW(others, weight_decay=weight_decay, fused=True))

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of both."""
        return [group for part in self.parts for group in part.param_groups]

    def step(self) -> None:
        """Take one step along the gradients."""
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """What both remember, parameters numbered through."""
        state: dict[int, Any] = {}
        for part, first in self._numbered():
            of_part = part.state_dict()["state"]
            state |= {first + index: values for index, values in of_part.items()}
        return {"state": state}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Remember what `state_dict` gave."""
        for part, first in self._numbered():
            size = _num_parameters(part)
            own = {
                index - first: values
                for index, values in state_dict["state"].items()
                if first <= index < first + size
            }
            part.load_state_dict({**part.state_dict(), "state": own})

    def _numbered(self) -> list[tuple[torch.optim.Optimizer, int]]:
        firsts = itertools.accumulate((_num_parameters(part) for part in self.parts), initial=0)
        return list(zip(self.parts, firsts, strict=False))


def _num_parameters(optimizer: torch.optim.Optimizer) -> int:
    return sum(len(group["params"]) for group in optimizer.param_groups)


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

    def update(self, num_steps: int = 1) -> None:
        """Take the parameters after a step, or after some, into the average."""
        self.num_updates += num_steps
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates)) ** num_steps
        torch._foreach_lerp_(self.tensors, self._parameters, 1 - decay)


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """What the optimizer remembers, by `optimizer.PARAMETER.NAME`."""
    return {
        f"optimizer.{index}.{name}": value
        for index, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
        if isinstance(value, Tensor)
    }


def load_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give the optimizer what `optimizer_tensors` gave."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".")
            state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
