"""Alignments and the matched-pairs test against NIST's sclite and sc_stats (sclite/README.md)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import sclite_programs

from kws.evaluation.alignment import NIST
from kws.evaluation.significance import compare
from kws.evaluation.token_errors import ScoredTranscripts, score_transcripts
from kws.evaluation.transcripts import read_transcripts

GOLDEN = Path(__file__).parent / "sclite"
RECORDED = json.loads((GOLDEN / "sclite.json").read_text())


def scored(folder: Path, reference: str, hypothesis: str) -> ScoredTranscripts:
    names = (folder / f"{reference}.trn", folder / f"{hypothesis}.trn")
    return score_transcripts(*map(read_transcripts, names), NIST)


def edits_of(found: ScoredTranscripts) -> dict[str, str]:
    return {
        utterance: "".join("CSDI"[edit] for edit in alignment.edits)
        for utterance, alignment in found.alignments.items()
    }


@pytest.mark.parametrize(
    ("reference", "hypothesis"),
    [("random_ref", "random_hyp"), ("ref", "first"), ("ref", "second")],
)
def test_alignments_are_those_of_sclite(reference: str, hypothesis: str) -> None:
    found = scored(GOLDEN, reference, hypothesis)
    assert edits_of(found) == RECORDED["edits"][hypothesis]
    joined = "".join(RECORDED["edits"][hypothesis].values())
    total = found.total
    assert [total.correct, total.substitutions, total.deletions, total.insertions] == [
        joined.count(edit) for edit in "CSDI"
    ]


def test_matched_pairs_are_those_of_sc_stats() -> None:
    compared = compare(scored(GOLDEN, "ref", "first"), scored(GOLDEN, "ref", "second"))
    assert compared.segments == RECORDED["matched_pairs"]["segments"]
    assert -compared.z == pytest.approx(RECORDED["matched_pairs"]["z"], abs=5.1e-4)  # 3 decimals


@pytest.mark.skipif(sclite_programs.SCTK is None, reason="sctk is not installed (Debian: sctk)")
@pytest.mark.parametrize("seed", range(3))
def test_the_installed_sclite_says_the_same(seed: int, tmp_path: Path) -> None:
    generator = np.random.default_rng(seed)
    pairs = sclite_programs.random_pairs(generator, 100)
    systems = sclite_programs.recognised(generator, 60)
    names = ("random_ref", "random_hyp", "ref", "first", "second")
    for name, sequences in zip(names, (*pairs, *systems), strict=True):
        sclite_programs.write_trn(tmp_path / f"{name}.trn", sequences)
    sgml = {}
    for reference, hypothesis in (
        ("random_ref", "random_hyp"),
        ("ref", "first"),
        ("ref", "second"),
    ):
        edits, sgml[hypothesis] = sclite_programs.sclite(
            tmp_path, f"{reference}.trn", f"{hypothesis}.trn"
        )
        assert edits == edits_of(scored(tmp_path, reference, hypothesis))
    segments, z = sclite_programs.matched_pairs(tmp_path, sgml["first"], sgml["second"])
    compared = compare(scored(tmp_path, "ref", "first"), scored(tmp_path, "ref", "second"))
    assert compared.segments == segments
    assert -compared.z == pytest.approx(z, abs=5.1e-4)
