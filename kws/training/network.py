"""The network that a training begins with, and the layers that it gets on the way."""

from __future__ import annotations

import logging
from typing import Any

from kws.data.draws import generator_of
from kws.errors import InputError
from kws.features import FeatureOptions
from kws.hmm import UnitInventory
from kws.nnet import NetworkConfig, Nnet
from kws.spotter import Spotter
from kws.training.growth import Growth
from kws.training.options import TrainOptions
from kws.training.warm_start import network_from

log = logging.getLogger(__name__)

GROWTH_DRAWS = 2  # makes the seed of new layers another one than those of jobs


def make_nnet(
    config: NetworkConfig, features: FeatureOptions, inventory: UnitInventory, seed: int
) -> Nnet:
    """The network of a config with one output per unit, and its initial parameters.

    Args:
        config: of the network; of a folder, that to begin with.
        features: what it is to read.
        inventory: the units.
        seed: of the training.

    Raises:
        InputError: a fault in the config, or it reads features of another number of columns.
    """
    resized = _resized(config, inventory)
    nnet = Nnet.from_lines(resized.first, generator_of(seed))
    _check_input(nnet, resized, features)
    return nnet


def network_from_model(
    model: Spotter,
    config: NetworkConfig,
    features: FeatureOptions,
    inventory: UnitInventory,
    seed: int,
    *,
    is_own: bool,
) -> tuple[Nnet, dict[str, Any]]:
    """As `make_nnet`, with the parameters of a model; see `network_from`.

    Args:
        model: where the parameters come from.
        config, features, inventory, seed: as in `make_nnet`.
        is_own: the config is the model's.

    Returns:
        The network, and what of it is not the model's.

    Raises:
        InputError: a fault in the config, or it is not that of the model.
    """
    resized = _resized(config, inventory)
    nnet, drawn = network_from(
        model, resized.first, inventory.units, generator_of(seed), is_own=is_own
    )
    _check_input(nnet, resized, features)
    return nnet, drawn


def make_growth(config: NetworkConfig, nnet: Nnet, options: TrainOptions) -> Growth:
    """The layers that are added while the network learns, their parameters drawn.

    Args:
        config: of the network.
        nnet: the network to begin with, with as many outputs as are wanted.
        options: of the training.

    Raises:
        InputError: a fault in the config, or a file of it is missing.
    """
    num_layers = options.num_hidden_layers or config.num_hidden_layers
    if num_layers == 1:
        return Growth()
    stages = config.resized(nnet.output_dim).stages(
        nnet, num_layers, lambda number: generator_of(options.seed, number, 0, GROWTH_DRAWS)
    )
    return Growth(tuple(stages), options.add_layers_period)


def _resized(config: NetworkConfig, inventory: UnitInventory) -> NetworkConfig:
    """The config with one output per unit."""
    if not config.first:
        raise InputError(f"{config.source}: holds no component; write one per line")
    resized = config.resized(len(inventory.units))
    for old, new in zip(config.first, resized.first, strict=True):
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


def _check_input(nnet: Nnet, config: NetworkConfig, features: FeatureOptions) -> None:
    if nnet.input_dim != features.dim:
        raise InputError(
            f"{config.first[0].place}: input-dim={nnet.input_dim}, but the features have "
            f"{features.dim} columns; change one of them"
        )
