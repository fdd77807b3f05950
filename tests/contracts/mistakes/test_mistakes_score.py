"""Mistakes in the scoring of transcripts."""

from __future__ import annotations

import pytest
from mistakes_world import Case, World

REF, HYP = "u-1 a b\nu-2 c\n", "u-1 a\nu-2 c\n"
FILES = {"ref": REF, "hyp": HYP}
CASES = [
    Case(
        "no hypothesis",
        "score ref",
        "kws score: Missing argument 'HYP'. (see kws score --help)",
        FILES,
    ),
    Case("a reference that is missing", "score no hyp", "no: No such file or directory", FILES),
    Case(
        "an empty hypothesis",
        "score ref empty",
        "empty: the file is empty; remove it or write its lines",
        {**FILES, "empty": ""},
    ),
    Case(
        "a binary file",
        "score ref sound.wav",
        "sound.wav:1: byte 0x... is not UTF-8; convert the file to UTF-8...",
        FILES,
    ),
    Case(
        "an utterance that was not recognised",
        "score ref short",
        "ref: utterance u-2 is not in short; write its id alone where nothing was recognised",
        {**FILES, "short": "u-1 a\n"},
    ),
    Case(
        "utterances of another set",
        "score ref other",
        "other: utterance v-1 is not in ref (and 1 more)",
        {**FILES, "other": "v-1 a\nv-2 a\n"},
    ),
    Case(
        "a reference without tokens",
        "score nothing hyp",
        "nothing: has no token in any utterance; there is nothing to score",
        {**FILES, "nothing": "u-1\nu-2\n"},
    ),
    Case(
        "weights that do not exist",
        "score ref hyp --weights sclite",
        "--weights sclite: is not one; write nist or levenshtein",
        FILES,
    ),
    Case(
        "a phone that the map does not have",
        "score ref hyp --map map",
        "ref: u-1: 'b' is not a phone of map; add a line for it, or name the map of these phones",
        {**FILES, "map": "a a\nc a\n"},
    ),
    Case(
        "a map whose lines differ",
        "score ref hyp --map map",
        "map:2: 3 columns; the lines before have 2",
        {**FILES, "map": "a a\nb b b\nc a\n"},
    ),
    Case(
        "a map that is missing",
        "score ref hyp --map no.map",
        "no.map: No such file or directory",
        FILES,
    ),
    Case(
        "an utterance without speaker",
        "score ref hyp --utt2spk utt2spk",
        "ref: u-2 has no speaker in utt2spk; add a line",
        {**FILES, "utt2spk": "u-1 u\n"},
    ),
    Case(
        "a second system of other utterances",
        "score ref hyp --versus second",
        "second: utterance u-3 is not in ref",
        {**FILES, "second": f"{HYP}u-3 a\n"},
    ),
    Case(
        "a .trn without ids",
        "score ref.trn hyp",
        "ref.trn:1: 'u-1 a b' does not end in an utterance id: `a b c (ID)` (and 1 more)",
        {"ref.trn": REF, "hyp": HYP},
    ),
    Case(
        "a .ctm of another form",
        "score ref hyp.ctm",
        "hyp.ctm:1: 4 fields; a CTM line is `utterance channel start duration word [confidence]`",
        {**FILES, "hyp.ctm": "u-1 0.0 0.1 a\n"},
    ),
    Case(
        "a folder that is no data dir",
        "score out hyp",
        "out/text: no such file; transcripts of a data dir stand there",
        FILES,
    ),
    Case(
        "a file where results are to go",
        "score ref hyp --out ref",
        "ref: is a file; name a directory",
        FILES,
    ),
    Case(
        "a negative number of errors to print",
        "score ref hyp --confusions -1",
        "kws score: Invalid value for '--confusions': ... (see kws score --help)",
        FILES,
    ),
    Case(
        "an utterance that is too long",
        "score long long",
        "an utterance of 20000 reference and 20000 hypothesis tokens is too long to be aligned; "
        "cut it into segments",
        {"long": "u-1" + 20000 * " a"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_score(case: Case, world: World) -> None:
    assert world.check(case) == ""
