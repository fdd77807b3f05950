"""The network that a training begins with."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from kws.config import ConfigLine, parse_config
from kws.data.draws import generator_of
from kws.errors import InputError
from kws.features import FeatureOptions
from kws.files import read_text
from kws.hmm import UnitInventory
from kws.nnet import Nnet, resize_output
from kws.spotter import Spotter
from kws.training.warm_start import network_from

log = logging.getLogger(__name__)


def make_nnet(path: str, features: FeatureOptions, inventory: UnitInventory, seed: int) -> Nnet:
    """The network of a config with one output per unit, and its initial parameters.

    Args:
        path: the config.
        features: what it is to read.
        inventory: the units.
        seed: of the training.

    Raises:
        InputError: a fault in the config, or it reads features of another number of columns.
    """
    lines = _resized(read_text(path), path, inventory)
    nnet = Nnet.from_lines(lines, generator_of(seed))
    _check_input(nnet, lines, features)
    return nnet


def network_from_model(
    model: Spotter,
    path: str | None,
    features: FeatureOptions,
    inventory: UnitInventory,
    seed: int,
) -> tuple[Nnet, dict[str, Any]]:
    """As `make_nnet`, with the parameters of a model; see `network_from`.

    Args:
        model: where the parameters come from.
        path: the config; None: the model's.
        features, inventory, seed: as in `make_nnet`.

    Returns:
        The network, and what of it is not the model's.

    Raises:
        InputError: a fault in the config, or it is not that of the model.
    """
    if path is None:
        lines = _resized(model.nnet.config_text(), model.source, inventory)
    else:
        lines = _resized(read_text(path), path, inventory)
    nnet, drawn = network_from(
        model, lines, inventory.units, generator_of(seed), is_own=path is None
    )
    _check_input(nnet, lines, features)
    return nnet, drawn


def _resized(text: str, source: str, inventory: UnitInventory) -> list[ConfigLine]:
    """The lines of a config with one output per unit."""
    lines = parse_config(text, source)
    if not lines:
        raise InputError(f"{source}: holds no component; write one per line")
    resized = resize_output(lines, len(inventory.units))
    for old, new in zip(lines, resized, strict=True):
        if old != new:
            log.warning(
                "%s: `%s` gets %d outputs: filler and the units %s",
                old.place,
                old.type,
                len(inventory.units),
                ", ".join(inventory.units[1:]),
            )
            break
    return resized


def _check_input(nnet: Nnet, lines: Sequence[ConfigLine], features: FeatureOptions) -> None:
    if nnet.input_dim != features.dim:
        raise InputError(
            f"{lines[0].place}: input-dim={nnet.input_dim}, but the features have "
            f"{features.dim} columns; change one of them"
        )
