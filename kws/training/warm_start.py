"""Training that starts from a model: for new keywords, a user's voice, more layers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from kws.config import ConfigLine, keys_of
from kws.data.corpus import content_hash
from kws.errors import InputError
from kws.features import CmvnStats, FeatureOptions
from kws.kaldi import read_matrix
from kws.nnet import Component, Nnet
from kws.nnet.components import AffineComponent, UpdatableComponent
from kws.nnet.network_folder import output_index
from kws.spotter import Spotter

log = logging.getLogger(__name__)

# keys that tell how a component learns or begins, not what it computes in the end
TRAINING_KEYS = {
    *("learning-rate", "param-stddev", "bias-stddev", "matrix", "alpha", "rank-in", "rank-out"),
    *("update-period", "num-samples-history", "max-change-per-sample", "max-change"),
    *("dropout-proportion", "dropout-scale", "stddev"),
}
STATS_RTOL = 1e-6  # statistics may have passed through a text file


def check_features(model: Spotter, features: FeatureOptions, source: str) -> None:
    """Refuse features that are not those of the model.

    Args:
        model: where the training starts.
        features: what it is to read.
        source: their file, for messages.

    Raises:
        InputError: they differ: the first option that does.
    """
    pairs: tuple[tuple[Any, Any], ...] = (
        (features.raw, model.options.raw),
        (features.deltas, model.options.deltas),
        (features.cmvn, model.options.cmvn),
    )
    for new, old in pairs:
        if type(new) is not type(old):
            raise InputError(f"{source}: its feature-type is not that of {model.source}; use that")
        kind: type = type(new)
        for declared in keys_of(kind).values():
            values = [declared.format(getattr(of, declared.attribute)) for of in (new, old)]
            if values[0] != values[1]:
                raise InputError(
                    f"{source}: {declared.name}={values[0]}, but {model.source} was trained with "
                    f"{values[1]}; make it so: a network goes on with the features it knows"
                )


def check_stats(model: Spotter, path: str) -> None:
    """Refuse statistics for CMVN that are not those of the model.

    Raises:
        InputError: they differ, or are no statistics for its features.
    """
    given = CmvnStats.from_matrix(torch.from_numpy(read_matrix(path)), path, model.options.dim)
    own = model.stats
    if own is None or not torch.allclose(
        given.to_matrix(), own.to_matrix(), rtol=STATS_RTOL, atol=0
    ):
        raise InputError(
            f"{path}: other statistics than those in {model.source}, which its network knows; "
            "leave out --cmvn-stats"
        )


def network_from(
    model: Spotter,
    lines: Sequence[ConfigLine],
    units: Sequence[str],
    generator: torch.Generator,
    *,
    is_own: bool,
) -> tuple[Nnet, dict[str, Any]]:
    """A network with the parameters of a model.

    Components keep their parameters in order; where there are more of them than in the model, those
    in between are drawn. Rows of the output layer go by the names of units.

    Args:
        model: where the parameters come from.
        lines: the network's config, with as many outputs as there are units.
        units: names of the outputs.
        generator: draws what the model does not give.
        is_own: the lines are those of the model; files that they name are not read again.

    Returns:
        The network, and what of it is not the model's, for the model card.

    Raises:
        InputError: the network is another one than the model's.
    """
    old = model.nnet.components
    if not any(isinstance(component, UpdatableComponent) for component in old):
        raise InputError(f"{model.source}: has no parameters to start from; name a trained model")
    if is_own:
        nnet = Nnet.from_lines(lines, None, model.nnet.tensors())
        with torch.no_grad():
            nnet.components[output_index(nnet.components)].init_parameters(generator)
    else:
        nnet = Nnet.from_lines(lines, generator)
    new = nnet.components
    sources = _sources(model, lines, new)
    output = output_index(new)
    for index, source in sources.items():
        if index != output or tuple(units) == model.units:
            new[index].load_state_dict(old[source].state_dict())
        else:
            _take_rows(model, old[source], new[index], units)
    known = set(model.units) if output in sources else set()
    drawn = [unit for unit in units if unit not in known]
    dropped = [unit for unit in model.units if unit not in units]
    if drawn or dropped:
        log.warning(
            "%s: units that begin anew: %s; units that are left out: %s",
            model.source,
            ", ".join(drawn) or "none",
            ", ".join(dropped) or "none",
        )
    inserted = [
        f"{index + 1}: {type(component).__name__}"
        for index, component in enumerate(new)
        if index not in sources and isinstance(component, UpdatableComponent)
    ]
    return nnet, {"units_drawn": drawn, "units_dropped": dropped, "components_drawn": inserted}


def check_freeze(nnet: Nnet, count: int, drawn: Sequence[str]) -> None:
    """Refuse to freeze the first `count` components with parameters where one must learn.

    Args:
        nnet: the network.
        count: how many.
        drawn: components that `network_from` has drawn.

    Raises:
        InputError: nothing would be left to learn, or a component that is drawn would stay so.
    """
    learning = [
        f"{index + 1}: {type(component).__name__}"
        for index, component in enumerate(nnet.components)
        if isinstance(component, UpdatableComponent)
    ]
    if not 0 <= count < len(learning):
        raise InputError(
            f"--freeze {count}: the network has {len(learning)} components with parameters, and "
            f"one must learn; give 0 to {len(learning) - 1}"
        )
    for name in learning[:count]:
        if name in drawn:
            raise InputError(
                f"--freeze {count}: component {name} is a new one and must learn; freeze fewer"
            )


def card_entry(path: str, count: int, drawn: dict[str, Any]) -> dict[str, Any]:
    """What the model card tells of the start.

    Args:
        path: of the model.
        count: of its components that are frozen.
        drawn: what `network_from` gave.
    """
    return {"path": path, "sha256": content_hash(Path(path)), "frozen": count, **drawn}


def _shape(component: Component, *, is_output: bool = False) -> tuple[str, frozenset[str]]:
    """What a component computes but for its parameters; of the output layer without its size."""
    left_out = TRAINING_KEYS | ({"output-dim", "dim"} if is_output else set())
    name, *words = component.to_line().split()
    # the preconditioned types compute what the plain ones do
    name = name.removesuffix("Online").removesuffix("Preconditioned")
    return name, frozenset(word for word in words if word.partition("=")[0] not in left_out)


def _sources(
    model: Spotter, lines: Sequence[ConfigLine], new: Sequence[Component]
) -> dict[int, int]:
    """By the number of a new component that of the one in the model whose parameters it takes."""
    old = model.nnet.components
    old_end, new_end = output_index(old), output_index(new)
    old_shapes, new_shapes = (
        [_shape(component, is_output=i >= end) for i, component in enumerate(components)]
        for components, end in ((old, old_end), (new, new_end))
    )
    first = 0
    while first < min(old_end, new_end) and old_shapes[first] == new_shapes[first]:
        first += 1
    # what is left of the model's components must stand at the end
    rest = len(old) - first
    moved = len(new) - len(old)
    if moved >= 0 and old_shapes[first:] == new_shapes[len(new) - rest :]:
        return {i: i for i in range(first)} | {i + moved: i for i in range(first, len(old))}
    if moved > 0 and first == old_end:  # the layers before a new output layer
        return {i: i for i in range(first)}
    there = f"`{old[first].to_line()}`" if first < len(old) else "nothing"
    raise lines[first].error(
        f"{model.source} has {there} here; --init-from needs its layers in their order, with new "
        "ones in between or before the outputs at most, or no --network"
    )


def _take_rows(model: Spotter, old: Component, new: Component, units: Sequence[str]) -> None:
    """Give the rows of units that the model knows what they have there."""
    if not isinstance(old, AffineComponent) or not isinstance(new, AffineComponent):
        raise InputError(
            f"{model.source}: its output layer, {type(old).__name__}, has no row of its own for "
            "each unit; keep the same keywords, or train anew without --init-from"
        )
    with torch.no_grad():
        for row, unit in enumerate(units):
            if unit in model.units:
                source = model.units.index(unit)
                new.weight[row], new.bias[row] = old.weight[source], old.bias[source]
