"""The natural gradient of affine components, as Kaldi's nnet2 follows it.

The gradient dY^T X of a layer's weights sums the outer products of the derivatives of its outputs,
rows of dY, and of its inputs, rows of X. Here each row is first multiplied by the inverse of an
estimate of the rows' own second moments, so that directions in which the rows vary much and little
learn alike (the two estimates are Kronecker factors of the Fisher matrix: Povey, Zhang & Khudanpur
2015, "Parallel training of DNNs with natural gradient and parameter averaging"). Rows are frames.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from kws.nnet.component import Component
from kws.nnet.components import (
    AffineComponentPreconditioned,
    AffineComponentPreconditionedOnline,
    BlockAffineComponentPreconditioned,
)
from kws.nnet.preconditioning import OnlinePreconditioner, precondition_by_others


class Change(NamedTuple):
    """What a step adds to the parameters of a component."""

    weight: Tensor
    bias: Tensor


class Update(Protocol):
    """How a component learns from its frames."""

    def __call__(self, inputs: Tensor, derivatives: Tensor, learning_rate: float) -> Change:
        """The change that reduces the loss.

        Args:
            inputs: (N, input_dim), of the frames of a minibatch.
            derivatives: (N, output_dim), by the outputs, of a loss that is a sum over frames.
            learning_rate: multiplies it.
        """
        ...

    def tensors(self) -> dict[str, Tensor]:
        """What it remembers of the frames so far."""
        ...

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Remember what `tensors` gave."""
        ...


class OnlineUpdate:
    """`-lr gamma_x gamma_y k Y^T X` of rows X, Y that `OnlinePreconditioner`s have multiplied.

    `k = min(1, max-change-per-sample N / (lr gamma_x gamma_y sum of |x_n| |y_n|))`.
    """

    def __init__(self, component: AffineComponentPreconditionedOnline) -> None:
        """By the keys of `component`."""

        def side(rank: int) -> OnlinePreconditioner:
            return OnlinePreconditioner(
                rank, component.alpha, component.num_samples_history, component.update_period
            )

        self._sides = {"input": side(component.rank_in), "output": side(component.rank_out)}
        self._max_change_per_sample = component.max_change_per_sample
        self._like = component.weight

    def __call__(self, inputs: Tensor, derivatives: Tensor, learning_rate: float) -> Change:
        """See `Update`."""
        x = self._sides["input"].precondition(_with_ones(inputs))
        y = self._sides["output"].precondition(derivatives.clone())
        rate = learning_rate * x.scale * y.scale
        max_change = self._max_change_per_sample * len(inputs)
        return _step(x.rows, y.rows, _limited(rate, x.lengths, y.lengths, max_change))

    def tensors(self) -> dict[str, Tensor]:
        """See `Update`."""
        return {
            f"{name}_{key}": value
            for name, side in self._sides.items()
            for key, value in side.tensors().items()
        }

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """See `Update`."""
        for name, side in self._sides.items():
            own = {
                key.removeprefix(f"{name}_"): value
                for key, value in tensors.items()
                if key.startswith(f"{name}_")
            }
            side.load(own, self._like)


class MinibatchUpdate:
    """`-lr k Y^T X` of rows X, Y that `precondition_by_others` has multiplied.

    `k = min(1, max-change / (lr sum of |x_n| |y_n|))`. Nothing is remembered between minibatches.
    """

    def __init__(self, component: AffineComponentPreconditioned) -> None:
        """By the keys of `component`."""
        self._alpha = component.alpha
        self._max_change = component.max_change

    def __call__(self, inputs: Tensor, derivatives: Tensor, learning_rate: float) -> Change:
        """See `Update`."""
        x = precondition_by_others(_with_ones(inputs), self._alpha)
        y = precondition_by_others(derivatives, self._alpha)
        rate = x.new_tensor(learning_rate)
        lengths = torch.linalg.vector_norm(x, dim=1), torch.linalg.vector_norm(y, dim=1)
        return _step(x, y, _limited(rate, *lengths, self._max_change))

    def tensors(self) -> dict[str, Tensor]:
        """See `Update`."""
        return {}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """See `Update`."""


class BlockMinibatchUpdate(MinibatchUpdate):
    """`MinibatchUpdate` of each block by itself, its steps as long as they come out."""

    def __init__(self, component: BlockAffineComponentPreconditioned) -> None:
        """By the keys of `component`."""
        self._alpha = component.alpha
        self._max_change = 0.0
        self._num_blocks = component.num_blocks

    def __call__(self, inputs: Tensor, derivatives: Tensor, learning_rate: float) -> Change:
        """See `Update`."""
        blocks = zip(
            inputs.chunk(self._num_blocks, dim=1),
            derivatives.chunk(self._num_blocks, dim=1),
            strict=True,
        )
        changes = [
            super(BlockMinibatchUpdate, self).__call__(x, y, learning_rate) for x, y in blocks
        ]
        return Change(*(torch.cat(parts) for parts in zip(*changes, strict=True)))


_UPDATES: dict[type[Component], Callable[[Any], Update]] = {
    AffineComponentPreconditionedOnline: OnlineUpdate,
    AffineComponentPreconditioned: MinibatchUpdate,
    BlockAffineComponentPreconditioned: BlockMinibatchUpdate,
}


def update_of(component: Component) -> Update | None:
    """How Kaldi updates `component`; None: plainly, along the gradient, or it has no parameters."""
    make = _UPDATES.get(type(component))
    return make and make(component)


class Frames:
    """Keeps the inputs of a component and the derivatives by its outputs, until they are taken.

    The component's parameters need no gradient of their own.
    """

    def __init__(self, component: Component) -> None:
        """Watch `component`, no copy of it, whenever it is computed in order to learn."""
        self._seen: list[tuple[Tensor, Tensor]] = []
        own = weakref.ref(self)

        def watch(watched: Component, inputs: tuple[Tensor], outputs: Tensor) -> None:
            frames = own()
            if frames is not None and watched is component:
                frames._watch(inputs[0], outputs)

        handle = component.register_forward_hook(watch)
        weakref.finalize(self, handle.remove)

    def take(self) -> tuple[Tensor, Tensor] | None:
        """The inputs (N, input_dim) and derivatives (N, output_dim) since the last call."""
        if not self._seen:
            return None
        seen, self._seen = self._seen, []
        if len(seen) == 1:
            return seen[0]
        inputs, derivatives = zip(*seen, strict=True)
        return torch.cat(inputs), torch.cat(derivatives)

    def _watch(self, inputs: Tensor, outputs: Tensor) -> None:
        if not torch.is_grad_enabled():
            return
        if not outputs.requires_grad:  # nothing below it learns
            outputs.requires_grad_()
        keep = functools.partial(self._keep, inputs.detach())
        outputs.register_hook(keep)  # type: ignore[no-untyped-call]

    def _keep(self, inputs: Tensor, derivatives: Tensor) -> None:
        self._seen.append((inputs.flatten(0, 1), derivatives.flatten(0, 1)))


def _with_ones(inputs: Tensor) -> Tensor:
    """A column for the bias at the end."""
    return torch.cat([inputs, inputs.new_ones((len(inputs), 1))], dim=1)


def _limited(rate: Tensor, x_lengths: Tensor, y_lengths: Tensor, max_change: float) -> Tensor:
    """`rate`, or less of it if the sum of the frames' changes were longer than `max_change`."""
    if max_change == 0:
        return rate
    length = rate * x_lengths.dot(y_lengths)
    return rate * (max_change / length).clamp(max=1)


def _step(x: Tensor, y: Tensor, rate: Tensor) -> Change:
    product = y.T @ x * -rate  # (output_dim, input_dim + 1)
    return Change(product[:, :-1], product[:, -1])
