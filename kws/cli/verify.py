"""`kws verify`: is an exported file the detector that was evaluated?"""

from __future__ import annotations

import json
import math
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kws.cli.shared_options import ChannelOption, Threshold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kws.detection import Detection
    from kws.verification import Difference, RecordingReport, Tolerance, Verifier

MOST_LINES = 6  # about one way
PART_S = 10.0  # all that every way makes of one is in memory
LEAST_PART_S = 1.0  # less is no keyword
COLUMNS = ("features", "posteriors", "smoothed", "confidences")


def verify(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A keyword model, such as EXP/final.kws.")
    ],
    exported: Annotated[
        Path, typer.Argument(metavar="OUT.onnx", help="What kws export made of it.")
    ],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Sound files.")],
    threshold: Threshold = None,
    channel: ChannelOption = None,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Of the chunks' random lengths.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare an exported file with its model on recordings.

    What the model makes of each whole recording at once, rounded to 16 bits, is compared with: the
    model streaming, the exported file called as any program may, and kws.runtime as programs,
    `kws detect` and `kws listen` use it: 16-bit samples in chunks of 10, 20 and 80 ms, of several
    sizes in turn, and of random lengths from 0 to 2 s; floats; several streams in a batch. Printed
    are the largest differences of features (filter bank), posteriors, smoothed posteriors and
    confidences, whether the events are the same, and which paths of the runtime were taken: short
    recordings may take too few. Recordings of more than 10 s are compared in parts of that length.

    The exit status is 1 if a confidence differs by more than 1e-4, a posterior by more than 1e-3,
    or an event in its keyword, confidence, trigger, start or end (its peak may be another of equal
    height). A file of int8 weights may differ from the model by twice what they have cost on its
    calibration audio, and events without a counterpart are told, and allowed; the ways of running
    it may not: they are compared with the file itself.

    Examples:
      kws verify exp/default/final.kws detector.onnx recording.wav
      kws verify exp/default/final.kws detector.onnx *.wav --json | jq .ways
    """
    import torch

    from kws.audio import read_audio_chunks
    from kws.spotter import Spotter
    from kws.verification import ExportedFile, Verifier

    torch.set_num_threads(1)  # a chunk is too little work to share
    verifier = Verifier(Spotter.load(model), ExportedFile(exported), threshold, seed)
    rate, num_samples = verifier.spotter.sample_rate, 0
    reports: dict[str, RecordingReport] = {}
    for file in files:
        parts = read_audio_chunks(file, sample_rate=rate, channel=channel, chunk_s=PART_S)
        for number, samples in enumerate(parts):
            num_samples += len(samples)
            name = f"{file} from {number * PART_S:g} s on" if number else str(file)
            if number == 0 or len(samples) >= LEAST_PART_S * rate:
                reports[name] = verifier.verify(samples, name)
    if as_json:
        head = {"model": str(model), "exported": str(exported), "seed": seed}
        print(json.dumps({**head, **_entries(verifier, reports)}, indent=1))
    else:
        _print(verifier, reports, len(files), num_samples / rate)
    if not all(map(verifier.agrees, reports.values())):
        raise typer.Exit(1)


def _print(
    verifier: Verifier, reports: dict[str, RecordingReport], num_files: int, duration_s: float
) -> None:
    """The table, what is beyond tolerance, and the verdict."""
    exported, num_events = verifier.exported, sum(len(r.events) for r in reports.values())
    print(
        f"{verifier.spotter.source} and {exported.source} ({exported.metadata.weights}): "
        f"{num_files} recording(s), {duration_s:.1f} s, {num_events} event(s)"
    )
    others = ", from the third way on to the exported file" if verifier.is_lossy else ""
    print(f"largest difference to the whole recording at once{others}:")
    width = max(map(len, verifier.tolerances))
    print(f"  {'':{width}}  {'  '.join(COLUMNS)}  events")
    for way, largest in _largest(verifier, reports).items():
        values = (_shown(getattr(largest, name)).rjust(len(name)) for name in COLUMNS)
        apart = len(largest.missing) + len(largest.extra)
        events = f"{apart} differ" if apart else "the same"
        print(f"  {way:{width}}  {'  '.join(values)}  {events}")
    _print_paths(verifier, reports)
    for way in verifier.tolerances:
        lines = [
            f"{file}: {way}: {line}"
            for file, report in reports.items()
            for line in _disagreements(verifier.tolerances[way], report.differences[way])
        ]
        print("".join(f"{line}\n" for line in lines[:MOST_LINES]), end="")
        if len(lines) > MOST_LINES:
            print(f"{way}: {len(lines) - MOST_LINES} more; --json tells all")
    if num_events == 0:
        print("no event: recordings that hold the keywords would tell more")
    agree = all(map(verifier.agrees, reports.values()))
    print("they agree" if agree else "they do NOT agree")


def _print_paths(verifier: Verifier, reports: dict[str, RecordingReport]) -> None:
    """How often each path of the runtime was taken."""
    paths = _paths(verifier, reports)
    calls = (f"{name} {number}" for name, number in paths.items())
    lines = textwrap.wrap(f"paths of kws.runtime, in calls: {', '.join(calls)}", width=96)
    print("\n  ".join(lines))
    if missed := [name for name, number in paths.items() if not number]:
        print(f"never taken: {', '.join(missed)}; longer recordings would tell more")


def _disagreements(tolerance: Tolerance, difference: Difference) -> Iterator[str]:
    """What is wrong on one recording in one way, if anything is."""
    if difference.num_frames != difference.num_frames_expected:
        yield f"{difference.num_frames} frames, not {difference.num_frames_expected}"
    if not difference.confidences <= tolerance.confidences:
        yield (
            f"a confidence differs by {difference.confidences:.2g} at {difference.time_s:.2f} s; "
            f"allowed is {tolerance.confidences:.2g}"
        )
    posteriors = {"posterior": difference.posteriors, "smoothed posterior": difference.smoothed}
    for what, value in posteriors.items():
        if not value <= tolerance.posteriors:
            yield f"a {what} differs by {value:.2g}; allowed is {tolerance.posteriors:.2g}"
    for events, what in ((difference.missing, "lacks"), (difference.extra, "adds")):
        yield from (f"{what} {_describe(event)}" for event in events)


def _describe(event: Detection) -> str:
    return (
        f"{event.keyword!r} at {event.peak_s:.2f} s (frames {event.start_frame} to "
        f"{event.end_frame}, confidence {event.confidence:.4f})"
    )


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.1e}"


def _largest(verifier: Verifier, reports: dict[str, RecordingReport]) -> dict[str, Difference]:
    """Of each way, over all recordings."""
    from kws.verification import worst

    return {
        way: worst([report.differences[way] for report in reports.values()])
        for way in verifier.tolerances
    }


def _paths(verifier: Verifier, reports: dict[str, RecordingReport]) -> dict[str, int]:
    """The calls that took each path that there is, over all recordings."""
    return {
        name: sum(report.paths.get(name, 0) for report in reports.values())
        for name in verifier.paths
    }


def _entries(verifier: Verifier, reports: dict[str, RecordingReport]) -> dict[str, Any]:
    """The JSON object; a difference that is not a number is null."""
    ways = {
        way: {
            "tolerance": verifier.tolerances[way].confidences,
            **_finite({name: getattr(largest, name) for name in COLUMNS}),
            "events_agree": largest.events_agree,
        }
        for way, largest in _largest(verifier, reports).items()
    }
    recordings = [
        {
            "file": file,
            "agree": verifier.agrees(report),
            "events": [asdict(event) for event in report.events],
            "ways": {way: _finite(asdict(d)) for way, d in report.differences.items()},
        }
        for file, report in reports.items()
    ]
    return {
        "weights": verifier.exported.metadata.weights,
        "agree": all(map(verifier.agrees, reports.values())),
        "ways": ways,
        "paths": _paths(verifier, reports),
        "recordings": recordings,
    }


def _finite(entries: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in entries.items()
    }
