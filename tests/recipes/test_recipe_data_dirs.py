"""The recipes on data dirs with commands in wav.scp, and on sets that hold no sound."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kws.audio import write_audio

ROOT = Path(__file__).resolve().parents[2]
READS_AUDIO = ("data", "features", "align", "train ", "evaluate")


def make_set(folder: Path, name: str, *, num_silent: int = 0, command: str = "") -> Path:
    """A data dir of three recordings, named as files or by a command in front of them."""
    for number in range(3):
        samples = np.random.default_rng(number).normal(0, 1000, 8000)
        write_audio(
            folder / f"{name}{number}.wav", samples if number >= num_silent else 0 * samples, 16000
        )
    path = folder / name
    path.mkdir()
    entries = [
        f"{command} {folder}/{name}{n}.wav |" if command else f"../{name}{n}.wav" for n in "012"
    ]
    for table, values in (
        ("wav.scp", entries),
        ("text", ["computer", "computer", "hello"]),
        ("utt2spk", ["anna"] * 3),
    ):
        lines = (f"{name}{number} {value}\n" for number, value in enumerate(values))
        (path / table).write_text("".join(lines))
    (path / "spk2utt").write_text(f"anna {name}0 {name}1 {name}2\n")
    return path


def run(script: str, *words: object, venv: object = sys.prefix) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / script), *map(str, words)],
        capture_output=True,
        text=True,
        env={**os.environ, "KWS_VENV": str(venv), "OMP_NUM_THREADS": "1"},
        timeout=280,
        check=False,
    )


def test_commands_run_with_leave_in_every_script(tmp_path: Path) -> None:
    sets = [make_set(tmp_path, name, command="cat") for name in ("train", "dev", "test")]
    given = [word for path in sets for word in (f"--{path.name}", path)]
    words = ("--exp", tmp_path / "exp", *given, "--stop-stage", "0")
    done = run("recipes/run.sh", *words)
    assert done.returncode == 2
    assert done.stderr.startswith(
        f"{sets[0]}/wav.scp:1: `cat {tmp_path}/train0.wav |` is a command"
    )
    assert done.stderr.count("\n") == 1
    done = run("recipes/run.sh", *words, "--allow-commands")
    assert (done.returncode, done.stderr) == (0, "")
    assert "data/test: valid: 3 utterances" in done.stdout
    cut = ("local/prepare_listed_sets.sh", "--allow-commands", tmp_path / "cut", *sets[:2])
    (sets[1] / "lists").mkdir()
    (sets[1] / "lists" / "test.txt").write_text("dev1\n")
    assert run(*cut).returncode == 0
    for path, number in (("train/train", 3), ("test/dev", 1)):
        assert (tmp_path / "cut" / path / "wav.scp").read_text().count("|\n") == number


def fake_environment(folder: Path) -> Path:
    """One that is complete by the rules of recipes/env.sh, and whose `kws` only notes its words."""
    (folder / "bin").mkdir(parents=True)
    for name, body in (
        ("pip", ""),
        ("python", f"echo {ROOT}/kws"),
        ("kws", f'echo "$*" >>{folder}/calls'),
    ):
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / "bin" / name).chmod(0o755)
    content = b"".join(
        (ROOT / p).read_bytes() for p in ("pyproject.toml", "recipes/requirements.lock")
    )
    for extra in ("train", "hmm"):
        (folder / f".kws-{extra}-{hashlib.sha256(content).hexdigest()[:16]}").touch()
    return folder


def test_every_program_that_reads_a_data_dir_is_given_the_leave(tmp_path: Path) -> None:
    sets = [make_set(tmp_path, name) for name in ("train", "dev", "test")]
    given = [word for path in sets for word in (f"--{path.name}", path)]
    exp = tmp_path / "exp"
    for path in (exp / "long", exp / "data" / "test"):
        path.mkdir(parents=True)
    (exp / "long" / "wav.scp").write_text("long audio/long.flac\n")
    # what is compared in stage 6 are files; a command or a place in an archive is none
    files = [f"t{n} {tmp_path}/test{n}.wav" for n in range(3)]
    others = [f"u{n} flac -c -d -s {tmp_path}/a{n}.flac |" for n in range(9)]
    lines = [*others, *files, f"v {tmp_path}/a.ark:5"]
    (exp / "data" / "test" / "wav.scp").write_text("".join(f"{line}\n" for line in lines))
    venv = fake_environment(tmp_path / "venv")
    done = run("recipes/run.sh", "--exp", exp, *given, "--allow-commands", venv=venv)
    assert done.returncode == 0, done.stderr
    calls = (venv / "calls").read_text().splitlines()
    on_long = [call for call in calls if f"--test {exp}/long" in call]
    reading = [call for call in calls if call.startswith(READS_AUDIO) and call not in on_long]
    names = [" ".join(call.split()[: 2 if call.startswith("data") else 1]) for call in reading]
    assert names == [
        *["data combine", "data validate"] * 3,
        "features",
        *["align"] * 2,
        "train",
        "evaluate",
        "data join",
    ]
    assert all("--allow-commands" in call.split() for call in reading)
    verified = calls[-1].split()
    assert verified[0] == "verify"
    assert verified[3:] == [f"{exp}/long/audio/long.flac", *(line.split()[1] for line in files)]


def test_so_does_the_recipe_of_phones(tmp_path: Path) -> None:
    venv = fake_environment(tmp_path / "venv")
    for name in ("train", "dev"):
        make_set(tmp_path, name)
    words = ("--exp", tmp_path / "exp", "--data", tmp_path, "--stop-stage", "1")
    assert run("recipes/timit/run.sh", *words, "--allow-commands", venv=venv).returncode == 0
    calls = (venv / "calls").read_text().splitlines()
    assert len(calls) == 2 + 6  # validation, three kinds of features
    assert all("--allow-commands" in call.split() for call in calls)


@pytest.mark.parametrize("num_silent", [1, 2])
def test_stage_0_stops_where_a_set_is_mostly_silent(tmp_path: Path, num_silent: int) -> None:
    given: list[object] = []
    for name in ("train", "dev", "test"):
        path = make_set(tmp_path, name, num_silent=num_silent if name == "dev" else 0)
        given += [f"--{name}", path]
    exp = tmp_path / "exp"
    done = run("recipes/run.sh", "--exp", exp, *given, "--stop-stage", "0")
    assert f"dev/wav.scp: {num_silent} of 3 recordings: silent" in done.stdout
    if num_silent == 1:
        assert (done.returncode, done.stderr) == (0, "")
        return
    assert done.returncode == 2
    assert done.stderr == (
        f"{exp}/data/dev/wav.scp: 2 of 3 recordings are silent, dev0 first; nothing is learnt from "
        "silence: record them again, or leave them out\n"
    )
