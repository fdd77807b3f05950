"""Find when each keyword of a data dir is said and write it as CTM."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kws.cli.shared_options import MAX_OVERSHOOT_S, ChannelOption, MaxOvershoot


def align(
    data_dir: Annotated[Path, typer.Argument(metavar="DATA_DIR", help="A data dir.")],
    out_ctm: Annotated[Path, typer.Argument(metavar="OUT_CTM", help="The CTM file to write.")],
    model: Annotated[
        Path | None,
        typer.Option(metavar="MODEL", help="Align with this network, by Viterbi."),
    ] = None,
    gmm: Annotated[
        Path | None,
        typer.Option(metavar="MDL", help="Align phones with this phone model of `kws train-gmm`."),
    ] = None,
    feats: Annotated[
        str | None,
        typer.Option(
            metavar="DIR|RSPECIFIER", help="With --gmm: features, or a folder of `kws features`."
        ),
    ] = None,
    log_likelihoods: Annotated[
        str | None,
        typer.Option(
            metavar="RSPECIFIER",
            help="With --gmm: a network's log-likelihoods (frames, pdfs) in place of the mixtures.",
        ),
    ] = None,
    times: Annotated[
        bool,
        typer.Option("--times", help="With --gmm: share DATA_DIR/ctm's times among the states."),
    ] = False,
    write_ali: Annotated[
        str | None,
        typer.Option(metavar="WSPECIFIER", help="With --gmm: write transition ids (ark:ali.ark)."),
    ] = None,
    write_pdfs: Annotated[
        str | None,
        typer.Option(metavar="WSPECIFIER", help="With --gmm: write pdf ids, a network's targets."),
    ] = None,
    ali: Annotated[
        Path | None,
        typer.Option(
            metavar="OLD_CTM", help="Compare with this alignment; else with DATA_DIR/ctm."
        ),
    ] = None,
    keywords: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="The keywords; with --model those of the model."),
    ] = None,
    units_per_word: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Cut each word into N units; default 1."),
    ] = None,
    wrd_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Word times are in DIR/UTTERANCE.wrd (TIMIT's form)."),
    ] = None,
    allow_commands: Annotated[
        bool,
        typer.Option("--allow-commands", help="Run the commands (ending in |) that wav.scp holds."),
    ] = False,
    max_overshoot: MaxOvershoot = MAX_OVERSHOOT_S,
    channel: ChannelOption = None,
) -> None:
    """Find when each keyword of a data dir is said and write it as CTM.

    Without a model, times that are given (DATA_DIR/ctm, or --wrd-dir) are taken over; keywords in
    utterances that have none are put on the loudest stretch of a plausible length. With --model
    the times come from the network: align, train, align with the model, train again.

    The CTM has one line per unit: a word of a keyword, or computer.1, computer.2, ... with
    --units-per-word. How far boundaries moved is printed where there is something to compare. When
    no utterance can be aligned the exit status is 1.

    With --gmm the text is phones, and each of them is placed, with the state of every frame: by
    the mixtures (--feats), by a network (--log-likelihoods), or from times that are known (--times,
    with either of them for the number of frames).

    Examples:
      kws align --keywords "computer,view glass" data/train exp/ali.0.ctm
      kws align --model exp/final.kws --ali exp/ali.0.ctm data/train exp/ali.1.ctm
      kws align --gmm exp/mono/final.mdl --feats exp/mfcc/train --write-ali ark:exp/ali.ark \\
          data/train exp/ali.ctm
    """
    if gmm is not None:
        from kws.cli.align_phones import PhoneJob, align_phones

        if model or keywords or ali or units_per_word or wrd_dir:
            raise typer.BadParameter("--gmm aligns phones; leave out the options for keywords")
        job = PhoneJob(
            gmm, data_dir, feats, log_likelihoods, times, write_ali, write_pdfs, allow_commands
        )
        align_phones(job, out_ctm)
        return
    if feats or log_likelihoods or times or write_ali or write_pdfs:
        raise typer.BadParameter(
            "--feats, --log-likelihoods, --times, --write-ali and --write-pdfs go with --gmm"
        )
    from kws.data import read_ctm, read_data_dir, write_ctm
    from kws.data.text import note_on_letters
    from kws.errors import InputError
    from kws.hmm import inventory_of, units_of
    from kws.spotter import Spotter
    from kws.training.realign import (
        boundary_moves,
        given_words,
        initial_words,
        realign,
        spoken_keywords,
        words_in_wrd_files,
    )
    from kws.words import split_keywords

    if (model is None) == (keywords is None):
        raise typer.BadParameter("give either --keywords or --model")
    if model is not None and units_per_word is not None:
        raise typer.BadParameter("--units-per-word goes with --keywords; a model has its own units")
    old = None if ali is None else read_ctm(ali)
    data = read_data_dir(
        data_dir, allow_commands=allow_commands, max_overshoot_s=max_overshoot, channel=channel
    )
    given = data.words if wrd_dir is None else words_in_wrd_files(wrd_dir, data.utterances)
    spotter = None if model is None else Spotter.load(model)
    if spotter is None:
        inventory = units_of(split_keywords(keywords or ""), units_per_word or 1)
    else:
        inventory = inventory_of(spotter.units, spotter.keywords)
    positives = [u.id for u in data.utterances if spoken_keywords(u.text, inventory)]
    names = [keyword.name for keyword in inventory.keywords]
    note = note_on_letters([data], names)
    if not positives:
        reason = f"; {note}" if note else ""
        raise InputError(
            f"{data_dir}: no utterance's text holds a keyword ({', '.join(names)}){reason}"
        )
    if spotter is None:
        words = initial_words(data, data.utterances, inventory, given)
    else:
        words = realign(spotter, data, data.utterances)
    placed = sum(utterance in words for utterance in positives)
    if not placed:  # told before the file replaces an older one
        print(
            f"{data_dir}: none of the {len(positives)} utterances that hold a keyword can be "
            "aligned; are they as long as the words in their text?",
            file=sys.stderr,
        )
        raise typer.Exit(1)
    write_ctm(out_ctm, [word for of_utterance in words.values() for word in of_utterance])
    print(f"{out_ctm}: {placed} of {len(positives)} utterances that hold a keyword are aligned")
    if note:
        print(f"note: {note}")
    if old is not None or (spotter is not None and given):
        moves = boundary_moves(given_words(given if old is None else old, inventory), words)
        reference = ali or wrd_dir or data_dir / "ctm"
        print(f"against {reference}: {moves or 'no word in common'}")
