"""The recipe itself, every stage, on a cut-down corpus."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.cli.main import run as kws
from kws.data import read_data_dir, write_data_dir

ROOT = Path(__file__).resolve().parents[2]
EVENT_KEYS = {"file", "keyword", "start_s", "end_s", "peak_s", "confidence"}


def recipe(exp: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run recipes/run.sh with the environment of these tests."""
    environment = {**os.environ, "KWS_VENV": sys.prefix, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [str(ROOT / "recipes" / "run.sh"), "--exp", str(exp), *options],
        capture_output=True,
        text=True,
        env=environment,
        stdin=subprocess.DEVNULL,
        timeout=280,
        check=False,
    )


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    config = tmp_path_factory.mktemp("conf") / "train.conf"
    config.write_text(
        (ROOT / "conf" / "train_ce.conf").read_text(encoding="utf-8")
        + "--num-epochs=4\n--utterances-per-epoch=240\n--realign-epochs=3\n",
        encoding="utf-8",
    )
    return [
        *("--keywords", "computer", "--corpus-scale", "0.03", "--objective", "ce"),
        *("--voices", "espeak"),
        *("--train-config", str(config), "--network", "conf/dnn_normalize.config"),
    ]


@pytest.fixture(scope="module")
def exp(tmp_path_factory: pytest.TempPathFactory, options: list[str]) -> Path:
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("recipe") / "exp für mich"
    done = recipe(folder, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_stage_leaves_what_it_promises(exp: Path) -> None:
    for name in (
        "data/train/wav.scp",
        "feats/cmvn.stats",
        "train.ctm",
        "final.kws",
        "train.log",
        "eval/report.html",
        "eval/det.png",
        "eval_long/operating_points.csv",
        "final.onnx",
    ):
        assert (exp / name).stat().st_size > 0, name


def test_the_operating_point_is_one_that_was_solved_on_dev(exp: Path) -> None:
    with (exp / "eval" / "operating_points.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["keyword"] for row in rows} == {"computer"}
    solved = [row for row in rows if row["threshold_source"] == "dev-solved"]
    assert {row["set"] for row in solved} == {"dev", "test"}
    assert len({row["threshold"] for row in solved}) == 1
    assert all(int(row["positives"]) > 0 for row in solved)


def test_events_of_the_long_recording_are_json_lines(exp: Path) -> None:
    text = (exp / "long" / "events.jsonl").read_text(encoding="utf-8")
    events = [json.loads(line) for line in text.splitlines()]
    assert all(set(event) == EVENT_KEYS for event in events)
    for event in events:  # so short a training may not place words
        known = (event["start_s"] is not None, event["end_s"] is not None)
        assert known in ((True, True), (False, False))
        assert not known[0] or 0 <= event["start_s"] < event["end_s"]


def test_the_exported_file_finds_the_same_events(
    exp: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = exp / "long" / (exp / "long" / "wav.scp").read_text().split(maxsplit=1)[1].strip()
    assert kws(["detect", str(exp / "final.onnx"), str(recording)]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    text = (exp / "long" / "events.jsonl").read_text(encoding="utf-8")
    expected = [json.loads(line) for line in text.splitlines()]
    assert [(e["keyword"], e["start_s"]) for e in found] == [
        (e["keyword"], e["start_s"]) for e in expected
    ]
    confidences = [event["confidence"] for event in expected]
    assert [event["confidence"] for event in found] == pytest.approx(confidences, abs=1e-4)


def test_a_stage_runs_again_alone(exp: Path, options: list[str]) -> None:
    model = (exp / "final.kws").read_bytes()
    done = recipe(exp, *options, "--stage", "6", "--stop-stage", "6")
    assert done.returncode == 0, done.stderr
    assert "stage 6" in done.stdout
    assert "(float32): 6 recording(s), " in done.stdout
    assert done.stdout.endswith("they agree\n")
    assert "stage 3" not in done.stdout
    assert (exp / "final.kws").read_bytes() == model


def test_folders_are_named_one_by_one(exp: Path, tmp_path: Path) -> None:
    corpus, out = exp / "corpus", tmp_path / "aus zwei Hälften"
    train = [corpus / "train", corpus / "test"]
    dirs = ["--dev", str(corpus / "dev"), "--test", str(corpus / "noise_train")]
    for path in train:
        dirs += ["--train", str(path)]
    done = recipe(out, *dirs, "--stop-stage", "0")
    assert done.returncode == 0, done.stderr
    numbers = [len((path / "text").read_text().splitlines()) for path in train]
    assert len((out / "data" / "train" / "text").read_text().splitlines()) == sum(numbers)


def test_missing_negatives_are_told_in_stage_0(exp: Path, tmp_path: Path) -> None:
    for name in ("train", "dev", "test"):
        data, out = exp / "corpus" / name, tmp_path / name
        texts = (data / "text").read_text(encoding="utf-8").splitlines(keepends=True)
        held = [line for line in texts if "computer" in line.split()][:3]
        (tmp_path / "list").write_text("".join(held))
        assert kws(["data", "subset", "--utt-list", f"{tmp_path}/list", str(data), str(out)]) == 0
        (out / "ctm").unlink()
    dirs = [word for name in ("train", "dev", "test") for word in (f"--{name}", tmp_path / name)]
    done = recipe(tmp_path / "exp", "--keywords", "computer", *map(str, dirs))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "data/train: every utterance holds 'computer': no false alarm could be" in done.stderr
    # a model that is taught further may know other speech; thresholds need it all the same
    dirs += ["--init-from", exp / "final.kws"]
    done = recipe(tmp_path / "exp", "--keywords", "computer", *map(str, dirs))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "data/dev: every utterance holds 'computer': no false alarm could be" in done.stderr


def test_a_silent_channel_stops_it_and_the_remedy_helps(exp: Path, tmp_path: Path) -> None:
    """Recordings of two channels of which the second holds the speech."""
    dirs = []
    for name in ("train", "dev", "test"):
        data = read_data_dir(exp / "corpus" / name)
        utterances = [u for u in data.utterances if "computer" in u.text][:2]
        utterances += [u for u in data.utterances if "computer" not in u.text][:2]
        (tmp_path / name).mkdir()
        for utterance in utterances:
            samples = data.load(utterance).samples.astype(np.int16)
            both = np.stack([np.zeros_like(samples), samples], axis=1)
            soundfile.write(tmp_path / name / f"{utterance.id}.wav", both, 16000)
        entries = [replace(u, recording=f"{tmp_path}/{name}/{u.id}.wav") for u in utterances]
        write_data_dir(tmp_path / name, entries)
        dirs += [f"--{name}", str(tmp_path / name)]
    words = ["--keywords", "computer", *dirs, "--stop-stage", "2"]
    done = recipe(tmp_path / "exp", *words)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "train/wav.scp: 4 of 4 recordings are silent" in line
    assert "use --channel 1, or leave them out" in line
    done = recipe(tmp_path / "exp", *words, "--channel", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is silent" not in done.stdout + done.stderr
    assert (tmp_path / "exp" / "train.ctm").exists()


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (["--stage", "two"], "--stage two: must be a whole number"),
        (["--objective", "ctc"], "--objective ctc: must be ce or max-pool"),
        (["--train", "/"], "--train, --dev and --test belong together"),
        (["--train", "a b"], "--train a b: no such folder; several folders are given each with"),
        (["--voices", "mine"], "--voices mine: must be auto, kokoro or espeak"),
        (["--channel", "left"], "--channel left: must be a number from 0, or mean"),
        (["--speed"], "unknown option --speed"),
        (["--exp"], "--exp needs a value"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    tmp_path: Path, mistake: list[str], message: str
) -> None:
    done = recipe(tmp_path / "exp", *mistake)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
