"""`kws train-am`: the acoustic model of a hybrid recogniser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train_am(
    feats: Annotated[
        str,
        typer.Option(
            metavar="DIR|RSPECIFIER",
            help="Features: a folder that `kws features` has written, or a table (scp:feats.scp).",
        ),
    ],
    ali: Annotated[
        str,
        typer.Option(
            metavar="RSPECIFIER",
            help="A number per frame, such as ark:ali.ark: a pdf from 0 on, or -1 for a frame that "
            "teaches nothing; with --transition-model a transition id.",
        ),
    ],
    network: Annotated[
        Path,
        typer.Option(
            metavar="CONFIG",
            help="The network's config, or a folder with nnet.config and layers that are added "
            "while it learns (replace.N.config, hidden.config).",
        ),
    ],
    exp: Annotated[Path, typer.Option(metavar="DIR", help="Where the model and the log go.")],
    pdfs: Annotated[
        int | None, typer.Option(metavar="N", help="How many there are: outputs of the network.")
    ] = None,
    transition_model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Kaldi's .mdl (or its transition model) of --ali."),
    ] = None,
    dev_feats: Annotated[
        str | None,
        typer.Option(metavar="DIR|RSPECIFIER", help="A set whose loss is told after every epoch."),
    ] = None,
    dev_ali: Annotated[
        str | None, typer.Option(metavar="RSPECIFIER", help="Its alignment.")
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option(
            metavar="CONF",
            help="Options that a table of --feats was made with, for the model; a folder has them.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="CONF", help="Training options, one --key=value per line."),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(metavar="sgd|adamw|muon|natural-gradient", help="Default natural-gradient."),
    ] = None,
    initial_effective_lrate: Annotated[
        float | None, typer.Option(metavar="X", help="Learning rate at first; default 0.001.")
    ] = None,
    final_effective_lrate: Annotated[
        float | None, typer.Option(metavar="X", help="Learning rate at the end; default 0.0001.")
    ] = None,
    num_epochs: Annotated[
        int | None, typer.Option(metavar="N", help="Epochs to train; default 20.")
    ] = None,
    num_jobs_nnet: Annotated[
        int | None,
        typer.Option(
            metavar="J", help="Processes that learn at the same time and are averaged; default 1."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Decides everything random; default 0.")
    ] = None,
    licence: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A licence of the data, for the model card."),
    ] = None,
    device: Annotated[str, typer.Option(metavar="cpu|cuda", help="Where the network learns.")] = (
        "cpu"
    ),
    restart: Annotated[
        bool, typer.Option("--restart", help="Start anew, whatever is in --exp.")
    ] = False,
    allow_commands: Annotated[
        bool, typer.Option("--allow-commands", help="Run commands (ending in |) in tables.")
    ] = False,
) -> None:
    """Train an acoustic model on features and an alignment, and write it to EXP/final.kws.

    Single frames of all utterances are drawn in random order, as from Kaldi's egs; the loss is
    their cross-entropy. The defaults are those of Kaldi's nnet2 recipes: natural gradient,
    minibatches of 128 frames, learning rate from 0.001 to 0.0001. The model holds the priors of its
    outputs, for `kws posteriors --divide-by-priors`; `kws copy` makes a .mdl of it. The same
    command continues a training that was interrupted, to the same result; one at a time trains in
    EXP. Features lie in a file without a name there while it trains. Options given here come before
    those of --config.

    Examples:
      kws train-am --feats exp/fbank/train --ali ark:exp/mono/ali.ark --pdfs 144 \\
        --network conf/timit/dnn.config --num-epochs 8 --exp exp/dnn
      kws train-am --feats scp:feats.scp --features conf/fbank40_speaker_deltas.conf \\
        --ali ark:ali.1.ark --transition-model exp/tri/final.mdl --network conf/timit/convnet \\
        --exp exp/convnet
    """
    from kws.cli.training_run import is_trained, option_lines, train_and_write
    from kws.training.checkpoint import FILE_NAME
    from kws.training.frame_prepare import FrameSources, parse_frame_options, prepare_frames
    from kws.training.lock import locked

    if device not in ("cpu", "cuda"):
        raise typer.BadParameter(f"--device {device}: must be one of cpu, cuda")
    given = {
        "optimizer": optimizer,
        "initial-effective-lrate": initial_effective_lrate,
        "final-effective-lrate": final_effective_lrate,
        "num-epochs": num_epochs,
        "num-jobs-nnet": num_jobs_nnet,
        "seed": seed,
    }
    options, frames = parse_frame_options(*option_lines(config, given, "kws train-am"))
    sources = FrameSources(
        feats=feats,
        ali=ali,
        network=str(network),
        pdfs=pdfs,
        transition_model=None if transition_model is None else str(transition_model),
        dev_feats=dev_feats,
        dev_ali=dev_ali,
        features=None if features is None else str(features),
        licences=tuple(licence or ()),
        allow_commands=allow_commands,
        device=device,
    )
    with locked(exp):
        if restart:
            (exp / FILE_NAME).unlink(missing_ok=True)
        task = prepare_frames(sources, options, frames, exp)
        if not is_trained(exp, lambda: task.settings, options.num_epochs):
            train_and_write(task, exp)
