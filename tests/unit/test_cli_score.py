"""`kws score`: what it prints and writes."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from kws.audio import write_audio
from kws.cli.main import run as kws
from kws.data import Utterance, Word, write_data_dir

TEXT = {
    "a-1": ("sil sh iy sil", "sil s iy sil"),
    "a-2": ("sil hh ae d sil", "sil hh ae d sil"),
    "b-1": ("sil y er sil", "sil er er ao sil"),
}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, side in (("ref", 0), ("hyp", 1)):
        lines = (f"{utterance} {sides[side]}\n" for utterance, sides in TEXT.items())
        Path(name).write_text("".join(lines))

    def run(*words):
        status = kws(["score", *words])
        out, err = capsys.readouterr()
        assert (status, err) == (0, "")
        return out

    return run


def test_table_totals_and_errors(run):
    assert run("ref", "hyp") == (
        "speaker  utterances  tokens  correct    sub    del    ins  errors  wrong utt.\n"
        "a                 2       9     88.9   11.1    0.0    0.0    11.1        50.0\n"
        "b                 1       4     75.0   25.0    0.0   25.0    50.0       100.0\n"
        "total             3      13     84.6   15.4    0.0    7.7    23.1        66.7\n"
        "%WER 23.08 [ 3 / 13, 1 ins, 0 del, 2 sub ]\n"
        "%SER 66.67 [ 2 / 3 ]\n"
        "95 % interval 0.00 to 50.00 (bootstrap over utterances)\n"
        "most frequent errors (reference -> hypothesis, *: none):\n"
        "     1  * -> ao\n"
        "     1  sh -> s\n"
        "     1  y -> er\n"
    )


def confusions_of(out):
    return out.partition("none):\n")[2]


def test_confusions_can_be_fewer_or_none(run):
    assert len(confusions_of(run("ref", "hyp", "--confusions", "2")).splitlines()) == 2
    assert "most frequent" not in run("ref", "hyp", "--confusions", "0")
    assert "most frequent" not in run("ref", "ref")


def test_map_and_weights(run):
    letters = "".join(f"{phone} {phone}\n" for phone in ("sil", "iy", "hh", "ae", "d", "r", "y"))
    Path("map").write_text(f"sh s\ns s\ner r\nao\n{letters}")
    out = run("ref", "hyp", "--map", "map")
    assert "%WER 7.69 [ 1 / 13, 0 ins, 0 del, 1 sub ]" in out
    assert confusions_of(out) == "     1  y -> r\n"
    Path("ref").write_text("u a b c d e f g\n")
    Path("hyp").write_text("u e f g h i j k\n")
    assert "[ 8 / 7, 4 ins, 4 del, 0 sub ]" in run("ref", "hyp")  # 8 x 3 against 7 x 4
    assert "[ 7 / 7, 0 ins, 0 del, 7 sub ]" in run("ref", "hyp", "--weights", "levenshtein")


def test_speakers_of_a_table(run):
    Path("utt2spk").write_text("a-1 anna\na-2 bert\nb-1 anna\n")
    rows = run("ref", "hyp", "--utt2spk", "utt2spk").splitlines()[1:4]
    assert [row.split()[:3] for row in rows] == [
        ["anna", "2", "8"],
        ["bert", "1", "5"],
        ["total", "3", "13"],
    ]


def test_details_are_written(run):
    out = run("ref", "hyp", "--out", "score")
    assert out.endswith("wrote score/alignments.txt score/confusions.csv score/utterances.csv\n")
    assert Path("score/alignments.txt").read_text().split("\n\n")[0] == (
        "a-1\nref sil sh iy sil\nhyp sil s  iy sil\n        S"
    )
    with Path("score/utterances.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["utterance"] for row in rows] == ["a-1", "a-2", "b-1"]
    assert [int(row["insertions"]) for row in rows] == [0, 0, 1]
    with Path("score/confusions.csv").open() as file:
        counts = {(r["reference"], r["hypothesis"]): int(r["count"]) for r in csv.DictReader(file)}
    assert counts[("sil", "sil")] == 6 and counts[("sh", "s")] == 1
    assert sum(counts.values()) == 14


def test_json_and_versus(run):
    Path("hyp2").write_text("".join(f"{name} {sides[0]}\n" for name, sides in TEXT.items()))
    found = json.loads(run("ref", "hyp", "--versus", "hyp2", "--json"))
    assert found["reference"] == "ref" and found["weights"] == "nist"
    assert (found["errors"], found["tokens"], found["error_rate"]) == (3, 13, 3 / 13)
    assert found["interval_95"] == [0.0, 0.5]
    assert set(found["speakers"]) == {"a", "b"} and found["speakers"]["b"]["errors"] == 2
    versus = found["versus"]
    assert (versus["hypothesis"], versus["errors"]) == ("hyp2", 0)
    assert versus["difference"] == -3 / 13 and versus["segments"] == 2 and versus["z"] < 0
    out = run("ref", "hyp", "--versus", "hyp2")
    assert "hyp2:\n%WER 0.00 [ 0 / 13, 0 ins, 0 del, 0 sub ]\n" in out
    assert "difference -23.08 points, 95 % interval -50.00 to +0.00, p = " in out
    many = "".join(f"u-{i} a b c d e\n" for i in range(60))
    Path("many").write_text(many)
    Path("wrong").write_text(many.replace("c d", "x y"))
    assert "matched pairs: 0 segments, z = +0.000, p = 1.0000\n" in run(
        "many", "many", "--versus", "many"
    )
    Path("other").write_text(many.replace("c d", "x d", 30).replace("c d", "x y"))
    assert "p < 0.0001" in run("many", "wrong", "--versus", "other")


def test_times_are_compared_where_both_have_them(run, tmp_path):
    write_audio(tmp_path / "a.wav", np.zeros(4800), 16000)
    write_data_dir(
        tmp_path / "data",
        [Utterance("a-1", "anna", "sil sh", str(tmp_path / "a.wav"))],
        ctm=[Word("a-1", 0.0, 0.1, "sil"), Word("a-1", 0.1, 0.3, "sh")],
    )
    Path("hyp.ctm").write_text("a-1 1 0.0 0.13 sil\na-1 1 0.13 0.17 sh\n")
    out = run("data", "hyp.ctm")
    assert out.splitlines()[1].split()[0] == "anna"
    assert "frames of 10 ms: 90.00 % right [ 27 / 30 ] in 1 timed utterances\n" in out
    assert (
        "starts of correct tokens: 30.0 ms off in the mean, 30.0 ms in the middle; 0.0 % of 1 at "
        "most 20 ms\n"
    ) in out
    times = json.loads(run("data", "hyp.ctm", "--json"))["times"]
    assert times["frame_accuracy"] == 0.9 and times["boundaries"] == 1
    assert times["mean_boundary_error_s"] == pytest.approx(0.03)


def test_help_has_examples(run):
    out = run("--help")
    assert "kws score data/dev/text exp/decode/text" in out and "--versus HYP2" in out
