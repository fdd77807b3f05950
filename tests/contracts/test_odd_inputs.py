"""Every odd input that `make_odd_inputs` makes is read, or refused in one clear line."""

from __future__ import annotations

import csv
import logging
import re
import subprocess
import sys
from pathlib import Path

import make_odd_inputs
import pytest
from odd_data import TEXTS, odd_data_dirs
from odd_input import Odd
from odd_sounds import odd_sounds
from runtime_level import write_level

from kws.audio import NOTICES
from kws.cli.main import run

ROOT = Path(__file__).parents[2]
SOUNDS = [odd for odd, _ in odd_sounds()]
DATA_DIRS = [odd for odd, _ in odd_data_dirs()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    make_odd_inputs.make(folder)
    write_level(folder / "level.onnx")
    return folder


class Program:
    """Runs a command; its status, what it printed, and what it said, warnings included."""

    def __init__(self, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
        self._capfd, self._caplog = capfd, caplog

    def __call__(self, *words: object) -> tuple[int, str, list[str]]:
        NOTICES.clear()
        self._caplog.clear()
        with self._caplog.at_level(logging.WARNING):
            status = run([str(word) for word in words])
        out, said = self._capfd.readouterr()  # what C libraries write there is seen too
        warnings = [record.getMessage() for record in self._caplog.records]
        assert "Traceback" not in out + said
        assert all(len(line.splitlines()) == 1 for line in warnings)
        return status, out, said.splitlines() + warnings


@pytest.fixture
def kws(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Program:
    return Program(capfd, caplog)


def check_said(odd: Odd, said: list[str]) -> None:
    if odd.says is not None:
        assert odd.says in "\n".join(said)
        assert bool(odd.says) == bool(said)


@pytest.mark.parametrize("odd", SOUNDS, ids=lambda odd: odd.name)
def test_a_sound_is_searched_or_refused(odd: Odd, folder: Path, kws: Program) -> None:
    status, out, said = kws("detect", folder / "level.onnx", folder / odd.name)
    assert status == odd.status, said
    check_said(odd, said)
    assert all(str(folder / odd.name) in line for line in said)
    if odd.status:
        assert (len(said), out) == (1, "")


@pytest.mark.parametrize("odd", SOUNDS, ids=lambda odd: odd.name)
def test_a_sound_is_examined_or_refused(odd: Odd, folder: Path, kws: Program) -> None:
    status, out, said = kws("doctor", folder / odd.name)
    if odd.status or odd.finds is None:
        assert (status, out) == (2, "")
        assert str(folder / odd.name) in said[-1]
    else:
        findings = "\n".join(line for line in out.splitlines() if line.startswith("- "))
        assert status == bool(findings)
        assert odd.finds in findings


@pytest.mark.parametrize("odd", DATA_DIRS, ids=lambda odd: odd.name)
def test_a_data_dir_is_valid_or_its_faults_are_named(odd: Odd, folder: Path, kws: Program) -> None:
    words = ["--keywords", odd.keyword] if odd.keyword else []
    status, out, said = kws("data", "validate", *words, folder / odd.name)
    assert status == odd.status, said
    notes = [line for line in out.splitlines() if line.startswith("note: ")]
    check_said(odd, said + notes)
    assert all(str(folder / odd.name) in line for line in said + notes)
    assert ("valid: " in out) == (odd.status == 0)


def test_the_program_writes_the_table_and_prints_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tests/make_odd_inputs.py", tmp_path],
        stdout=subprocess.PIPE,
        check=True,
    )
    assert done.stdout == (tmp_path / "README.tsv").read_bytes()
    with (tmp_path / "README.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["file"] for row in rows] == [odd.name for odd in (*SOUNDS, *DATA_DIRS)]
    assert all((tmp_path / row["file"]).exists() for row in rows)


@pytest.mark.parametrize(("name", "keyword", "texts"), TEXTS, ids=lambda value: str(value)[:12])
def test_a_keyword_is_found_however_it_is_written(
    name: str, keyword: str, texts: list[str], folder: Path, kws: Program
) -> None:
    words = ["--tables-only", "--keywords", keyword or "jarvis"]
    _, out, _ = kws("data", "validate", *words, folder / f"data/text-{name}")
    num_found = len(texts) if keyword else 0
    num_others = 1 + len(texts) - num_found
    # its name in what is printed has the case folded
    assert re.search(f"utterances: {num_found} of ['\"].*, {num_others} without a keyword", out)
