"""Kaldi's SGD as an optimizer: the natural gradient where a component asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from kws.nnet import Nnet
from kws.nnet.components import UpdatableComponent
from kws.nnet.natural_gradient import Frames, Update, update_of


@dataclass(frozen=True)
class _Part:
    """A component that is preconditioned."""

    component: UpdatableComponent
    update: Update
    frames: Frames
    group: Mapping[str, Any]  # of the optimizer; its learning rate is there


class NaturalGradient:
    """Steps of Kaldi's nnet2: by `Update` for the preconditioned types, the others along `-lr g`.

    The loss must be a sum over the frames of the minibatch; a learning rate is then Kaldi's own.
    Momentum is that of nnet3, nnet2 has none: v = m v + change, parameters += (1 - m) v, so that a
    learning rate means the same with and without it.
    """

    def __init__(
        self,
        nnet: Nnet,
        groups: Sequence[dict[str, Any]],
        weight_decay: float,
        momentum: float = 0.0,
    ) -> None:
        """Watch the components of `nnet` that are to be preconditioned.

        Args:
            nnet: on its device.
            groups: of its parameters that learn, as for the optimizers of torch.
            weight_decay: share of the parameters that is taken away per step, times lr.
            momentum: m.
        """
        self.param_groups = [{"lr": 0.0, **group} for group in groups]
        self._weight_decay = weight_decay
        self._momentum = momentum
        self._velocities: dict[Tensor, Tensor] = {}
        group_of = {p: group for group in self.param_groups for p in group["params"]}
        self._parts = [
            _Part(component, update, Frames(component), group_of[component.weight])
            for component in nnet.components
            if isinstance(component, UpdatableComponent) and component.weight in group_of
            if (update := update_of(component)) is not None
        ]
        for part in self._parts:
            # `Frames` replaces the gradient, which is then not computed for nothing
            part.component.requires_grad_(False)

    @torch.no_grad()
    def step(self) -> None:
        """Take one step, by what the last backward pass left."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if self._weight_decay:
                    parameter.mul_(1 - group["lr"] * self._weight_decay)
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, -group["lr"])
        for part in self._parts:
            if (rows := part.frames.take()) is not None:
                change = part.update(*rows, part.group["lr"])
                self._move(part.component.weight, change.weight)
                self._move(part.component.bias, change.bias)

    def carry_over(self, old: NaturalGradient) -> None:
        """Remember what `old` does of the components that both precondition."""
        learning = set(self._learning())
        self._velocities = {p: v for p, v in old._velocities.items() if p in learning}
        known = {part.component: part.update for part in old._parts}
        self._parts = [
            replace(part, update=known.get(part.component, part.update)) for part in self._parts
        ]

    def state_dict(self) -> dict[str, Any]:
        """What is remembered of the preconditioned components, then of the parameters."""
        states = [part.update.tensors() for part in self._parts]
        for parameter in self._learning():
            velocity = self._velocities.get(parameter)
            states.append({} if velocity is None else {"velocity": velocity})
        return {"state": {index: state for index, state in enumerate(states) if state}}

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> None:
        """Remember what `state_dict` gave."""
        for index, part in enumerate(self._parts):
            part.update.load(state_dict["state"].get(index, {}))
        self._velocities = {}
        for index, parameter in enumerate(self._learning(), len(self._parts)):
            state = state_dict["state"].get(index, {})
            if "velocity" in state:
                self._velocities[parameter] = state["velocity"].to(parameter.device)

    def _learning(self) -> list[Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def _move(self, parameter: Tensor, change: Tensor, factor: float = 1.0) -> None:
        """Change a parameter by `factor * change`, with momentum."""
        if not self._momentum:
            parameter.add_(change, alpha=factor)
            return
        if parameter not in self._velocities:
            self._velocities[parameter] = torch.zeros_like(parameter)
        velocity = self._velocities[parameter].mul_(self._momentum).add_(change, alpha=factor)
        parameter.add_(velocity, alpha=1 - self._momentum)
