"""A spotter's network as it is exported: with the normalisation of the features in it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch

from kws.features import Cmvn
from kws.nnet import Component
from kws.nnet.components import AffineComponent, SpliceComponent
from kws.spotter import Spotter

Form_co = TypeVar("Form_co", covariant=True)


@dataclass(frozen=True)
class ExportedNetwork(Generic[Form_co]):
    """Components in the form in which they are exported.

    Attributes:
        components: in order.
        normalizes: they take the features as they are; else those normalised by nodes of their own.
    """

    components: Sequence[Form_co]
    normalizes: bool


def exported_network(spotter: Spotter) -> ExportedNetwork[Component]:
    """The spotter's network, with global CMVN in its first affine transform where it has one."""
    components, cmvn = list(spotter.nnet.components), spotter.features.cmvn
    if cmvn is None:
        return ExportedNetwork(components, True)
    folded = _with_cmvn(components, cmvn)
    return ExportedNetwork(components if folded is None else folded, folded is not None)


def _with_cmvn(components: Sequence[Component], cmvn: Cmvn) -> list[Component] | None:
    """The components with the normalisation of their input in the first affine transform.

    Returns:
        None where they do not begin with one, or with a splice and one.
    """
    splice = components[0]
    first = 1 if isinstance(splice, SpliceComponent) else 0
    if isinstance(splice, SpliceComponent) and splice.const_component_dim:
        return None
    affine = copy.deepcopy(components[first]) if len(components) > first else None
    if not isinstance(affine, AffineComponent):
        return None
    copies = affine.input_dim // len(cmvn.mean)
    mean, scale = (x.double().repeat(copies) for x in (cmvn.mean, cmvn.inverse_stddev))
    with torch.no_grad():
        weight = affine.weight.double() * scale
        affine.bias.copy_(affine.bias.double() - weight @ mean)
        affine.weight.copy_(weight)
    return [*components[:first], affine, *components[first + 1 :]]
