"""`kws explain`: why a keyword fired in a recording, or why it did not."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kws.cli.exported import load_stream
from kws.cli.shared_options import ChannelOption, Threshold

if TYPE_CHECKING:
    from kws.runtime.explain import Explanation
    from kws.runtime.metadata import Metadata
    from kws.runtime.verdicts import KeywordReport


def explain(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="What kws export wrote.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A sound file.")],
    keyword: Annotated[
        str | None,
        typer.Option(metavar="K", help="Only this keyword; without it every one of the model."),
    ] = None,
    threshold: Threshold = None,
    channel: ChannelOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PNG",
            help="Draw waveform, posteriors and confidences into this file (needs matplotlib).",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell why a keyword fired in a recording, or why it did not.

    For the audio: level, clipping, noise floor, bandwidth, and what is wrong with it. For each
    keyword: the largest confidence against the threshold, each unit's largest smoothed posterior
    and its time, whether the units came in order, and the reason in a sentence.

    Examples:
      kws explain jarvis.onnx missed.wav
      kws explain jarvis.onnx missed.wav --out missed.png
      kws explain jarvis.onnx missed.wav --json | jq -r '.keywords[].verdict'
    """
    from kws.audio import opened_audio
    from kws.errors import InputError
    from kws.runtime.explain import explain_pieces
    from kws.words import letters_of

    stream = load_stream(model, threshold)
    names = [entry.name for entry in stream.keywords]
    if keyword is not None:  # as texts are compared: "Jarvis" is jarvis
        keyword = next((n for n in names if letters_of(n) == letters_of(keyword)), keyword)
    if keyword is not None and keyword not in names:
        raise InputError(
            f"--keyword {keyword!r}: the keywords of {model} are {', '.join(map(repr, names))}"
        )
    with opened_audio(file, channel=channel) as (header, pieces):
        try:
            explanation = explain_pieces(stream, pieces, header.sample_rate, header.num_samples)
        except InputError as error:
            reason = str(error).removeprefix(f"{file}: ")
            raise InputError(f"{file}: {reason}") from None
    if keyword is not None:
        reports = [report for report in explanation.keywords if report.keyword == keyword]
        explanation = replace(explanation, keywords=tuple(reports))
    if out is not None:
        _draw(out, explanation, stream.metadata, file.name)
    if as_json:
        print(json.dumps(_entries(file, explanation), indent=1))
    else:
        _print(file, explanation)


def _draw(path: Path, explanation: Explanation, metadata: Metadata, title: str) -> None:
    try:
        from kws.runtime.picture import draw_explanation
    except ImportError:
        print(
            f"{path}: no picture: it needs matplotlib; install it with `pip install matplotlib`",
            file=sys.stderr,
        )
        return
    draw_explanation(path, explanation, metadata, title)


def _print(file: Path, explanation: Explanation) -> None:
    from kws.cli.doctor import describe

    print(f"{file}: {describe(explanation.measures)}")
    for finding in explanation.findings:
        print(f"- {finding.text}: {finding.remedy}")
    for report in explanation.keywords:
        print(f"\n{report.verdict}")
        if report.peak_s is not None:
            _print_units(report)


def _print_units(report: KeywordReport) -> None:
    """A line per unit: at its best, and where the confidence was largest."""
    width = max(len(unit.unit) for unit in report.units)
    print(f"  {'unit':{width}}  largest   at      in the best window")
    for best, used in zip(report.units, report.confidence_units, strict=True):
        print(
            f"  {best.unit:{width}}  {best.posterior:.3f}  {best.time_s:6.2f} s  "
            f"{used.posterior:.3f}  {used.time_s:6.2f} s"
        )
    order = "in order" if report.in_order else "not in order"
    print(
        f"  confidence {report.confidence:.3f} at {report.peak_s:.2f} s, threshold "
        f"{report.threshold:.3f}" + (f"; units {order}" if len(report.units) > 1 else "")
    )


def _entries(file: Path, explanation: Explanation) -> dict[str, Any]:
    """The JSON object: what is printed, and the frames' numbers left to the picture."""
    return {
        "file": str(file),
        **explanation.measures.entries(),
        "findings": [asdict(finding) for finding in explanation.findings],
        "keywords": [asdict(report) for report in explanation.keywords],
    }
