"""The program that makes a synthetic corpus, as a user runs it."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "local" / "synthesize_corpus.py"


def run(*args):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, args)], capture_output=True, text=True, timeout=120
    )


def test_small_corpus_of_another_keyword(tmp_path):
    args = (tmp_path, "--keywords", "Hey Marvin", "--scale", "0.005", "--test-positives", "4")
    args = (*args, "--voices", "espeak")
    done = run(*args)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(":")[0].rpartition("/")[2] for line in lines] == [
        "noise_train",
        "noise_dev",
        "noise_test",
        "rir_train",
        "train",
        "dev",
        "test",
    ]
    assert "2 speakers: 4 'hey marvin', 0.0" in lines[-1]
    assert "hey marvin" in (tmp_path / "test" / "text").read_text()
    again = run(*args)
    assert again.returncode == 0
    assert again.stdout.splitlines() == [line + " (made before)" for line in lines]
    other = run(*args, "--seed", "5")
    assert other.returncode == 2
    assert "noise_train: was made with seed 0, not 5" in other.stderr


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--keywords", ""), "keywords '': a keyword is missing"),
        (("--keywords", "computer,,jarvis"), "a keyword is missing"),
        (("--keywords", "123"), "'123' is not a word of Latin letters"),
        (("--scale", "0"), "scale 0.0: must be greater than 0"),
        (("--nj", "0"), "--nj"),
        (("--voices", "festival"), "--voices festival: must be auto, kokoro or espeak"),
        (("--voices", "kokoro", "--kokoro", "nowhere"), "Kokoro is not there; `kws voices` says"),
        (("--test-hours", "nan"), "--test-hours"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, args, message):
    done = run(tmp_path / "out", *args)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
