"""Kaldi's SGD as an optimizer: the natural gradient where a component asks for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

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
    """

    def __init__(self, nnet: Nnet, groups: Sequence[dict[str, Any]], weight_decay: float) -> None:
        """Watch the components of `nnet` that are to be preconditioned.

        Args:
            nnet: on its device.
            groups: of its parameters that learn, as for the optimizers of torch.
            weight_decay: share of the parameters that is taken away per step, times lr.
        """
        self.param_groups = [{"lr": 0.0, **group} for group in groups]
        self._weight_decay = weight_decay
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
                    parameter.add_(parameter.grad, alpha=-group["lr"])
        for part in self._parts:
            if (rows := part.frames.take()) is not None:
                change = part.update(*rows, part.group["lr"])
                part.component.weight.add_(change.weight)
                part.component.bias.add_(change.bias)

    def carry_over(self, old: NaturalGradient) -> None:
        """Remember what `old` does of the components that both precondition."""
        known = {part.component: part.update for part in old._parts}
        self._parts = [
            replace(part, update=known.get(part.component, part.update)) for part in self._parts
        ]

    def state_dict(self) -> dict[str, Any]:
        """What the updates remember, by the number of the preconditioned component."""
        states = (part.update.tensors() for part in self._parts)
        return {"state": {index: state for index, state in enumerate(states) if state}}

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> None:
        """Remember what `state_dict` gave."""
        for index, part in enumerate(self._parts):
            part.update.load(state_dict["state"].get(index, {}))
