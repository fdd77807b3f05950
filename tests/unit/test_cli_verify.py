"""`kws verify`: its table, its JSON and its exit status."""

import json
import re

import numpy as np
import pytest
from verification_models import SOUND, damage, make_spotter

from kws.audio import NOTICES, write_audio
from kws.cli.main import run as kws


@pytest.fixture(autouse=True)
def _first_notice():
    NOTICES.clear()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verify")
    make_spotter().save(folder / "small.kws")
    write_audio(folder / "sound.wav", SOUND, 16000)
    write_audio(folder / "quiet.wav", np.zeros(1600), 16000)
    assert kws(["export", str(folder / "small.kws"), str(folder / "small.onnx")]) == 0

    def change(values):
        values.flat[3] += 5
        return values

    damage(folder / "small.onnx", folder / "damaged.onnx", (4, 16), change)
    return folder


@pytest.fixture
def run(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)

    def run(*words):
        status = kws(["verify", *words])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_the_table(run):
    status, out, err = run("small.kws", "small.onnx", "sound.wav", "quiet.wav")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    head = r"small\.kws and small\.onnx \(float32\): 2 recording\(s\), 6\.1 s, (\d+) event\(s\)"
    assert int(re.fullmatch(head, lines[0])[1]) > 3
    assert lines[2].split() == ["features", "posteriors", "confidences", "events"]
    rows = [re.fullmatch(r"  (.{13})((?: +\d\.\de[-+]\d\d){3})  the same", x) for x in lines[3:6]]
    assert [row[1].strip() for row in rows] == ["streaming", "exported file", "kws.runtime"]
    assert all(float(value) < 1e-2 for row in rows for value in row[2].split())
    assert lines[6:] == ["they agree"]


def test_damage_is_told_with_its_place(run):
    status, out, _ = run("small.kws", "damaged.onnx", "quiet.wav", "sound.wav")
    assert status == 1
    assert out.splitlines()[-1] == "they do NOT agree"
    place = r"sound\.wav: exported file: a confidence differs by 0\.\d+ at \d\.\d\d s; allowed is "
    assert re.search(rf"^{place}0\.0001$", out, re.MULTILINE)
    lacks = r"^sound\.wav: kws\.runtime: (lacks|adds) '(ab|c)' from \d\.\d\d to \d\.\d\d s \(peak "
    assert re.search(lacks, out, re.MULTILINE)
    assert re.search(r"^  kws\.runtime .* \d+ differ$", out, re.MULTILINE)
    assert re.search(r"^  streaming .* the same$", out, re.MULTILINE)


def test_nothing_to_compare_is_said(run):
    status, out, _ = run("small.kws", "small.onnx", "sound.wav", "--threshold", "1")
    assert status == 0
    assert out.splitlines()[-2:] == [
        "no event: recordings that hold the keywords would tell more",
        "they agree",
    ]


def test_json(run):
    status, out, _ = run("small.kws", "damaged.onnx", "sound.wav", "quiet.wav", "--json")
    assert status == 1
    said = json.loads(out)
    assert (said["model"], said["exported"]) == ("small.kws", "damaged.onnx")
    assert (said["weights"], said["seed"], said["agree"]) == ("float32", 0, False)
    assert said["ways"]["streaming"]["events_agree"]
    assert not said["ways"]["exported file"]["events_agree"]
    assert said["ways"]["kws.runtime"]["confidences"] > 1e-4
    assert said["ways"]["kws.runtime"]["tolerance"] == 1e-4
    first = said["recordings"][0]
    assert first["file"] == "sound.wav"
    assert not first["agree"]
    assert first["ways"]["kws.runtime"]["missing"] or first["ways"]["kws.runtime"]["extra"]
    assert first["events"][0]["keyword"] in ("ab", "c")


def test_json_of_what_is_no_number(run, folder):
    damage(folder / "small.onnx", folder / "nan.onnx", (4, 16), lambda values: values * np.nan)
    status, out, _ = run("small.kws", "nan.onnx", "sound.wav", "--json")
    assert status == 1
    assert "NaN" not in out
    assert json.loads(out)["ways"]["exported file"]["confidences"] is None


def test_the_seed_cuts_other_chunks(run):
    def streaming(seed):
        out = run("small.kws", "small.onnx", "sound.wav", "--json", "--seed", seed)[1]
        return json.loads(out)["ways"]

    assert streaming("1") == streaming("1")
    assert streaming("1") != streaming("2")
