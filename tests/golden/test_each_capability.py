"""each_capability.sh asks for what the processor has, and fails when one run fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("each_capability.sh")


def ran(path: Path, best: str, status: int = 0) -> tuple[int, list[str]]:
    """Exit status, and the capability and arguments of each pytest, in a checkout at `path`."""
    golden = path / "tests" / "golden"
    golden.mkdir(parents=True)
    shutil.copy(SCRIPT, golden)
    programs = {
        "python": f"echo {best}",
        "pytest": f'echo "$ATEN_CPU_CAPABILITY: $*" >> pytest.log; exit {status}',
    }
    for name, text in programs.items():
        (path / name).write_text(f"#!/bin/sh\n{text}\n")
        (path / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}"}
    command = [golden / SCRIPT.name, "-k", "a b"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    log = path / "pytest.log"
    return done.returncode, log.read_text().splitlines() if log.exists() else []


@pytest.mark.parametrize(
    ("best", "lesser"),
    [("AVX512", ["avx2", "default"]), ("AVX2", ["default"]), ("DEFAULT", []), ("SVE256", [])],
)
def test_each_lesser_capability_has_its_run(best: str, lesser: list[str], tmp_path: Path) -> None:
    expected = [f"{capability}: -q tests/golden -k a b" for capability in lesser]
    assert ran(tmp_path / "with blänks", best) == (0, expected)


def test_a_failing_run_fails_the_script(tmp_path: Path) -> None:
    status, runs = ran(tmp_path / "a", "AVX512", status=1)
    assert (status, len(runs)) == (1, 1)
