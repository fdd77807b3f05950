"""Train a keyword detector."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kws.cli.shared_options import MAX_OVERSHOOT_S, ChannelOption, MaxOvershoot


def train(
    data: Annotated[
        list[str],
        typer.Option(metavar="DIR", help="Data dir to train on; this and others may be repeated."),
    ],
    features: Annotated[Path, typer.Option(metavar="CONF", help="The feature options.")],
    keywords: Annotated[str, typer.Option(metavar="A,B,...", help="The keywords.")],
    exp: Annotated[Path, typer.Option(metavar="DIR", help="Where the model and the log go.")],
    network: Annotated[
        Path | None,
        typer.Option(
            metavar="CONFIG",
            help="The network's config, or a folder with nnet.config and layers that are added "
            "while it learns (replace.N.config, hidden.config); default: that of --init-from.",
        ),
    ] = None,
    init_from: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL",
            help="Start from this model's parameters; outputs are matched by their units' names.",
        ),
    ] = None,
    freeze: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Of --init-from, keep the first N components with parameters as they are.",
        ),
    ] = 0,
    ali: Annotated[
        list[str] | None,
        typer.Option(metavar="CTM", help="Word times; those of a data dir's ctm need no option."),
    ] = None,
    dev_data: Annotated[
        list[str] | None,
        typer.Option(metavar="DIR", help="Data dir whose loss is told after every epoch."),
    ] = None,
    noise: Annotated[
        list[str] | None, typer.Option(metavar="DIR", help="Data dir of noise to mix in.")
    ] = None,
    rir: Annotated[
        list[str] | None,
        typer.Option(metavar="DIR", help="Data dir of room impulse responses to apply."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="CONF", help="Training options, one --key=value per line."),
    ] = None,
    objective: Annotated[
        str | None, typer.Option(metavar="ce|max-pool", help="What is learnt; default ce.")
    ] = None,
    units_per_word: Annotated[
        int | None, typer.Option(metavar="N", help="Units each word is cut into; default 1.")
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(metavar="sgd|adamw|muon|natural-gradient", help="Default adamw.")
    ] = None,
    initial_effective_lrate: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Learning rate at the beginning, of a loss that is a mean over frames; with "
            "natural-gradient of a sum over the minibatch, as in Kaldi.",
        ),
    ] = None,
    final_effective_lrate: Annotated[
        float | None, typer.Option(metavar="X", help="Learning rate at the end.")
    ] = None,
    num_epochs: Annotated[int | None, typer.Option(metavar="N", help="Epochs to train.")] = None,
    num_jobs_nnet: Annotated[
        int | None,
        typer.Option(
            metavar="J", help="Processes that learn at the same time and are averaged; default 1."
        ),
    ] = None,
    realign_epochs: Annotated[
        str | None,
        typer.Option(metavar="N,N,...", help="Find word times anew at the start of these epochs."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Decides everything random; default 0.")
    ] = None,
    cmvn_stats: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Statistics for cmvn=global; else of the training data."),
    ] = None,
    licence: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A licence of the data, for the model card."),
    ] = None,
    nj: Annotated[
        int,
        typer.Option("--nj", min=1, max=256, metavar="N", help="Processes that prepare examples."),
    ] = 1,
    device: Annotated[str, typer.Option(metavar="cpu|cuda", help="Where the network learns.")] = (
        "cpu"
    ),
    restart: Annotated[
        bool, typer.Option("--restart", help="Start anew, whatever is in --exp.")
    ] = False,
    allow_commands: Annotated[
        bool,
        typer.Option("--allow-commands", help="Run the commands (ending in |) that wav.scp holds."),
    ] = False,
    max_overshoot: MaxOvershoot = MAX_OVERSHOOT_S,
    channel: ChannelOption = None,
) -> None:
    """Train a keyword detector and write it to EXP/final.kws.

    Utterances whose text holds no keyword are negatives; <unk> counts as none. Case, punctuation,
    hyphens and apostrophes do not matter; of keywords that overlap the longest counts.

    The same command continues a training that was interrupted, to the same result; one at a time
    trains in EXP. It also gets train.log, files for TensorBoard and the checkpoint. Options given
    here come before those of --config; it may hold many more (see conf/train_*.conf).

    Examples:
      kws train --data data/train --data data/speech --dev-data data/dev --noise data/noise \\
        --network conf/tdnn.config --features conf/fbank40.conf \\
        --keywords "computer,view glass" --objective max-pool --exp exp/tdnn
      kws train --data data/mine --init-from exp/tdnn/final.kws --freeze 2 \\
        --features conf/fbank40.conf --keywords "computer,view glass" \\
        --objective max-pool --exp exp/mine
      kws train --data data/train --ali exp/train.ctm --dev-data data/dev \\
        --network conf/convnet_accel2 --features conf/fbank36_deltas.conf \\
        --keywords "computer,view glass" --config conf/train_kaldi.conf --exp exp/convnet
    """
    from kws.cli.training_run import is_trained, option_lines, train_and_write
    from kws.errors import InputError
    from kws.training.checkpoint import FILE_NAME
    from kws.training.lock import locked
    from kws.training.options import parse_train_options
    from kws.training.prepare import Sources, prepare, settings_of
    from kws.words import split_keywords

    if device not in ("cpu", "cuda"):
        raise typer.BadParameter(f"--device {device}: must be one of cpu, cuda")
    given = {
        "objective": objective,
        "units-per-word": units_per_word,
        "optimizer": optimizer,
        "initial-effective-lrate": initial_effective_lrate,
        "final-effective-lrate": final_effective_lrate,
        "num-epochs": num_epochs,
        "num-jobs-nnet": num_jobs_nnet,
        "realign-epochs": realign_epochs and realign_epochs.replace(",", ":"),
        "seed": seed,
    }
    options = parse_train_options(*option_lines(config, given, "kws train"))
    sources = Sources(
        data=tuple(data),
        network=None if network is None else str(network),
        features=str(features),
        keywords=tuple(split_keywords(keywords)),
        dev_data=tuple(dev_data or ()),
        ali=tuple(ali or ()),
        noise=tuple(noise or ()),
        rir=tuple(rir or ()),
        cmvn_stats=None if cmvn_stats is None else str(cmvn_stats),
        licences=tuple(licence or ()),
        allow_commands=allow_commands,
        max_overshoot_s=max_overshoot,
        channel=channel,
        device=device,
        init_from=None if init_from is None else str(init_from),
        freeze=freeze,
    )
    if init_from is not None and init_from.resolve() == (exp / "final.kws").resolve():
        raise InputError(
            f"--init-from {init_from}: is what this training writes; give another --exp"
        )
    with locked(exp):
        if restart:
            (exp / FILE_NAME).unlink(missing_ok=True)
        if not is_trained(exp, lambda: settings_of(sources, options), options.train.num_epochs):
            train_and_write(prepare(sources, options, nj, exp), exp, nj)
