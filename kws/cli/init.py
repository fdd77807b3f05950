"""`kws init`: a model with freshly drawn parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def init(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="A network's config, or a folder of them.")
    ],
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The model file to write.")],
    features: Annotated[
        Path | None,
        typer.Option(metavar="CONF", help="Feature options to keep in the model (conf/X.conf)."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the parameters that are drawn.")] = 0,
    num_outputs: Annotated[
        int | None,
        typer.Option(
            "--num-outputs",
            min=1,
            help="Outputs of the network, in place of those that the config says.",
        ),
    ] = None,
) -> None:
    """Make a model with random parameters from a config.

    Files that the config names are read now, relative to the working directory; the model needs
    them no more. Of a folder whose files add layers (see `kws train --network`) each file is used
    once. Exits with 0, or with 2 after one line that says what is wrong.

    Examples:
      kws init conf/deep_kws.config exp/0.kws --features conf/fbank40.conf
      kws init conf/tdnn.config exp/0.kws --num-outputs 8 --seed 7
    """
    import torch

    from kws import __version__
    from kws.errors import InputError
    from kws.features import format_feature_options, parse_feature_options
    from kws.files import read_text
    from kws.nnet import ModelFile, full_network, read_network, write_model

    network = read_network(config)
    if num_outputs is not None:
        network = network.resized(num_outputs)
    nnet = full_network(network, torch.Generator().manual_seed(seed))
    feature_text = ""
    if features is not None:
        options = parse_feature_options(read_text(features), str(features))
        if options.dim != nnet.input_dim:
            raise InputError(
                f"{features}: gives {options.dim} values per frame, but the network of {config} "
                f"reads {nnet.input_dim}; change one of them"
            )
        feature_text = format_feature_options(options)
    card = {"kws": __version__, "made_by": "kws init", "network": config.name, "seed": seed}
    write_model(model, ModelFile(nnet.config_text(), feature_text, {"card": card}, nnet.tensors()))
