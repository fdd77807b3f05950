"""The programs of local/ and recipes/ can be started as the documents say, and say how."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from documents import ROOT, Reader, program_blocks
from ready_python import ReadyPython

PROGRAMS = sorted(
    str(path.relative_to(ROOT))
    for folder in ("local", "recipes")
    for suffix in ("py", "sh")
    for path in (ROOT / folder).rglob(f"*.{suffix}")
    if path.name != "env.sh"  # is sourced
)
RECIPES = [name for name in PROGRAMS if name.endswith("run.sh")]


def examples(name: str) -> list[str]:
    """The lines of the examples of a program's command."""
    blocks = program_blocks(ROOT / name, name)
    return [line for b in blocks if b.heading == "Examples" for line in b.text.splitlines()]


@pytest.mark.parametrize("name", [*PROGRAMS, "tests/run.sh", ".ci/run"])
def test_a_program_can_be_started_by_its_name(name: str) -> None:
    assert os.access(ROOT / name, os.X_OK), f"git update-index --chmod=+x {name}"
    first = (ROOT / name).read_text(encoding="utf-8").splitlines()[0]
    assert first == f"#!/usr/bin/env {'python3' if name.endswith('.py') else 'bash'}"


def test_programs_that_documents_name_are_there() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("recipes/**/*.md")]
    text = "".join(path.read_text(encoding="utf-8") for path in documents)
    named = set(re.findall(r"(?:local|recipes)/[\w/]+\.(?:py|sh)", text))
    assert len(named) > 5
    assert named <= set(PROGRAMS)


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name.endswith(".py")])
def test_help_prints_the_examples_line_by_line(
    name: str, tmp_path: Path, ready: ReadyPython
) -> None:
    (tmp_path / Path(name).parts[0]).symlink_to(ROOT / Path(name).parts[0])
    told = [
        line.strip() for line in Reader(tmp_path, ready.programs).run(f"{name} --help").splitlines()
    ]
    assert examples(name), "write Examples: into the docstring"
    for line in examples(name):
        assert line in told
        assert line.startswith(f"{name} "), "a reader stands in the checkout"


@pytest.mark.parametrize("name", RECIPES)
def test_the_options_of_a_recipes_help_are_its_own(name: str, tmp_path: Path) -> None:
    def told(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ROOT / name, *words], capture_output=True, text=True, cwd=tmp_path, check=False
        )

    usage = told("--help")
    assert usage.returncode == 0
    flags = set(re.findall(r"\[(--[a-z-]+)\]", usage.stdout))  # without a value
    options = sorted(set(re.findall(r"--[a-z][a-z-]+", usage.stdout)) - flags)
    assert len(options) > 5
    for option in options:
        refused = told(option)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr == f"{name}: {option} needs a value; see --help\n"
    assert told("--no-such-option", "1").stderr.startswith(f"{name}: unknown option")
