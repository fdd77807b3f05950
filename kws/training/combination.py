"""The final combination: each layer a weighted sum of those of a training's last models.

Kaldi's nnet-combine-fast: one scale per model and component with parameters, which need not sum to
one, found with L-BFGS on held-out examples. The scales are preconditioned by the scatter of their
gradients over minibatches, as there: models of one training are nearly parallel.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.linalg
import scipy.optimize
import torch
from torch import Tensor

from kws.data.chunks import Pool
from kws.nnet import Nnet
from kws.training.dev import evaluate, minibatches_of, sums_over
from kws.training.objectives import Loss

FISHER_SMOOTHING = 0.01  # share added to the scatter's diagonal, Kaldi's --alpha
FISHER_FLOOR = 1e-4  # of the diagonal, whose mean is 1: a scale without effect must not run away
MAX_EVALUATIONS = 40  # of the loss and its gradient; train_convnet_accel2.sh's --num-lbfgs-iters
MEMORY = 10  # steps that L-BFGS remembers, Kaldi's --max-lbfgs-dim
PENALTY = 0.01  # times half the squared way of the scales; without it they reach 10, to no avail

Parameters = Sequence[Tensor]  # of a network, in the order of `Nnet.parameters`
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Examples:
    """What the scales are chosen on.

    Args:
        pools: gives it anew.
        loss: what is to become small.
        every: look at every so manieth frame only, as in training.
    """

    pools: Callable[[], Iterable[Pool]]
    loss: Loss
    every: int = 1

    def value(self, nnet: Nnet) -> float:
        """The loss of `nnet`."""
        return evaluate(nnet, self.pools(), self.loss, self.every).loss

    def gradients(self, nnet: Nnet) -> Iterator[list[Tensor]]:
        """What each minibatch adds to the gradient of `value` by the parameters of `nnet`."""
        counts = [
            max(1.0, term.count)
            for term in sums_over(nnet, self.pools(), self.loss, self.every).terms
        ]
        parameters = list(nnet.parameters())
        for minibatch in minibatches_of(nnet, self.pools(), self.loss, self.every):
            log_posteriors = nnet.log_probabilities(minibatch.inputs, False, every=self.every)
            terms = self.loss.terms(log_posteriors, minibatch)
            parts = [t.total * (t.weight / n) for t, n in zip(terms, counts, strict=True)]
            value = torch.stack(parts).sum()
            if value.requires_grad:
                yield list(torch.autograd.grad(value, parameters, materialize_grads=True))


@dataclass(frozen=True)
class Combination:
    """What came of combining models.

    Attributes:
        nnet: the network.
        scales: (models, components) of it; components that are the same in all models stay so.
        start: the model that the search began with; as many as there are: their mean.
        losses: of each model, and of their mean: the mean of those over examples and judges.
        loss: that of the network.
    """

    nnet: Nnet
    scales: Vector
    start: int
    losses: tuple[float, ...]
    loss: float


def combine(
    nnet: Nnet, models: Sequence[Parameters], examples: Examples, judges: Examples
) -> Combination:
    """The combination of `models` with a small loss: no model, nor their mean, has a smaller one.

    The search begins with the best of these and ends where the judges' loss is smallest on its way:
    scales can be chosen so that they suit a small set alone. Where a model is not finite the
    combination is none.

    Args:
        nnet: of the models' structure, on its device; it is not changed.
        models: parameters, one or more.
        examples: what the scales are chosen on; `models` should not have learnt from them.
        judges: other examples of the kind, about as many.
    """
    sums = _Sums(nnet, models)
    num_models, num_components = sums.shape
    starts = [_one(num_models, num_components, m) for m in range(num_models)]
    starts.append(np.full(sums.shape, 1 / num_models))

    def losses_of(scales: Vector) -> Vector:
        of = sums.nnet(scales)
        return np.array([examples.value(of), judges.value(of)])

    halves = [losses_of(scales) for scales in starts]
    losses = tuple(float(half.mean()) for half in halves)
    start = min(range(len(starts)), key=losses.__getitem__)
    scales, loss = starts[start], losses[start]
    if num_models > 1 and math.isfinite(loss):
        path = _search(sums, examples, scales)
        found = min(path, key=lambda one: judges.value(sums.nnet(one)), default=scales)
        found_losses = losses_of(found)
        if (found_losses < halves[start]).all():
            scales, loss = found, float(found_losses.mean())
    return Combination(copy.deepcopy(sums.nnet(scales)), scales, start, losses, loss)


def _one(num_models: int, num_components: int, model: int) -> Vector:
    """The scales of one model by itself."""
    scales = np.zeros((num_models, num_components))
    scales[model] = 1
    return scales


class _Sums:
    """Networks whose components are sums of the models' ones."""

    def __init__(self, nnet: Nnet, models: Sequence[Parameters]) -> None:
        self._nnet = copy.deepcopy(nnet).requires_grad_(True).eval()
        self._parameters = list(self._nnet.parameters())
        owners = [c for c in self._nnet.components if c.num_parameters]
        number = {id(p): i for i, owner in enumerate(owners) for p in owner.parameters()}
        self._owner = [number[id(parameter)] for parameter in self._parameters]
        # (models, ...) of each parameter
        self._stacks = [torch.stack([model[i] for model in models]) for i in range(len(models[0]))]
        self._is_fixed = [bool((stack == stack[:1]).all()) for stack in self._stacks]
        self.shape = (len(models), len(owners))

    @torch.no_grad()
    def nnet(self, scales: Vector) -> Nnet:
        """The network of (models, components) scales; it is the same object each time."""
        weights = torch.from_numpy(scales)
        for parameter, owner, stack, is_fixed in zip(
            self._parameters, self._owner, self._stacks, self._is_fixed, strict=True
        ):
            if is_fixed:
                parameter.copy_(stack[0])
            else:
                own = weights[:, owner].to(stack)
                parameter.copy_(torch.tensordot(own, stack, dims=1))
        return self._nnet

    def by_scales(self, gradient: Sequence[Tensor]) -> Vector:
        """From a gradient by parameters to that by (models, components) scales."""
        result = np.zeros(self.shape)
        for part, owner, stack, is_fixed in zip(
            gradient, self._owner, self._stacks, self._is_fixed, strict=True
        ):
            if not is_fixed:
                products = torch.tensordot(stack.flatten(1), part.flatten(), dims=1)
                result[:, owner] += products.double().cpu().numpy()
        return result


def _search(sums: _Sums, examples: Examples, start: Vector) -> list[Vector]:
    """Scales with smaller and smaller losses, by L-BFGS in the preconditioned space."""
    factor = _preconditioner(sums, examples, start)
    origin = factor.T @ start.ravel()

    def scales_of(point: Vector) -> Vector:
        raw: Vector = scipy.linalg.solve_triangular(factor, point, trans="T", lower=True)
        return raw.reshape(sums.shape)

    def value_and_gradient(point: Vector) -> tuple[float, Vector]:
        scales = scales_of(point)
        nnet = sums.nnet(scales)
        gradient = np.zeros(sums.shape)
        value = examples.value(nnet)
        for part in examples.gradients(nnet):
            gradient += sums.by_scales(part)
        if not np.isfinite(gradient).all():  # too large for floats: nothing to go by
            return math.inf, np.zeros_like(point)
        moved = scales - start
        value += PENALTY / 2 * float((moved**2).sum())
        gradient += PENALTY * moved
        return value, scipy.linalg.solve_triangular(factor, gradient.ravel(), lower=True)

    path: list[Vector] = []
    scipy.optimize.minimize(
        value_and_gradient,
        origin,
        method="L-BFGS-B",
        jac=True,
        callback=lambda point: path.append(scales_of(point)),
        options={"maxfun": MAX_EVALUATIONS, "maxcor": MEMORY},
    )
    return path


def _preconditioner(sums: _Sums, examples: Examples, start: Vector) -> Vector:
    """The Cholesky factor C of the scatter F = C C^T of the minibatches' gradients.

    F has its trace made that of a unit matrix and its diagonal smoothed, as in Kaldi. Where the
    start is one model whose layers are normalised, that model's scales have no gradient at all.
    """
    scatter = np.zeros((start.size, start.size))
    for part in examples.gradients(sums.nnet(start)):
        gradient = sums.by_scales(part).ravel()
        if np.isfinite(gradient).all():
            scatter += np.outer(gradient, gradient)
    trace = np.trace(scatter)
    if trace > 0:
        scatter *= len(scatter) / trace
    diagonal = np.maximum(np.diag(scatter), FISHER_FLOOR) * (1 + FISHER_SMOOTHING)
    np.fill_diagonal(scatter, diagonal)
    return np.asarray(scipy.linalg.cholesky(scatter, lower=True))
