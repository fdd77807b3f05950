#!/usr/bin/env python3
"""Prints the table of RESULTS.md from experiments that recipes/run.sh evaluated.

recipes/results_table.py exp/deep_kws_ce exp/tdnn_max_pool
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from kws.cli.main import run_script
from kws.errors import InputError


def results_table(
    experiments: Annotated[list[str], typer.Argument(metavar="EXP...", help="Experiments.")],
    evaluation: Annotated[str, typer.Option(help="Folder of the results in EXP.")] = "eval",
) -> None:
    """Print sizes, training times and operating points of experiments as Markdown tables.

    Examples:
      recipes/results_table.py exp/deep_kws_ce exp/tdnn_max_pool
    """
    print("| experiment | parameters | multiplies/s | left + right context | training |")
    print("|---|---|---|---|---|")
    for experiment in experiments:
        print(_size_row(Path(experiment)))
    print()
    print("| experiment | keyword | condition | at the dev-solved threshold | 0 alarms | 1 | 5 |")
    print("|---|---|---|---|---|---|---|")
    for experiment in experiments:
        for row in _point_rows(Path(experiment), evaluation):
            print(row)


def _size_row(experiment: Path) -> str:
    from kws.spotter import Spotter

    spotter = Spotter.load(experiment / "final.kws")
    nnet, shift_s = spotter.nnet, spotter.options.frame_shift_s
    parameters = sum(component.num_parameters for component in nnet.components)
    multiplies = sum(component.num_multiplies for component in nnet.components) / shift_s
    training = spotter.metadata["card"]["training"]
    return (
        f"| {experiment.name} | {parameters:,} | {multiplies / 1e6:.1f} M "
        f"| {nnet.left_context} + {nnet.right_context} frames "
        f"| {training['epochs']} epochs, {training['seconds'] / 60:.1f} min |"
    )


def _point_rows(experiment: Path, evaluation: str) -> Iterator[str]:
    path = experiment / evaluation / "operating_points.csv"
    try:
        with path.open(encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["set"] == "test"]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; run stage 4 of the recipe first") from None
    for keyword, condition in dict.fromkeys((row["keyword"], row["condition"]) for row in rows):
        points = {
            row["threshold_source"]: row
            for row in rows
            if (row["keyword"], row["condition"]) == (keyword, condition)
        }
        operating = points.get("dev-solved") or points["stored"]
        alarms, hours = operating["false_alarms"], float(operating["hours"])
        cells = [
            f"{_rate(operating)}; {alarms} alarms in {hours:.3g} h: "
            f"{_bounds(operating, 'fa_per_hour', 1)}/h",
            *(_rate(points[f"curve-at-{n}"]) for n in (0, 1, 5) if f"curve-at-{n}" in points),
        ]
        yield f"| {experiment.name} | {keyword} | {condition} | " + " | ".join(cells) + " |"


def _rate(row: dict[str, str]) -> str:
    return f"{row['misses']}/{row['positives']} = {_bounds(row, 'miss_rate', 100)} %"


def _bounds(row: dict[str, str], name: str, scale: float) -> str:
    try:
        value, lower, upper = (
            scale * float(row[column]) for column in (name, f"{name}_lower", f"{name}_upper")
        )
    except ValueError:
        return "undefined"
    return f"{value:.2g} [{lower:.2g}, {upper:.2g}]"


if __name__ == "__main__":
    run_script(results_table)
