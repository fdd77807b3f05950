"""What `kws score` prints and writes."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from kws.evaluation.bounds import Estimate
from kws.evaluation.significance import PairedDifference
from kws.evaluation.timing import NEAR_S, TimeErrors
from kws.evaluation.token_errors import ErrorCounts, ScoredTranscripts
from kws.files import write_text

NOTHING = "*"  # stands for the missing token of a deletion or an insertion


def speaker_table(scored: ScoredTranscripts) -> str:
    """A row per speaker and the total, in per cent of the reference tokens, as sclite prints it."""
    rows = {**scored.by_speaker(), "total": scored.total}
    width = max(map(len, (*rows, "speaker")))
    head = "utterances  tokens  correct    sub    del    ins  errors  wrong utt."
    lines = [f"{'speaker':{width}}  {head}"]
    for name, counts in rows.items():
        cells = "  ".join(
            f"{_percent(count, counts.tokens):>{size}}"
            for count, size in (
                (counts.correct, 7),
                (counts.substitutions, 5),
                (counts.deletions, 5),
                (counts.insertions, 5),
                (counts.errors, 6),
            )
        )
        wrong = _percent(counts.wrong_utterances, counts.utterances)
        lines.append(
            f"{name:{width}}  {counts.utterances:10}  {counts.tokens:6}  {cells}  {wrong:>10}"
        )
    return "\n".join(lines)


def kaldi_lines(counts: ErrorCounts) -> str:
    """The total as Kaldi's compute-wer prints it (which says WER whatever the tokens are)."""
    return (
        f"%WER {100 * counts.rate:.2f} [ {counts.errors} / {counts.tokens}, "
        f"{counts.insertions} ins, {counts.deletions} del, {counts.substitutions} sub ]\n"
        f"%SER {100 * counts.wrong_utterances / counts.utterances:.2f} "
        f"[ {counts.wrong_utterances} / {counts.utterances} ]"
    )


def interval_line(interval: Estimate) -> str:
    return (
        f"95 % interval {100 * interval.lower:.2f} to {100 * interval.upper:.2f} "
        "(bootstrap over utterances)"
    )


def confusion_lines(scored: ScoredTranscripts, most: int) -> str:
    """The most frequent errors: count, reference token, what it became."""
    errors = [(pair, n) for pair, n in scored.confusions().items() if pair[0] != pair[1]]
    errors.sort(key=lambda entry: (-entry[1], entry[0][0] or "", entry[0][1] or ""))
    return "\n".join(
        f"{count:6}  {reference or NOTHING} -> {hypothesis or NOTHING}"
        for (reference, hypothesis), count in errors[:most]
    )


def time_lines(errors: TimeErrors) -> str:
    """Frame accuracy and boundary errors in words."""
    lines = [
        f"frames of 10 ms: {100 * errors.frame_accuracy:.2f} % right "
        f"[ {errors.correct_frames} / {errors.frames} ] in {errors.utterances} timed utterances"
    ]
    distances_ms = 1000 * np.abs(errors.boundary_errors_s)
    if len(distances_ms):
        lines.append(
            f"starts of correct tokens: {distances_ms.mean():.1f} ms off in the mean, "
            f"{np.median(distances_ms):.1f} ms in the middle; {100 * errors.near_boundaries:.1f} % "
            f"of {len(distances_ms)} at most {1000 * NEAR_S:.0f} ms"
        )
    return "\n".join(lines)


def difference_lines(second: ScoredTranscripts, compared: PairedDifference) -> str:
    """The second system's total and how it differs."""
    difference = compared.difference
    return (
        f"{second.hypothesis.path}:\n{kaldi_lines(second.total)}\n"
        f"difference {100 * difference.value:+.2f} points, 95 % interval "
        f"{100 * difference.lower:+.2f} to {100 * difference.upper:+.2f}, "
        f"p {_p(compared.bootstrap_p)} (paired bootstrap over utterances)\n"
        f"matched pairs: {compared.segments} segments, z = {compared.z:+.3f}, "
        f"p {_p(compared.matched_pairs_p)}"
    )


def entries(
    scored: ScoredTranscripts, interval: Estimate, errors: TimeErrors | None
) -> dict[str, Any]:
    """One system's results for JSON."""
    found: dict[str, Any] = {
        "hypothesis": str(scored.hypothesis.path),
        **_count_entries(scored.total),
        "interval_95": [interval.lower, interval.upper],
        "speakers": {name: _count_entries(n) for name, n in scored.by_speaker().items()},
    }
    if errors is not None:
        distances = np.abs(errors.boundary_errors_s)
        found["times"] = {
            "utterances": errors.utterances,
            "frames": errors.frames,
            "frame_accuracy": errors.frame_accuracy,
            "boundaries": len(distances),
            "mean_boundary_error_s": float(distances.mean()) if len(distances) else None,
            "boundaries_within_20_ms": errors.near_boundaries if len(distances) else None,
        }
    return found


def difference_entries(compared: PairedDifference) -> dict[str, Any]:
    """A comparison for JSON."""
    return {
        "difference": compared.difference.value,
        "interval_95": [compared.difference.lower, compared.difference.upper],
        "bootstrap_p": compared.bootstrap_p,
        "segments": compared.segments,
        "z": compared.z,
        "matched_pairs_p": compared.matched_pairs_p,
    }


def write_details(out: Path, scored: ScoredTranscripts) -> list[Path]:
    """Write alignments.txt, confusions.csv and utterances.csv into `out`."""
    confusions = sorted(
        (
            (reference or NOTHING, hypothesis or NOTHING, n)
            for (reference, hypothesis), n in scored.confusions().items()
        )
    )
    utterances = [
        (utterance, scored.speakers[utterance], *np.bincount(alignment.edits, minlength=4).tolist())
        for utterance, alignment in scored.alignments.items()
    ]
    columns = ("utterance", "speaker", "correct", "substitutions", "deletions", "insertions")
    files = {
        out / "alignments.txt": _alignments_text(scored),
        out / "confusions.csv": _csv(("reference", "hypothesis", "count"), confusions),
        out / "utterances.csv": _csv(columns, utterances),
    }
    for path, text in files.items():
        write_text(path, text)
    return list(files)


def _alignments_text(scored: ScoredTranscripts) -> str:
    """REF, HYP and the edits below each other, tokens in columns."""
    blocks = []
    for utterance, alignment in scored.alignments.items():
        lines: tuple[list[str], ...] = (["ref"], ["hyp"], ["   "])
        for edit, reference, hypothesis in alignment.pairs():
            cells = (reference or NOTHING, hypothesis or NOTHING, " SDI"[edit])
            width = max(map(len, cells))
            for line, cell in zip(lines, cells, strict=True):
                line.append(cell.ljust(width))
        blocks.append("\n".join([utterance, *(" ".join(line).rstrip() for line in lines)]))
    return "\n\n".join(blocks) + "\n"


def _count_entries(counts: ErrorCounts) -> dict[str, Any]:
    rate = counts.rate if counts.tokens else None
    return {"error_rate": rate, "errors": counts.errors, "tokens": counts.tokens, **asdict(counts)}


def _percent(count: int, of: int) -> str:
    return f"{100 * count / of:.1f}" if of else "-"


def _p(value: float) -> str:
    return f"= {value:.4f}" if value >= 5e-5 else "< 0.0001"


def _csv(columns: tuple[str, ...], rows: Any) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
