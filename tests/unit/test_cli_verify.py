"""`kws verify`: its table, its JSON and its exit status."""

import json
import re

import numpy as np
import pytest
from verification_models import SOUND, damage, make_spotter, spoil

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
    columns = ["features", "posteriors", "smoothed", "confidences", "events"]
    assert lines[2].split() == columns
    rows = [
        re.fullmatch(r"  (.{27})((?: +(?:-|\d\.\de[-+]\d\d)){4})  the same", x) for x in lines[3:14]
    ]
    assert [row[1].strip() for row in rows] == [
        "streaming",
        "exported file",
        "exported file, whole frames",
        "kws.runtime, 10 ms",
        "kws.runtime, 20 ms",
        "kws.runtime, 80 ms",
        "kws.runtime, 80 ms, floats",
        "kws detect, kws listen",
        "kws.runtime, sizes in turn",
        "kws.runtime, random sizes",
        "kws.runtime, batch",
    ]
    values = [row[2].split() for row in rows]
    assert [features == "-" for features, *_ in values] == [False] * 3 + [True] * 8
    assert all(float(value) < 1e-2 for row in values for value in row if value != "-")
    paths = re.fullmatch(
        r"paths of kws\.runtime, in calls: general (\d+), one frame (\d+), one size (\d+), closed "
        r"form (\d+), any size (\d+), unbound (\d+), repeated size (\d+), quiet (\d+), long chunk "
        r"(\d+), batch (\d+)",
        " ".join(line.strip() for line in lines[14:16]),
    )
    assert all(int(number) > 0 for number in paths.groups())
    assert lines[16:] == ["they agree"]


def test_paths_that_were_not_taken_are_named(run):
    status, out, _ = run("small.kws", "small.onnx", "quiet.wav", "--threshold", "1")
    assert status == 0
    never = re.search(r"^never taken: (.*); longer recordings would tell more$", out, re.MULTILINE)
    assert "long chunk" in never[1].split(", ")
    assert "general" not in never[1].split(", ")


def test_a_chain_for_one_size_alone_that_is_spoilt(run, folder):
    # closed form, for chunks of 80 ms
    spoil(folder / "small.onnx", folder / "spoilt.onnx", [(0, "then"), (0, "then"), (0, "else")])
    status, out, _ = run("small.kws", "spoilt.onnx", "sound.wav")
    assert status == 1
    told = {line.split(": ")[1] for line in out.splitlines() if line.startswith("sound.wav: ")}
    assert told == {"kws.runtime, 80 ms", "kws.runtime, 80 ms, floats", "kws detect, kws listen"}
    assert out.splitlines()[-1] == "they do NOT agree"


def test_posteriors_beyond_tolerance_are_told(run, folder):
    chain = [(0, "then"), (0, "then"), (0, "then")]  # a single frame
    spoil(folder / "small.onnx", folder / "spoilt.onnx", chain, "posteriors")
    status, out, _ = run("small.kws", "spoilt.onnx", "sound.wav")
    assert status == 1
    told = r"^sound\.wav: kws\.runtime, 10 ms: a posterior differs by 0\.0\d+; allowed is 0\.001$"
    assert re.search(told, out, re.MULTILINE)


def test_what_a_file_of_8_bits_is_compared_with(run, folder):
    words = ("export", "small.kws", "int8.onnx", "--int8", "--calibration", "sound.wav")
    assert kws([*words]) == 0
    status, out, _ = run("small.kws", "int8.onnx", "sound.wav")
    assert status == 0
    head = "largest difference to the whole recording at once, from the third way on to the "
    assert f"{head}exported file:\n" in out


def test_damage_is_told_with_its_place(run):
    status, out, _ = run("small.kws", "damaged.onnx", "quiet.wav", "sound.wav")
    assert status == 1
    assert out.splitlines()[-1] == "they do NOT agree"
    place = r"sound\.wav: exported file: a confidence differs by 0\.\d+ at \d\.\d\d s; allowed is "
    assert re.search(rf"^{place}0\.0001$", out, re.MULTILINE)
    event = r"(lacks|adds) '(ab|c)' at \d\.\d\d s \(frames \d+ to \d+, "
    lacks = rf"^sound\.wav: kws\.runtime, 10 ms: {event}"
    assert re.search(lacks, out, re.MULTILINE)
    assert re.search(r"^  kws\.runtime, 10 ms .* \d+ differ$", out, re.MULTILINE)
    assert re.search(r"^  streaming .* the same$", out, re.MULTILINE)


def test_much_is_told_in_few_lines(run):
    status, out, _ = run("small.kws", "damaged.onnx", "sound.wav", "--threshold", "0.2")
    assert status == 1
    about = [line for line in out.splitlines() if line.startswith("sound.wav: exported file: ")]
    assert len(about) == 6
    assert re.search(r"^exported file: \d+ more; --json tells all$", out, re.MULTILINE)


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
    assert said["ways"]["kws.runtime, 10 ms"]["confidences"] > 1e-4
    assert said["ways"]["kws.runtime, 10 ms"]["tolerance"] == 1e-4
    assert said["paths"]["closed form"] > 0
    first = said["recordings"][0]
    assert first["file"] == "sound.wav"
    assert not first["agree"]
    assert (
        first["ways"]["kws.runtime, 10 ms"]["missing"]
        or first["ways"]["kws.runtime, 10 ms"]["extra"]
    )
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
