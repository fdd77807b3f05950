"""The whole evaluation of a model: thresholds from dev, then test, clean and in noise."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kws.data import DataDir
from kws.data.text import note_on_letters
from kws.errors import InputError
from kws.evaluation.noise import NoiseMixer
from kws.evaluation.operating_points import Solution, solve
from kws.evaluation.plots import plot_confidences, plot_det
from kws.evaluation.report import write_report
from kws.evaluation.results import Result, assess
from kws.evaluation.scoring import POOLED, ScoredSet, score
from kws.evaluation.tables import write_events, write_operating_points
from kws.nnet import read_model, write_model
from kws.spotter import Spotter

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Material:
    """What a model is evaluated on."""

    test: tuple[DataDir, ...]
    dev: tuple[DataDir, ...] = ()
    """thresholds are solved on these; without any the model's own, or a given one, are used"""
    test_noise: NoiseMixer | None = None
    """test is evaluated in this noise too, not only clean"""
    dev_noise: NoiseMixer | None = None
    """dev is evaluated in this noise, and not clean"""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was found; the last results are those of test."""

    results: tuple[Result, ...]
    solutions: tuple[Solution, ...]
    """one per keyword when thresholds were solved"""
    warnings: tuple[str, ...]


def evaluate(
    spotter: Spotter,
    material: Material,
    *,
    fa_per_hour: float = 1.0,
    threshold: float | None = None,
    num_threads: int = 1,
    on_progress: Callable[[], None] = lambda: None,
) -> Evaluation:
    """Solve thresholds on dev (if there is any), and count on test.

    Args:
        spotter: the model.
        material: the data.
        fa_per_hour: the rate of false alarms that a threshold may have on dev.
        threshold: of every keyword, in place of dev and of the model's.
        num_threads: utterances at a time.
        on_progress: called after every utterance.

    Raises:
        InputError: no thresholds, a recording that cannot be read, or dev without other speech.
    """
    if not 0 < fa_per_hour < math.inf:
        raise InputError(f"--fa-per-hour {fa_per_hour:g}: it must be greater than 0 and finite")
    if threshold is not None and not 0 <= threshold <= 1:
        raise InputError(f"--threshold {threshold:g}: it must lie between 0 and 1")
    if threshold is not None and material.dev:
        raise InputError("--threshold and --dev: thresholds are given or solved; leave one out")
    if threshold is None and not material.dev and not spotter.has_thresholds:
        raise InputError(
            f"{spotter.source}: the model has no thresholds; solve them with --dev DIR, or give "
            "--threshold"
        )
    names = [keyword.name for keyword in spotter.keywords]
    letters = note_on_letters([*material.dev, *material.test], names)
    warnings = [*repeated_recordings(material), *([letters] if letters else [])]
    for warning in warnings:
        logger.warning("%s", warning)

    def scored(dirs: Sequence[DataDir], name: str, mixer: NoiseMixer | None) -> ScoredSet:
        return score(
            spotter,
            dirs,
            name=name,
            mixer=mixer,
            num_threads=num_threads,
            on_progress=on_progress,
        )

    results: list[Result] = []
    solutions: list[Solution] = []
    source, thresholds, notes = _known_thresholds(spotter, threshold)
    if material.dev:
        dev = scored(material.dev, "dev", material.dev_noise)
        curves = dev.curves(fa_per_hour)
        solutions = [solve(curves[keyword], keyword, fa_per_hour) for keyword in dev.keywords]
        source = "dev-solved"
        thresholds = {solution.keyword: solution.threshold for solution in solutions}
        notes = {solution.keyword: solution.note for solution in solutions}
        results.append(assess(dev, curves, thresholds, source, notes=notes, readings=()))
    mixers = [None, *([material.test_noise] if material.test_noise else [])]
    for mixer in mixers:
        test = scored(material.test, "test", mixer)
        results.append(assess(test, test.curves(), thresholds, source, notes=notes))
    return Evaluation(tuple(results), tuple(solutions), tuple(warnings))


def store_thresholds(path: str | Path, evaluation: Evaluation, solved_on: Sequence[str]) -> None:
    """Put solved thresholds and the operating points they gave into a model file, atomically.

    Args:
        path: the model file.
        evaluation: one that solved thresholds.
        solved_on: the dev dirs.
    """
    model = read_model(path)
    condition = evaluation.results[0].scored.condition
    entries = {s.keyword: s.to_metadata(solved_on, condition) for s in evaluation.solutions}
    card = {**model.metadata.get("card", {}), "operating_points": _card_points(evaluation)}
    metadata = {**model.metadata, "thresholds": entries, "card": card}
    write_model(path, dataclasses.replace(model, metadata=metadata))


def write_outputs(out: str | Path, evaluation: Evaluation, facts: Mapping[str, str]) -> list[Path]:
    """Write operating_points.csv, events.jsonl, det.png, confidences.png and report.html.

    Args:
        out: the directory, made when absent.
        evaluation: what was found.
        facts: what was evaluated and how, by name, for the report.

    Returns:
        the files.
    """
    names = ("operating_points.csv", "events.jsonl", "det.png", "confidences.png", "report.html")
    points, events, det, confidences, report = files = [Path(out) / name for name in names]
    results = evaluation.results
    write_operating_points(points, [point for result in results for point in result.points])
    write_events(events, results)
    plot_det(det, results)
    plot_confidences(confidences, results)
    pictures = {"DET curves": det, "Confidences with and without the keyword": confidences}
    write_report(report, results, pictures, facts, evaluation.warnings)
    return files


def repeated_recordings(material: Material) -> list[str]:
    """Warnings where the same audio is in two roles, or twice in one."""
    dev, test = (
        Counter(utterance.audio for data in dirs for utterance in data.utterances)
        for dirs in (material.dev, material.test)
    )
    warnings = []
    if shared := sorted(dev.keys() & test.keys(), key=str):
        warnings.append(
            f"{len(shared)} recordings are in --dev and in --test ({shared[0][0]}): the "
            "thresholds were solved on what they are tested on"
        )
    for name, counts in (("--dev", dev), ("--test", test)):
        if twice := sorted((key for key, count in counts.items() if count > 1), key=str):
            warnings.append(
                f"{len(twice)} recordings are in {name} more than once ({twice[0][0]}): they are "
                "counted every time"
            )
    return warnings


def _known_thresholds(
    spotter: Spotter, threshold: float | None
) -> tuple[str, dict[str, float], dict[str, str]]:
    """The thresholds that need no dev: where they are from, they themselves, notes on them."""
    names = [keyword.name for keyword in spotter.keywords]
    if threshold is not None:
        return "given", dict.fromkeys(names, threshold), {}
    thresholds = {name: spotter.thresholds[name] for name in names if name in spotter.thresholds}
    entries = spotter.metadata.get("thresholds", {})
    return "stored", thresholds, {n: entries[n].get("note") or "" for n in thresholds}


def _card_points(evaluation: Evaluation) -> list[dict[str, Any]]:
    return [
        {
            "keyword": point.keyword,
            "set": point.set_name,
            "condition": point.condition,
            "threshold": point.threshold,
            **dataclasses.asdict(point.counts),
        }
        for result in evaluation.results
        for point in result.points
        if not point.is_reading and point.keyword != POOLED
    ]
