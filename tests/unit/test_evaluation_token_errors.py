"""kws.evaluation.token_errors: counts made by hand."""

from pathlib import Path

import pytest

from kws.data.phone_map import read_phone_map
from kws.errors import InputError
from kws.evaluation.alignment import LEVENSHTEIN, NIST
from kws.evaluation.token_errors import ErrorCounts, score_transcripts
from kws.evaluation.transcripts import Transcripts, read_transcripts


def transcripts(**tokens: str) -> Transcripts:
    split = {name.replace("_", "-"): tuple(text.split()) for name, text in tokens.items()}
    return Transcripts(Path("made"), split, {}, {})


REFERENCE = transcripts(a_1="one two three", a_2="four", b_1="five six", b_2="")
HYPOTHESIS = transcripts(a_1="one too three more", a_2="four", b_1="six", b_2="uh")


def test_counts_by_hand() -> None:
    scored = score_transcripts(REFERENCE, HYPOTHESIS, NIST)
    a = ErrorCounts(2, 1, correct=3, substitutions=1, deletions=0, insertions=1)
    b = ErrorCounts(2, 2, correct=1, substitutions=0, deletions=1, insertions=1)
    assert scored.by_speaker() == {"a": a, "b": b}
    assert scored.total == ErrorCounts(4, 3, 4, 1, 1, 2)
    assert (scored.total.tokens, scored.total.errors) == (6, 4)
    assert scored.total.rate == 4 / 6
    assert scored.utterance_errors.tolist() == [2, 0, 1, 1]
    assert scored.utterance_tokens.tolist() == [3, 1, 2, 0]


def test_confusions_have_every_pair() -> None:
    confusions = score_transcripts(REFERENCE, HYPOTHESIS, NIST).confusions()
    assert confusions == {
        ("one", "one"): 1,
        ("two", "too"): 1,
        ("three", "three"): 1,
        (None, "more"): 1,
        ("four", "four"): 1,
        ("five", None): 1,
        ("six", "six"): 1,
        (None, "uh"): 1,
    }


def test_weights_decide_between_more_errors_that_cost_less() -> None:
    sides = transcripts(u="a b c d e f g"), transcripts(u="e f g h i j k")
    nist = score_transcripts(*sides, NIST).total
    assert (nist.substitutions, nist.deletions, nist.insertions) == (0, 4, 4)  # 8 x 3, not 7 x 4
    kaldi = score_transcripts(*sides, LEVENSHTEIN).total
    assert (kaldi.substitutions, kaldi.deletions, kaldi.insertions) == (7, 0, 0)


def test_a_map_folds_both_sides(tmp_path: Path) -> None:
    (tmp_path / "map").write_text("tcl cl sil\nkcl cl sil\nt t t\nq\n")
    sides = transcripts(u="tcl t q kcl"), transcripts(u="cl t cl q")
    assert score_transcripts(*sides, NIST).total.errors == 3
    folded = score_transcripts(*sides, NIST, phone_map=read_phone_map(tmp_path / "map"))
    assert (folded.total.errors, folded.total.tokens) == (0, 3)


def test_speakers_of_a_table_come_before_those_of_ids() -> None:
    table = {"a-1": "x", "a-2": "y", "b-1": "x", "b-2": "x"}
    scored = score_transcripts(REFERENCE, HYPOTHESIS, NIST, speakers=table)
    assert {name: counts.utterances for name, counts in scored.by_speaker().items()} == {
        "x": 3,
        "y": 1,
    }
    del table["b-2"]
    with pytest.raises(InputError, match="made: b-2 has no speaker in utt2spk; add a line"):
        score_transcripts(REFERENCE, HYPOTHESIS, NIST, speakers=table)


def test_utterances_must_be_the_same_but_for_ctm(tmp_path: Path) -> None:
    fewer = transcripts(a_1="one")
    with pytest.raises(InputError) as error:
        score_transcripts(REFERENCE, fewer, NIST)
    assert str(error.value) == (
        "made: utterance a-2 is not in made (and 2 more); write its id alone where nothing was "
        "recognised"
    )
    with pytest.raises(InputError, match=r"utterance a-2 is not in made \(and 2 more\)$"):
        score_transcripts(fewer, REFERENCE, NIST)
    (tmp_path / "ctm").write_text("a-1 1 0 1 one\n")
    scored = score_transcripts(REFERENCE, read_transcripts(tmp_path / "ctm"), NIST)
    assert (scored.total.correct, scored.total.deletions) == (1, 5)


def test_no_reference_token_has_no_error_rate() -> None:
    nothing = transcripts(a_1="", a_2="")
    with pytest.raises(InputError, match="has no token in any utterance"):
        score_transcripts(nothing, nothing, NIST)
    with pytest.raises(ValueError, match="no reference token"):
        _ = ErrorCounts(1, 1, 0, 0, 0, 3).rate
