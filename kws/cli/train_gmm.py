"""`kws train-gmm`: monophone Gaussian mixtures, as Kaldi's steps/train_mono.sh."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from kws.training.monophone_options import MonophoneOptions, Pass


def train_gmm(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA_DIR|TEXT", help="A data dir whose text is phones, or such a text."
        ),
    ],
    feats: Annotated[
        str,
        typer.Argument(
            metavar="DIR|RSPECIFIER", help="A folder of `kws features`, or a table of features."
        ),
    ],
    out_dir: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="Where the model goes.")],
    config: Annotated[
        Path | None,
        typer.Option(metavar="CONF", help="Options of the training, --option=value lines."),
    ] = None,
    totgauss: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Gaussians asked for; default 1000.")
    ] = None,
    num_iters: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Passes over the data; default 40.")
    ] = None,
    silence: Annotated[
        str, typer.Option(metavar="A,B,...", help="The phones that are silence, if any.")
    ] = "sil",
    times: Annotated[
        str | None,
        typer.Option(
            metavar="start|keep",
            help="Begin with the times in DATA_DIR/ctm, and go on from there or keep to them.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Of the way Gaussians are put apart; default 0.")
    ] = None,
    allow_commands: Annotated[
        bool, typer.Option("--allow-commands", help="Run commands (ending in |) in tables.")
    ] = False,
) -> None:
    """Train monophones: Gaussian mixtures over three states a phone, from a flat start.

    OUT_DIR gets final.mdl, tree, topo and phones.txt, which Kaldi reads too, train.conf and
    progress.tsv: the log-likelihood per frame of every pass. Given the same command again, an
    interrupted training goes on to the same model.

    CONF may set num-iters, max-iter-inc, totgauss, power, realign-iters, boost-silence, beam and
    seed, with the names and values of Kaldi's train_mono.sh; options given here count more.

    Examples:
      kws features --config conf/mfcc13_speaker.conf data/train exp/mfcc/train
      kws train-gmm --totgauss 500 data/train exp/mfcc/train exp/mono
      kws train-gmm --times keep data/train exp/mfcc/train exp/mono_hand
    """
    from kws.cli.phone_data import (
        clock_of,
        frame_centres_s,
        joined,
        matrices_of,
        phones_of,
        times_of,
    )
    from kws.errors import InputError
    from kws.hmm import phone_symbols
    from kws.training.hand_times import hand_paths
    from kws.training.monophone_options import PhoneTake
    from kws.training.monophones import FINAL, first_model, train_monophones

    if times not in (None, "start", "keep"):
        raise InputError(f"--times {times}: is not one; write start or keep")
    given: dict[str, object] = {"totgauss": totgauss, "num-iters": num_iters, "seed": seed}
    if times == "keep":
        given["realign-iters"] = (0,)
    options = _options(config, {name: value for name, value in given.items() if value is not None})
    phones = phones_of(data)
    symbols = phone_symbols(phones.values())
    names = [name for name in silence.split(",") if name in symbols.phones]
    takes = [
        PhoneTake(utterance, symbols.ids(of_utterance, str(data)), matrix)
        for utterance, of_utterance, matrix in joined(
            phones, matrices_of(feats, allow_commands), feats
        )
    ]
    silences = symbols.ids(names, "--silence")
    paths = None
    if times is not None:
        lengths = ((take.utterance, len(take.features)) for take in takes)
        clock = clock_of(feats)
        paths = hand_paths(
            first_model(symbols, silences),
            symbols,
            times_of(data),
            lengths,
            lambda num_frames: frame_centres_s(clock, num_frames),
        )
    _, gmm = train_monophones(
        takes, symbols, silences, options, out_dir, first_paths=paths, report=_print
    )
    print(f"{out_dir / FINAL}: {len(symbols.phones)} phones, {gmm.num_gaussians} Gaussians")


def _options(config: Path | None, given: dict[str, object]) -> MonophoneOptions:
    from kws.config import make_options, read_options
    from kws.files import read_text
    from kws.training.monophone_options import MonophoneOptions

    values = {}
    if config is not None:
        values = read_options(read_text(config), str(config), [MonophoneOptions])
    (options,) = make_options({**values, **given}, str(config), [MonophoneOptions])
    assert isinstance(options, MonophoneOptions)
    return options


def _print(found: Pass) -> None:
    aligned = ", aligned anew" if found.aligned else ""
    print(
        f"pass {found.number}: {found.num_gaussians} Gaussians, log-likelihood "
        f"{found.log_likelihood:.3f} per frame of {found.num_frames}{aligned}",
        flush=True,
    )
