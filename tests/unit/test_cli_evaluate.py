"""`kws evaluate` as a user calls it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from evaluation_tones import FAINT, LOUD, SOFT, data_dir, tone_spotter

from kws.cli.main import run as kws
from kws.cli.many_values import repeat_options
from kws.nnet import read_model

FILES = ["confidences.png", "det.png", "events.jsonl", "operating_points.csv", "report.html"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tones")
    data_dir(folder / "positives", {"p": (3.0, [(1.0, "low", LOUD)], "low")})
    data_dir(folder / "negatives", {"n": (4.0, [(1.0, "low", FAINT)], "else")})
    data_dir(folder / "other", {"o": (3.0, [(1.0, "high tone", SOFT)], "high tone")})
    data_dir(folder / "hum", {"h": (2.0, [(0.2, "high tone", SOFT)], "<unk>")})
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "final.kws"
    tone_spotter().save(path)
    return path


def rows_of(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "operating_points.csv").read_text().splitlines()))


def test_thresholds_are_solved_stored_and_then_used(
    folder: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dirs = [str(folder / name) for name in ("positives", "negatives")]
    words = ["evaluate", "--model", str(model), "--out", str(tmp_path / "out")]
    assert kws([*words, "--dev", *dirs, "--test", str(folder / "other"), dirs[0]]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    table = [line.split() for line in captured.out.splitlines()]
    assert ["low", "test", "clean", "dev-solved"] in [row[:4] for row in table]
    assert "fewer than the 1 h" in captured.out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FILES
    stored = read_model(model).metadata["thresholds"]
    # between the alarm at 0.207 and the positive at 0.985
    assert stored["low"]["threshold"] == pytest.approx(0.596, abs=0.01)
    assert stored["low"]["solved_on"] == dirs

    content = model.read_bytes()
    words = ["evaluate", "--model", str(model), "--out", str(tmp_path / "again")]
    assert kws([*words, "--test", *dirs]) == 0
    low = next(row for row in rows_of(tmp_path / "again") if row["keyword"] == "low")
    assert low["threshold_source"] == "stored"
    assert float(low["threshold"]) == stored["low"]["threshold"]
    assert (low["positives"], low["misses"], low["false_alarms"]) == ("1", "0", "0")
    assert model.read_bytes() == content  # test alone changes nothing


def test_a_given_threshold_is_not_stored(folder: Path, model: Path, tmp_path: Path) -> None:
    content = model.read_bytes()
    words = ["evaluate", "--model", str(model), "--out", str(tmp_path / "out")]
    assert kws([*words, "--test", str(folder / "negatives"), "--threshold", "0.1"]) == 0
    low = rows_of(tmp_path / "out")[0]
    assert (low["threshold_source"], low["threshold"]) == ("given", "0.1")
    assert low["false_alarms"] == "1"
    assert model.read_bytes() == content


def test_with_noise_test_is_counted_twice(folder: Path, model: Path, tmp_path: Path) -> None:
    words = ["evaluate", "--model", str(model), "--out", str(tmp_path / "out"), "--nj", "2"]
    words += ["--test", str(folder / "negatives"), "--threshold", "0.15"]
    assert kws([*words, "--noise", str(folder / "hum"), "--snr-db", "0", "--seed", "1"]) == 0
    rows = [row for row in rows_of(tmp_path / "out") if row["threshold_source"] == "given"]
    alarms = {(row["condition"], row["keyword"]): row["false_alarms"] for row in rows}
    assert alarms["clean", "high tone"] == "0"
    assert int(alarms["noise 0 dB", "high tone"]) > 0  # the hum holds that tone


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "has no thresholds; solve them with --dev DIR, or give --threshold"),
        (["--dev", "{positives}"], "there is no audio without 'low'"),
        (["--dev", "{negatives}", "--threshold", "0.5"], "leave one out"),
        (["--dev", "{negatives}", "--fa-per-hour", "0"], "it must be greater than 0"),
        (["--dev", "{negatives}", "{missing}"], "missing: no such directory"),
        (["--threshold", "0.5", "--noise", "{missing}"], "missing: no such directory"),
        (["--threshold", "half"], "Invalid value for '--threshold'"),
        (["--thresholds", "0.5"], "No such option: --thresholds"),
    ],
)
def test_mistakes_are_told_in_one_line(
    words: list[str],
    message: str,
    folder: Path,
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = {name: folder / name for name in ("positives", "negatives", "missing")}
    words = [word.format_map(names) for word in words]
    content = model.read_bytes()
    out = tmp_path / "out"
    words += ["--model", str(model), "--test", str(folder / "negatives"), "--out", str(out)]
    assert kws(["evaluate", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert not out.exists()
    assert model.read_bytes() == content


def test_test_is_required(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kws(["evaluate", "--model", str(model), "--out", "out"]) == 2
    assert "Missing option '--test'" in capsys.readouterr().err


def test_words_belong_to_the_option_before_them() -> None:
    many = {"--dev", "--test"}
    words = ["--dev", "a", "b", "--test=c", "d", "e", "--out", "o", "f"]
    repeated = ["--dev", "a", "--dev", "b", "--test=c", "--test", "d", "--test", "e"]
    assert repeat_options(words, many) == [*repeated, "--out", "o", "f"]
    last = ["--dev", "a", "--allow-commands"]
    assert repeat_options(last, many) == last
