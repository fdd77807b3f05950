#!/usr/bin/env python3
"""Make a corpus of synthetic speech: keywords, confusable phrases and ordinary sentences.

local/synthesize_corpus.py data/synthetic --keywords "computer,jarvis,view glass"
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from kws.data.synthesis import CorpusOptions, SetOptions, parse_keywords, synthesize_corpus
from kws.data.synthesis.corpus import SetSummary
from kws.data.synthesis.kokoro import KokoroFiles, clips_folder, find_kokoro
from kws.errors import InputError


def main(
    out: Annotated[
        Path, typer.Argument(help="Folder for train, dev, test, noise_* and rir_train.")
    ],
    keywords: Annotated[
        str, typer.Option(help="English words or phrases, commas between them.")
    ] = "computer,jarvis,view glass",
    scale: Annotated[
        float, typer.Option(help="Factor for the numbers of speakers, positives and hours.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same options: same corpus.")] = 0,
    nj: Annotated[int, typer.Option(min=1, max=256, help="Processes at once.")] = 2,
    train_positives: Annotated[
        int | None, typer.Option(min=1, help="Utterances per keyword (600).")
    ] = None,
    dev_positives: Annotated[
        int | None, typer.Option(min=1, help="Utterances per keyword (150).")
    ] = None,
    test_positives: Annotated[
        int | None, typer.Option(min=1, help="Utterances per keyword (150).")
    ] = None,
    train_hours: Annotated[
        float | None, typer.Option(min=0.001, help="Hours without any keyword (8).")
    ] = None,
    dev_hours: Annotated[
        float | None, typer.Option(min=0.001, help="Hours without any keyword (3).")
    ] = None,
    test_hours: Annotated[
        float | None, typer.Option(min=0.001, help="Hours without any keyword (3).")
    ] = None,
    voices: Annotated[
        str,
        typer.Option(
            metavar="auto|kokoro|espeak",
            help="Who says the keywords: Kokoro, espeak-ng, or Kokoro where it is there.",
        ),
    ] = "auto",
    kokoro: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Kokoro's files, in place of the user's own folder."),
    ] = None,
) -> None:
    """Make data dirs of synthetic speech with exact word times, for any English keywords.

    Hundreds of espeak-ng voices in several accents say the keywords alone and in sentences,
    phrases that sound like them, and ordinary sentences. Where Kokoro is there (`kws voices`) its
    voices, and blends of them, say the keywords instead: real speakers sound like them, which
    cannot be said of espeak-ng's. No voice of train is in dev or test. Dev
    and test lie in background noise at 10 to 20 dB. OUT/noise_train and OUT/rir_train are for
    augmentation. A directory that is finished is not made again.

    \b
    Examples:
      local/synthesize_corpus.py data/synthetic
      local/synthesize_corpus.py data/marvin --keywords "hey marvin" --train-positives 1000
      local/synthesize_corpus.py data/small --scale 0.02
    """
    options = CorpusOptions(parse_keywords(keywords), seed=seed).scaled(scale)
    options = replace(
        options,
        train=_changed(options.train, train_positives, train_hours),
        dev=_changed(options.dev, dev_positives, dev_hours),
        test=_changed(options.test, test_positives, test_hours),
    )
    files = _voices(voices, kokoro)
    if files is not None:
        options = options.with_natural_voices(scale)
    with _ProgressBars() as bars:
        summaries = synthesize_corpus(
            out,
            options,
            num_processes=nj,
            on_progress=bars.show,
            kokoro=files,
            clips=None if files is None else clips_folder(),
        )
    for summary in summaries:
        _print_summary(out / summary.name, summary)


def _voices(choice: str, folder: Path | None) -> KokoroFiles | None:
    """Kokoro, if it is to speak; what it means if it cannot is told."""
    if choice not in ("auto", "kokoro", "espeak"):
        raise InputError(f"--voices {choice}: must be auto, kokoro or espeak")
    files = None if choice == "espeak" else find_kokoro(folder)
    if files is None and choice == "kokoro":
        raise InputError("--voices kokoro: Kokoro is not there; `kws voices` says how to get it")
    if files is None and choice == "auto":
        print(
            "espeak-ng says the keywords: expect a detector trained on them to miss most real "
            "speakers (`kws voices` says how to get natural voices)"
        )
    return files


class _ProgressBars(Progress):
    """One bar per directory, on standard error where that is a terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        super().__init__(console=console, disable=not console.is_terminal)
        self._bars: dict[str, TaskID] = {}

    def show(self, name: str, done: int, total: int) -> None:
        if name not in self._bars:
            self._bars[name] = self.add_task(name, total=total)
        self.update(self._bars[name], completed=done)


def _changed(options: SetOptions, positives: int | None, hours: float | None) -> SetOptions:
    return replace(
        options,
        positives=options.positives if positives is None else positives,
        negative_hours=options.negative_hours if hours is None else hours,
    )


def _print_summary(path: Path, summary: SetSummary) -> None:
    line = f"{path}: {summary.num_utterances} recordings, {summary.hours:.2f} h"
    if summary.positives:
        counts = ", ".join(f"{count} {keyword!r}" for keyword, count in summary.positives.items())
        line += (
            f", {summary.num_speakers} speakers: {counts}, "
            f"{summary.negative_hours:.2f} h without a keyword"
        )
    print(line + (" (made before)" if summary.was_there else ""))


if __name__ == "__main__":
    from kws.cli.main import run_script

    run_script(main)
