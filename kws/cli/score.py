"""`kws score`: phone or word error rates, their intervals, and whether two systems differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kws.errors import InputError

if TYPE_CHECKING:
    from kws.evaluation.token_errors import ScoredTranscripts


def score(
    ref: Annotated[Path, typer.Argument(metavar="REF", help="What was said.")],
    hyp: Annotated[Path, typer.Argument(metavar="HYP", help="What was recognised.")],
    versus: Annotated[
        Path | None, typer.Option(metavar="HYP2", help="Another system: does it differ from HYP?")
    ] = None,
    phone_map: Annotated[
        Path | None,
        typer.Option("--map", metavar="MAP", help="Fold phones into the map's last column first."),
    ] = None,
    weights: Annotated[
        str, typer.Option(metavar="nist|levenshtein", help="Align as sclite, or as compute-wer.")
    ] = "nist",
    utt2spk: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Speakers; else REF's, or from the ids.")
    ] = None,
    confusions: Annotated[
        int, typer.Option(metavar="N", min=0, help="Print the N most frequent errors.")
    ] = 10,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write alignments.txt, confusions.csv and utterances.csv there."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Count the errors of recognised phones or words: PER or WER.

    REF, HYP: Kaldi's text (UTTERANCE TOKEN ...), NAME.trn, NAME.ctm, NAME.phn, NAME.wrd, a
    folder of .phn files, or a data dir (its text, and the times of its ctm). The utterances of
    REF count, all of them; HYP must have no other ones. Tokens are compared as they stand, upper
    and lower case too (sclite -s). A map has a phone and what it becomes per line; the last column
    is scored, and a phone alone on its line is deleted (conf/phones_60_48_39.map).

    Substitutions, deletions and insertions are those of NIST's sclite (weights 4, 3, 3), or with
    --weights levenshtein those of Kaldi's compute-wer (1, 1, 1). The 95 % interval comes from
    drawing utterances with replacement. --versus tells whether HYP2's error rate differs, by a
    paired bootstrap and by NIST's matched-pairs test. Where REF and HYP have times, frame accuracy
    and the errors of boundaries are printed as well.

    Examples:
      kws score data/dev/text exp/decode/text
      kws score data/timit/dev exp/decode/ctm --map conf/phones_60_48_39.map --out exp/decode/score
      kws score ref.trn dnn.trn --versus convnet.trn --json | jq .versus.bootstrap_p
    """
    from kws.data.phone_map import read_phone_map
    from kws.evaluation import transcript_report as report
    from kws.evaluation.alignment import WEIGHTS
    from kws.evaluation.significance import bootstrap_interval, compare
    from kws.evaluation.timing import time_errors
    from kws.evaluation.token_errors import score_transcripts
    from kws.evaluation.transcripts import read_speakers, read_transcripts

    if weights not in WEIGHTS:
        raise InputError(f"--weights {weights}: is not one; write {' or '.join(WEIGHTS)}")
    folding = read_phone_map(phone_map) if phone_map else None
    speakers = read_speakers(utt2spk) if utt2spk else None
    reference = read_transcripts(ref)

    def scored_of(path: Path) -> ScoredTranscripts:
        hypothesis = read_transcripts(path)
        return score_transcripts(
            reference, hypothesis, WEIGHTS[weights], phone_map=folding, speakers=speakers
        )

    scored = scored_of(hyp)
    second = scored_of(versus) if versus else None
    interval, times = bootstrap_interval(scored, seed=seed), time_errors(scored)
    compared = compare(scored, second, seed=seed) if second else None
    files = report.write_details(out, scored) if out else []
    if as_json:
        found = report.entries(scored, interval, times)
        if second and compared:
            of_second = report.entries(
                second, bootstrap_interval(second, seed=seed), time_errors(second)
            )
            found["versus"] = {**of_second, **report.difference_entries(compared)}
        print(json.dumps({"reference": str(ref), "weights": weights, **found}, indent=1))
        return
    print(report.speaker_table(scored))
    print(report.kaldi_lines(scored.total))
    print(report.interval_line(interval))
    if times:
        print(report.time_lines(times))
    if confusions and scored.total.errors:
        print(f"most frequent errors (reference -> hypothesis, {report.NOTHING}: none):")
        print(report.confusion_lines(scored, confusions))
    if second and compared:
        print(report.difference_lines(second, compared))
    if files:
        print("wrote " + " ".join(map(str, files)))
