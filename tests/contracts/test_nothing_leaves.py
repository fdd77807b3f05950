"""No word goes home: a running detector looks no host up and leaves no file behind.

onnxruntime 1.32 would do both, were it not imported by `kws.inference`: an id and a queue at once,
the look-up some 20 s after its start.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from runtime_level import RATE, bursts, write_level

DETECT = [sys.executable, "-c", "from kws.cli.main import main; main()", "detect"]
DURATION_S = 30.0
PIECE = RATE // 10  # samples
LOOK_UP = """
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("127.0.0.1", 53))
open("left", "w")
"""


def reason_against_strace() -> str | None:
    """Why the system calls of a process cannot be seen here; None: they can."""
    if not shutil.which("strace"):
        return "strace is not installed (Debian: strace)"
    tried = subprocess.run(["strace", "-f", "-qq", "true"], capture_output=True, text=True)
    return tried.stderr.strip().partition("\n")[0] if tried.returncode else None


REASON = reason_against_strace()
needs_strace = pytest.mark.skipif(REASON is not None, reason=f"needs strace: {REASON}")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    return path


def environment(home: Path) -> dict[str, str]:
    """Of a user who has nothing yet: whatever a library may write its files to is `home`."""
    theirs = ("ORT_", "XDG_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(theirs)}
    # what Python itself compiles is no word to anyone
    return kept | {"HOME": str(home), "TMPDIR": str(home), "PYTHONDONTWRITEBYTECODE": "1"}


def traced(command: list[str], home: Path) -> subprocess.Popen[bytes]:
    """A process whose system calls are written to `trace` beside `home`."""
    # with ?: those that not every processor has
    calls = "trace=network,?open,openat,?creat,?mkdir,mkdirat,?rename,?renameat,renameat2"
    trace = ["strace", "-f", "-qq", "-e", calls, "-o", str(home.with_name("trace")), *command]
    return subprocess.Popen(
        trace, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(home), cwd=home
    )


def told_and_left(home: Path) -> tuple[list[str], list[str]]:
    """The calls of a traced process that can reach another host, and those that leave a file."""
    lines = home.with_name("trace").read_text(errors="replace").splitlines()
    assert any("openat(" in line for line in lines)  # it has seen a process
    told = [line for line in lines if re.search(r"AF_INET|AF_NETLINK|resolv\.conf", line)]
    left = [line for line in lines if re.search(r"O_CREAT|creat\(|mkdir|rename", line)]
    return told, left


@needs_strace
def test_a_trace_shows_what_is_told_and_what_is_left(home: Path) -> None:
    process = traced([sys.executable, "-c", LOOK_UP], home)
    process.communicate()
    told, left = told_and_left(home)
    assert any("connect(" in line and "htons(53)" in line for line in told)
    assert len(left) == 1 and '"left"' in left[0]


@needs_strace
def test_a_detector_that_hears_for_half_a_minute_tells_no_one(home: Path, tmp_path: Path) -> None:
    model = write_level(tmp_path / "level.onnx")
    process = traced([*DETECT, str(model), "-"], home)
    assert process.stdin is not None
    start = time.monotonic()
    for index, piece in enumerate(np.array_split(bursts(DURATION_S), round(DURATION_S * 10)), 1):
        process.stdin.write(piece.astype("<i2").tobytes())
        process.stdin.flush()
        time.sleep(max(0.0, start + index * PIECE / RATE - time.monotonic()))
    printed, _ = process.communicate()
    assert process.returncode == 0
    assert len(printed.splitlines()) > 10
    assert told_and_left(home) == ([], [])
    assert list(home.rglob("*")) == []


@pytest.mark.parametrize(
    "code",
    [
        "import kws.runtime",
        "import kws.export, kws.verification",
        "import subprocess, sys, kws.runtime\n"
        "subprocess.run([sys.executable, '-c', 'import onnxruntime'], check=True)",
        # what docs/deploy.md asks of a program that comes first
        "import os; os.environ['ORT_DISABLE_TELEMETRY'] = '1'; import onnxruntime, kws.runtime",
    ],
)
def test_a_program_that_loads_onnxruntime_leaves_nothing(code: str, home: Path) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, env=environment(home), cwd=home)
    assert list(home.rglob("*")) == []


def test_there_is_no_other_import() -> None:
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--stdin-filename",
        "kws/runtime/other.py",
        "-",
    ]
    root = Path(__file__).resolve().parents[2]
    for line in ("import onnxruntime\n", "from onnxruntime import InferenceSession\n"):
        done = subprocess.run(
            command, input=f"{line}\n__all__ = ['{line.split()[-1]}']\n", text=True,
            capture_output=True, cwd=root,
        )  # fmt: skip
        assert "TID251" in done.stdout and "kws.inference" in done.stdout
