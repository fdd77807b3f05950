"""How far two computations of a network in float32 can lie apart, whatever processor makes them.

Processors and libraries add a sum's terms in different orders and widths. A sum of n terms rounds n
times, each time by at most UNIT of what is added up so far, which is at most the sum of the terms'
absolute values: such errors walk at random to sqrt(n) UNIT sum |terms|. That holds for sums that
cancel as well, which keep no relative accuracy. What a layer's error does to the output depends on
the layers behind it: errors of this size are drawn and followed through them in float64.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from kws.nnet import Nnet
from kws.nnet.component import Component
from kws.nnet.components import (
    LogSoftmaxComponent,
    MaxoutComponent,
    MaxpoolingComponent,
    PermuteComponent,
    RectifiedLinearComponent,
    SpliceComponent,
    SpliceMaxComponent,
)

UNIT = 2.0**-24
NUM_DRAWS = 64
# between two computations, each of which deviates by itself
NUM_DEVIATIONS = 6
EXACT = (
    MaxoutComponent,
    MaxpoolingComponent,
    PermuteComponent,
    RectifiedLinearComponent,
    SpliceComponent,
    SpliceMaxComponent,
)


@torch.no_grad()
def float32_tolerance(
    nnet: Nnet, x: Tensor, pad: bool, *behind: Callable[[Tensor], Tensor]
) -> Tensor:
    """By how much two float32 outputs for x may differ, value by value.

    Args:
        nnet: the network.
        x: (T, input_dim).
        pad: as in `Nnet.forward`.
        behind: functions of the network's output that belong to the computation.

    Returns:
        (T', output_dim), float64.
    """
    layers: Sequence[Callable[[Tensor], Tensor]] = [*nnet.double().components, *behind]
    generator = torch.Generator().manual_seed(0)
    left, right = (nnet.left_context, nnet.right_context) if pad else (0, 0)
    exact = torch.cat([x[:1].expand(left, -1), x, x[-1:].expand(right, -1)])[None].double()
    drawn = exact.expand(NUM_DRAWS, -1, -1)
    for layer in layers:
        size = rounding_of(layer, exact)
        exact, drawn = layer(exact), layer(drawn)
        drawn = drawn + size * torch.randn(drawn.shape, generator=generator, dtype=torch.float64)
    nnet.float()
    return NUM_DEVIATIONS * (drawn - exact).square().mean(dim=0).sqrt()


def rounding_of(layer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor | float:
    """The size of a layer's own rounding of its output for x, (1, T, D)."""
    if isinstance(layer, EXACT):
        return 0.0
    num_terms, terms = x.shape[2], layer(x).abs()  # functions may sum over the frame
    if isinstance(layer, LogSoftmaxComponent):
        terms = terms + x.abs()  # a difference; the other functions do not cancel
    elif isinstance(layer, Component) and [*layer.parameters(), *layer.buffers()]:
        absolute = copy.deepcopy(layer)
        for tensor in (*absolute.parameters(), *absolute.buffers()):
            tensor.abs_()
        terms = absolute(x.abs())
        num_terms = layer.num_multiplies // layer.output_dim + 1  # and the bias
    return UNIT * num_terms**0.5 * terms
