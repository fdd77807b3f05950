"""`kws verify`: is an exported file the detector that was evaluated?"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kws.cli.shared_options import Threshold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kws.detection import Detection
    from kws.verification import Difference, RecordingReport, Verifier


def verify(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A keyword model, such as EXP/final.kws.")
    ],
    exported: Annotated[
        Path, typer.Argument(metavar="OUT.onnx", help="What kws export made of it.")
    ],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Sound files.")],
    threshold: Threshold = None,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Of the chunks' random lengths.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Compare an exported file with its model on recordings.

    What the model makes of each whole recording at once is compared with: the model streaming, the
    exported file called with chunks as any program may, and kws.runtime, which `kws detect` and
    `kws listen` use. Chunks have random lengths from 0 to 2 s. Printed are the largest differences
    of features (filter bank), posteriors and confidences, and whether the events are the same.

    The exit status is 1 if a confidence differs by more than 1e-4, or an event in its keyword,
    trigger, start or end (its peak may be another of equal height). A file of int8 weights may
    differ by twice what they have cost on its calibration audio; events without a counterpart are
    told, and allowed.

    Examples:
      kws verify exp/default/final.kws detector.onnx recording.wav
      kws verify exp/default/final.kws detector.onnx *.wav --json | jq .ways
    """
    from kws.audio import read_audio
    from kws.spotter import Spotter
    from kws.verification import ExportedFile, Verifier

    verifier = Verifier(Spotter.load(model), ExportedFile.load(exported), threshold, seed)
    rate, num_samples = verifier.spotter.sample_rate, 0
    reports: dict[str, RecordingReport] = {}
    for file in files:
        samples = read_audio(file, sample_rate=rate).samples
        num_samples += len(samples)
        reports[str(file)] = verifier.verify(samples, str(file))
    if as_json:
        head = {"model": str(model), "exported": str(exported), "seed": seed}
        print(json.dumps({**head, **_entries(verifier, reports)}, indent=1))
    else:
        _print(verifier, reports, num_samples / rate)
    if not all(map(verifier.agrees, reports.values())):
        raise typer.Exit(1)


def _print(verifier: Verifier, reports: dict[str, RecordingReport], duration_s: float) -> None:
    """The table, what is beyond tolerance, and the verdict."""
    exported, num_events = verifier.exported, sum(len(r.events) for r in reports.values())
    print(
        f"{verifier.spotter.source} and {exported.source} ({exported.metadata.weights}): "
        f"{len(reports)} recording(s), {duration_s:.1f} s, {num_events} event(s)"
    )
    print("largest difference to the whole recording at once:")
    print(f"  {'':13}  {'features':>8}  {'posteriors':>10}  {'confidences':>11}  events")
    for way in verifier.tolerances:
        differences = [report.differences[way] for report in reports.values()]
        largest = _largest(differences)
        apart = sum(len(d.missing) + len(d.extra) for d in differences)
        print(
            f"  {way:13}  {largest['features']:8.1e}  {largest['posteriors']:10.1e}  "
            f"{largest['confidences']:11.1e}  {f'{apart} differ' if apart else 'the same'}"
        )
    for file, report in reports.items():
        for way, difference in report.differences.items():
            _print_disagreement(verifier, file, way, difference)
    if num_events == 0:
        print("no event: recordings that hold the keywords would tell more")
    agree = all(map(verifier.agrees, reports.values()))
    print("they agree" if agree else "they do NOT agree")


def _print_disagreement(verifier: Verifier, file: str, way: str, difference: Difference) -> None:
    """What is wrong on one recording in one way, if anything is."""
    tolerance = verifier.tolerances[way]
    if difference.num_frames != difference.num_frames_expected:
        print(
            f"{file}: {way}: {difference.num_frames} frames, not {difference.num_frames_expected}"
        )
    if not difference.confidences <= tolerance:
        print(
            f"{file}: {way}: a confidence differs by {difference.confidences:.2g} at "
            f"{difference.time_s:.2f} s; allowed is {tolerance:.2g}"
        )
    for events, what in ((difference.missing, "lacks"), (difference.extra, "adds")):
        for event in events:
            print(f"{file}: {way}: {what} {_describe(event)}")


def _describe(event: Detection) -> str:
    return (
        f"{event.keyword!r} from {event.start_s:.2f} to {event.end_s:.2f} s (peak "
        f"{event.peak_s:.2f} s, confidence {event.confidence:.4f})"
    )


def _largest(differences: Sequence[Difference]) -> dict[str, float]:
    """Of several recordings; NaN where one has it."""
    return {
        name: max((getattr(d, name) for d in differences), key=_nan_last)
        for name in ("features", "posteriors", "confidences")
    }


def _nan_last(value: float) -> tuple[bool, float]:
    return math.isnan(value), value


def _entries(verifier: Verifier, reports: dict[str, RecordingReport]) -> dict[str, Any]:
    """The JSON object; a difference that is not a number is null."""
    ways = {
        way: {
            "tolerance": tolerance,
            **_finite(_largest([report.differences[way] for report in reports.values()])),
            "events_agree": all(r.differences[way].events_agree for r in reports.values()),
        }
        for way, tolerance in verifier.tolerances.items()
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
        "recordings": recordings,
    }


def _finite(entries: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in entries.items()
    }
