"""Check data dirs; cut, combine and join them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kws.cli.shared_options import MAX_OVERSHOOT_S, ChannelOption, MaxOvershoot

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    help="Check data dirs; cut, combine and join them.",
)

AllowCommands = Annotated[
    bool,
    typer.Option("--allow-commands", help="Run the commands (ending in |) that wav.scp holds."),
]
DataDirArgument = Annotated[Path, typer.Argument(metavar="DIR", help="A data dir.")]
OutArgument = Annotated[Path, typer.Argument(metavar="OUT", help="The data dir to write.")]


@app.command()
def validate(
    data_dir: DataDirArgument,
    allow_commands: AllowCommands = False,
    tables_only: Annotated[
        bool, typer.Option("--tables-only", help="Leave the audio unread (quick).")
    ] = False,
    keywords: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,...", help="Count the texts that hold these, and those without any."
        ),
    ] = None,
    need_negatives: Annotated[
        bool,
        typer.Option(
            "--need-negatives", help="With --keywords: a fault where every utterance holds one."
        ),
    ] = False,
    max_overshoot: MaxOvershoot = MAX_OVERSHOOT_S,
    channel: ChannelOption = None,
) -> None:
    """Name every fault of a data dir: file, line, value and rule.

    Exits with 0 when there is none, otherwise with 2 after one line per fault on standard error.
    What is no fault but may matter (mixed sample rates, say) is printed as a note.

    \b
    Examples:
      kws data validate data/train
      kws data validate --tables-only data/librispeech
      kws data validate --keywords "hey marvin" data/train
    """
    from kws.data.validation import inspect_data_dir
    from kws.words import keyword_names, split_keywords

    if need_negatives and keywords is None:
        raise typer.BadParameter("--need-negatives goes with --keywords")
    names = None if keywords is None else keyword_names(split_keywords(keywords))
    found = inspect_data_dir(
        data_dir,
        allow_commands=allow_commands,
        max_overshoot_s=max_overshoot,
        with_audio=not tables_only,
        channel=channel,
    )
    for note in found.notes:
        print(f"note: {note}")
    for fault in found.faults:
        typer.echo(fault, err=True)
    if found.faults:
        raise typer.Exit(2)
    audio = "audio not read" if found.hours is None else f"{found.hours:.2f} h"
    print(
        f"{data_dir}: valid: {found.num_utterances} utterances, {found.num_speakers} speakers, "
        f"{audio}"
    )
    if names is not None:
        _count_keywords(data_dir, names, allow_commands, need_negatives)


def _count_keywords(
    data_dir: Path, names: list[str], allow_commands: bool, need_negatives: bool
) -> None:
    from kws.data.data_dir import read_data_dir
    from kws.data.keyword_counts import count_keywords

    counts = count_keywords(read_data_dir(data_dir, allow_commands=allow_commands), names)
    print(f"{data_dir}: utterances: {counts}")
    for note in counts.notes if need_negatives else counts.lacks + counts.notes:
        print(f"note: {note}")
    if need_negatives and counts.lacks:
        for fault in counts.lacks:
            typer.echo(fault, err=True)
        raise typer.Exit(2)


@app.command()
def subset(
    data_dir: DataDirArgument,
    out: OutArgument,
    utt_list: Annotated[
        Path, typer.Option(metavar="LIST", help="A file with one utterance id per line.")
    ],
    allow_commands: AllowCommands = False,
) -> None:
    """Write the data dir of the utterances that a list names; the audio stays where it is.

    \b
    Examples:
      kws data subset --utt-list data/all/lists/dev.txt data/all data/dev
    """
    from kws.data.data_dir import read_data_dir
    from kws.data.editing import subset as subset_of
    from kws.data.editing import write_copy

    data = read_data_dir(data_dir, allow_commands=allow_commands, max_overshoot_s=None)
    part = subset_of(data, utt_list)
    write_copy(out, part, [data])
    print(f"{out}: {len(part.utterances)} of {len(data.utterances)} utterances")


@app.command()
def combine(
    out: OutArgument,
    data_dirs: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Data dirs.")],
    allow_commands: AllowCommands = False,
) -> None:
    """Write one data dir that holds the utterances of several; the audio stays where it is.

    \b
    Examples:
      kws data combine data/train data/train_words data/train_others
    """
    from kws.data.data_dir import read_data_dir
    from kws.data.editing import combine as combination_of
    from kws.data.editing import write_copy

    parts = [
        read_data_dir(path, allow_commands=allow_commands, max_overshoot_s=None)
        for path in data_dirs
    ]
    whole = combination_of(parts)
    write_copy(out, whole, parts)
    print(f"{out}: {len(whole.utterances)} utterances of {len(parts)} data dirs")


@app.command()
def join(
    data_dir: DataDirArgument,
    out: OutArgument,
    gap: Annotated[
        float, typer.Option(min=0.0, metavar="S", help="Mean gap between utterances, seconds.")
    ] = 1.0,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Draws the order and the gaps.")
    ] = 0,
    max_duration: Annotated[
        float | None,
        typer.Option(metavar="S", help="At most so many seconds; utterances beyond are left out."),
    ] = None,
    allow_commands: AllowCommands = False,
    max_overshoot: MaxOvershoot = MAX_OVERSHOOT_S,
    channel: ChannelOption = None,
) -> None:
    """Make one long recording of the utterances, in random order, with known word times.

    OUT holds one utterance: its audio, `text` (every utterance's words and a `<gap>` for each gap)
    and `ctm` (when each word is said; a word without times has the span of its utterance).

    \b
    Examples:
      kws data join --gap 2 --max-duration 600 data/test exp/stream
    """
    from kws.data.data_dir import read_data_dir
    from kws.data.long_recording import join_data_dir

    data = read_data_dir(
        data_dir,
        allow_commands=allow_commands,
        max_overshoot_s=max_overshoot,
        channel=channel,
    )
    joined = join_data_dir(data, out, gap_s=gap, seed=seed, max_duration_s=max_duration)
    print(f"{out}: {len(joined.utterances)} of {len(data.utterances)} utterances in one recording")
