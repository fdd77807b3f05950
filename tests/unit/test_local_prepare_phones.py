"""local/prepare_phones.py, run as its users run it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kws.audio import write_audio
from kws.data import Utterance, Word, read_data_dir, write_data_dir
from kws.data.validation import validate

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "local" / "prepare_phones.py"


def prepare(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two utterances of 1 s, cut from one recording, with phone times of the first half."""
    write_audio(tmp_path / "audio.wav", np.arange(32000.0), 16000)
    audio = str(tmp_path / "audio.wav")
    utterances = [
        Utterance("a-1", "a", "She had", audio, 0.0, 1.0, "rec"),
        Utterance("a-2", "a", "had", audio, 1.0, 2.0, "rec"),
    ]
    phones = [
        Word("a-1", 0.1, 0.3, "sh"),
        Word("a-1", 0.3, 0.5, "ix"),
        Word("a-1", 0.52, 0.6, "q"),
        Word("a-1", 0.6, 0.8, "dcl"),
        Word("a-2", 0.0, 0.98, "hv"),
    ]
    write_data_dir(tmp_path / "source", utterances, ctm=phones)
    (tmp_path / "source" / "spk2gender").write_text("a f\n")
    return tmp_path / "source"


def test_times_are_kept_and_pauses_filled(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = prepare(source, out)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{out}: 2 utterances, 5 phones of 5\n"
    data = read_data_dir(out)
    assert [u.text for u in data.utterances] == ["sh ix q dcl", "hv"]
    assert data.words == read_data_dir(source).words
    assert [(u.speaker, u.start_s, u.end_s) for u in data.utterances] == [
        ("a", 0.0, 1.0),
        ("a", 1.0, 2.0),
    ]
    assert validate(out) == [] and (out / "spk2gender").read_text() == "a f\n"
    assert prepare(source, out, "--silence", "sil").returncode == 0
    data = read_data_dir(out)
    # 20 ms between ix and q, and before the end of a-2, are no pauses
    assert [u.text for u in data.utterances] == ["sil sh ix q dcl sil", "hv"]
    assert data.words["a-1"][0] == Word("a-1", 0.0, 0.1, "sil")
    assert data.words["a-1"][-1] == Word("a-1", 0.8, 1.0, "sil")


def test_a_map_folds_and_deletes(source: Path, tmp_path: Path) -> None:
    out, timit = tmp_path / "out", ROOT / "conf" / "phones_60_48_39.map"
    for words, texts in (
        (("--column", 2), ["sh ix vcl", "hh"]),
        ((), ["sh ih sil", "hh"]),
    ):
        assert prepare(source, out, "--map", timit, *words).returncode == 0
        assert [u.text for u in read_data_dir(out).utterances] == texts
    assert read_data_dir(out).words["a-1"][-1] == Word("a-1", 0.6, 0.8, "sil")


def test_a_lexicon_spells_words(source: Path, tmp_path: Path) -> None:
    out, lexicon = tmp_path / "out", tmp_path / "lexicon"
    lexicon.write_text(";;; comment\nSHE SH IY\nhad HH AE D\nHAD(2) HH AH D\n")
    done = prepare(source, out, "--lexicon", lexicon, "--silence", "SIL")
    assert (done.returncode, done.stderr) == (0, "")
    data = read_data_dir(out)
    assert [u.text for u in data.utterances] == ["SIL SH IY HH AE D SIL", "SIL HH AE D SIL"]
    assert data.words == {} and validate(out) == []


def test_what_has_no_phones_is_named(source: Path, tmp_path: Path) -> None:
    out, lexicon, ctm = tmp_path / "out", tmp_path / "lexicon", tmp_path / "some.ctm"
    lexicon.write_text("had HH AE D\n")
    ctm.write_text("a-2 1 0 0.5 hh\n")
    done = prepare(source, out, "--lexicon", lexicon)
    assert done.returncode == 2 and not out.exists()
    assert done.stderr == (
        f"not in {lexicon}: she\n"
        "has no phones: a-1\n"
        f"{source}: 1 of 2 utterances have no phones; complete what they come from, or leave them "
        "out with --skip-bad\n"
    )
    for words in (("--lexicon", lexicon), ("--ctm", ctm)):
        assert prepare(source, out, "--skip-bad", *words).returncode == 0
        assert [u.id for u in read_data_dir(out).utterances] == ["a-2"]


def test_refuses_in_one_line(source: Path, tmp_path: Path) -> None:
    out, ctm, lexicon = tmp_path / "out", tmp_path / "other.ctm", tmp_path / "lexicon"
    ctm.write_text("b-1 1 0 0.5 hh\n")
    lexicon.write_text("she\n")
    (tmp_path / "map").write_text("a b\n")
    for words, message in (
        ((tmp_path / "no", out), "no: no such directory"),
        ((source, source), "is read from as well; write to another directory"),
        ((source, out, "--ctm", ctm), "--ctm: b-1 is not an utterance of"),
        ((source, out, "--ctm", ctm, "--lexicon", lexicon), "the phones come from one"),
        ((source, out, "--lexicon", lexicon), "lexicon:1: she has no phones; write `she PHONE"),
        ((source, out, "--column", 2), "--column 2: is a column of a map; give --map"),
        ((source, out, "--map", tmp_path / "map"), "has no line for the phone 'sh'; add one"),
        ((source, out, "--map", tmp_path / "map", "--column", 3), "map has 2 columns"),
    ):
        done = prepare(*words)
        assert done.returncode == 2
        assert message in done.stderr and done.stderr.count("\n") == 1
    (source / "ctm").unlink()
    assert "has no times of phones (ctm); give --ctm or --lexicon" in prepare(source, out).stderr
