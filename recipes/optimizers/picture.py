#!/usr/bin/env python3
"""Draws loss against epochs and against seconds, from the trainings of recipes/optimizers/run.sh.

recipes/optimizers/picture.py exp/optimizers exp/optimizers/optimizers.png
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from kws.cli.main import run_script
from kws.errors import InputError

DPI = 100
SECONDS = "train/processor_seconds"
TOLD = ("dev/loss", "train/loss", "dev/accuracy", SECONDS)


def picture(
    experiments: Annotated[
        Path, typer.Argument(metavar="EXP", help="Holds the trainings, OPTIMIZER_RATE each.")
    ],
    path: Annotated[Path, typer.Argument(metavar="PNG", help="The picture to write.")],
) -> None:
    """Draw the curves of each optimizer's best learning rate; print all trainings as a table.

    The best one has the least dev loss after the last epoch. Seconds are those of a processor, of
    the process that learns: they hardly depend on what else the machine does.

    Examples:
      recipes/optimizers/picture.py exp/optimizers exp/optimizers/optimizers.png
    """
    trainings = sorted(_trainings(experiments), key=lambda t: (t.optimizer, t.rate))
    if not trainings:
        raise InputError(f"{experiments}: holds no training OPTIMIZER_RATE; run stage 1 first")
    best = [
        min(of_one, key=lambda training: training.curves["dev/loss"][-1])
        for _, of_one in itertools.groupby(trainings, key=lambda training: training.optimizer)
    ]
    print(
        "| optimizer | learning rate | dev loss | train loss | dev accuracy | processor seconds |"
    )
    print("|---|---|---|---|---|---|")
    for training in trainings:
        print(_row(training, is_best=training in best))
    _draw(best, path)


@dataclass(frozen=True)
class _Training:
    optimizer: str
    rate: float  # at the beginning
    curves: dict[str, list[float]]  # a value per epoch


def _trainings(experiments: Path) -> Iterator[_Training]:
    for events in sorted(experiments.glob("*_*/tensorboard")):
        optimizer, _, rate = events.parent.name.rpartition("_")
        try:
            yield _Training(optimizer, float(rate), _curves(events))
        except ValueError:
            continue  # another kind of folder


def _curves(events: Path) -> dict[str, list[float]]:
    """The values of each epoch; where an epoch was trained twice, those of the last time."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

    values: dict[str, dict[int, float]] = {name: {} for name in TOLD}
    for file in sorted(events.iterdir()):
        for event in LegacyEventFileLoader(str(file)).Load():
            for entry in event.summary.value:
                if entry.tag in values:
                    values[entry.tag][event.step] = entry.simple_value
    curves = {name: [of[step] for step in sorted(of)] for name, of in values.items()}
    if len({len(curve) for curve in curves.values()}) != 1 or not curves["dev/loss"]:
        raise InputError(f"{events}: an epoch lacks values; train with --dev-data and to the end")
    return curves


def _row(training: _Training, is_best: bool) -> str:
    last = {name: curve[-1] for name, curve in training.curves.items()}
    mark = "**" if is_best else ""
    cells = [
        training.optimizer,
        f"{mark}{training.rate:g}{mark}",
        f"{mark}{last['dev/loss']:.4f}{mark}",
        f"{last['train/loss']:.4f}",
        f"{100 * last['dev/accuracy']:.2f} %",
        f"{last[SECONDS]:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _draw(best: Sequence[_Training], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

    from kws.files import atomic_path

    figure = Figure(figsize=(10, 4.4), layout="constrained")
    panels: Any = figure.subplots(1, 2, sharey=True)
    for number, training in enumerate(best):
        epochs = [float(epoch + 1) for epoch in range(len(training.curves["dev/loss"]))]
        for panel, times in zip(panels, (epochs, training.curves[SECONDS]), strict=True):
            style = {"color": f"C{number}", "linewidth": 1.4, "markersize": 4}
            label = f"{training.optimizer}, {training.rate:g}"
            panel.plot(times, training.curves["dev/loss"], "-o", label=label, **style)
            panel.plot(times, training.curves["train/loss"], "--x", **style)
    for panel, what in zip(panels, ("epoch", "seconds of a processor"), strict=True):
        panel.set_xlabel(what)
        panel.locator_params(axis="x", nbins=6)
        panel.set_yscale("log")
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
        panel.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        panel.yaxis.set_minor_formatter(NullFormatter())
        panel.grid(visible=True, which="both", alpha=0.3)
    panels[0].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    panels[0].set_ylabel("cross-entropy per frame, nats")
    curves = panels[0].get_legend_handles_labels()[0]
    for kind, dashes, marker in (("dev", "-", "o"), ("train", "--", "x")):
        looks: dict[str, Any] = {"linestyle": dashes, "marker": marker, "markersize": 4}
        curves.append(Line2D([], [], color="0.4", label=kind, **looks))
    figure.legend(handles=curves, loc="outside upper center", ncols=len(curves))
    FigureCanvasAgg(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=DPI, metadata={"Software": None})


if __name__ == "__main__":
    run_script(picture)
