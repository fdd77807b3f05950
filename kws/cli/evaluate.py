"""`kws evaluate`: solve thresholds on dev, and count misses and false alarms on test."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kws.cli.many_values import ManyValuesCommand
from kws.cli.shared_options import MAX_OVERSHOOT_S, ChannelOption, MaxOvershoot
from kws.files import check_can_be_made

if TYPE_CHECKING:
    from kws.data import DataDir
    from kws.evaluation.noise import NoiseMixer
    from kws.evaluation.run import Evaluation, Material
    from kws.spotter import Spotter

app = typer.Typer(add_completion=False, rich_markup_mode=None)
Dirs = list[str]


@app.command(cls=ManyValuesCommand)
def evaluate(
    model: Annotated[Path, typer.Option(help="A keyword model; with --dev it gets thresholds.")],
    test: Annotated[Dirs, typer.Option(metavar="DIR...", help="Data dirs to count on.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the results are written.")],
    dev: Annotated[
        Dirs | None, typer.Option(metavar="DIR...", help="Data dirs to solve thresholds on.")
    ] = None,
    fa_per_hour: Annotated[
        float, typer.Option(help="False alarms per hour and keyword that a threshold may have.")
    ] = 1.0,
    threshold: Annotated[
        float | None, typer.Option(help="Threshold of every keyword; no --dev, nothing stored.")
    ] = None,
    noise: Annotated[
        Dirs | None,
        typer.Option(metavar="DIR...", help="Data dirs of noise: count test in it too."),
    ] = None,
    dev_noise: Annotated[
        Dirs | None,
        typer.Option(metavar="DIR...", help="Data dirs of noise: solve on dev in it, not clean."),
    ] = None,
    snr_db: Annotated[float, typer.Option(help="Speech over noise, dB.")] = 10.0,
    snr_level: Annotated[
        str, typer.Option(metavar="active|mean", help="Levels of active frames, or of whole files.")
    ] = "active",
    seed: Annotated[int, typer.Option(min=0, help="Draws the noise of every utterance.")] = 0,
    nj: Annotated[
        int | None, typer.Option(min=1, max=256, help="Utterances at a time (all cores).")
    ] = None,
    allow_commands: Annotated[
        bool, typer.Option("--allow-commands", help="Run the commands that wav.scp holds.")
    ] = False,
    max_overshoot: MaxOvershoot = MAX_OVERSHOOT_S,
    channel: ChannelOption = None,
) -> None:
    """Find thresholds on dev data, and how often a model misses and falsely alarms on test data.

    With --dev the threshold of every keyword is the one with the fewest misses that keeps to
    --fa-per-hour on the dev data, in the middle of those that do as well; it is stored in MODEL.
    Without it the thresholds in MODEL are used. Nothing is solved on test data. DIR... is one data
    dir or several. --snr-db lies between the active 20 ms frames (at most 20 dB below the loudest)
    of speech and noise; with --snr-level mean between whole files, silence included.

    Writes into --out: operating_points.csv, det.png, confidences.png, events.jsonl and
    report.html, which holds the pictures and the worst cases to listen to.

    \b
    Examples:
      kws evaluate --model exp/default/final.kws --dev data/dev --test data/test --out exp/eval
      kws evaluate --model final.kws --test data/test data/stream --out eval --threshold 0.7
      kws evaluate --model final.kws --dev pos/dev neg/dev --test pos/test neg/test \\
        --noise noise/test --snr-db 10 --fa-per-hour 0.5 --out eval
    """
    import torch

    from kws.data import read_data_dir
    from kws.evaluation.noise import NoiseMixer
    from kws.evaluation.run import Material, store_thresholds, write_outputs
    from kws.evaluation.tables import notes_on, summary
    from kws.spotter import Spotter

    if out.exists() and not out.is_dir():  # told before the work, not after it
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(out))
    check_can_be_made(out / "report.html")
    if dev:
        check_can_be_made(model)  # the thresholds are stored in it
    num_threads = nj or os.cpu_count() or 1
    torch.set_num_threads(1)  # utterances run side by side instead
    spotter = Spotter.load(model)

    def read(values: Dirs | None) -> tuple[DataDir, ...]:
        return tuple(
            read_data_dir(
                path,
                allow_commands=allow_commands,
                max_overshoot_s=max_overshoot,
                channel=channel,
            )
            for path in values or ()
        )

    def mixer(values: Dirs | None) -> NoiseMixer | None:
        dirs = read(values)
        return (
            NoiseMixer.of_dirs(dirs, spotter.sample_rate, snr_db=snr_db, seed=seed, level=snr_level)
            if dirs
            else None
        )

    material = Material(read(test), read(dev), mixer(noise), mixer(dev_noise))
    found = _evaluate(spotter, material, fa_per_hour, threshold, num_threads)
    facts = _facts(model, material, fa_per_hour if dev else None)
    points = [
        point
        for result in found.results
        for point in result.points
        if point.set_name == result.scored.name
    ]
    print(summary(points))  # before anything is written: a full disk takes no result away
    for note in notes_on(points):
        print(note)
    if dev:
        store_thresholds(model, found, [str(data.path) for data in material.dev])
    files = write_outputs(out, found, facts)
    print("wrote " + " ".join(map(str, files)))


def _evaluate(
    spotter: Spotter,
    material: Material,
    fa_per_hour: float,
    threshold: float | None,
    num_threads: int,
) -> Evaluation:
    """Evaluate, with a progress bar where a person looks at it."""
    from rich.console import Console
    from rich.progress import Progress

    from kws.evaluation.run import evaluate as run

    console = Console(stderr=True)
    passes = [material.dev, material.test, *([material.test] if material.test_noise else [])]
    num_utterances = sum(len(data.utterances) for dirs in passes for data in dirs)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("utterances", total=num_utterances)
        return run(
            spotter,
            material,
            fa_per_hour=fa_per_hour,
            threshold=threshold,
            num_threads=num_threads,
            on_progress=lambda: progress.advance(task),
        )


def _facts(model: Path, material: Material, fa_per_hour: float | None) -> dict[str, str]:
    """What was evaluated and how, for the report."""
    facts = {"model": str(model), "test": " ".join(str(data.path) for data in material.test)}
    if fa_per_hour is not None:
        facts["thresholds"] = f"solved on dev for {fa_per_hour:g} false alarms per hour and keyword"
        facts["dev"] = " ".join(str(data.path) for data in material.dev)
    for name, mixer in (("test noise", material.test_noise), ("dev noise", material.dev_noise)):
        if mixer is not None:
            facts[name] = (
                f"{mixer.snr_db:g} dB below the speech ({mixer.level} levels), seed {mixer.seed}"
            )
    return facts
