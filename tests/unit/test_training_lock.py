"""A folder's lock, held by a process that is killed while one that it has forked lives on."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kws.errors import InputError
from kws.training.lock import FILE_NAME, locked

HOLDER = """
import os, sys, time
from pathlib import Path
from kws.training.lock import locked
with locked(Path(sys.argv[1])):
    child = os.fork()
    if child:
        print(child, flush=True)
    time.sleep(600)
"""


def test_it_ends_with_the_process_and_not_with_its_children(tmp_path: Path) -> None:
    exp = tmp_path / "exp"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(exp)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    try:
        with pytest.raises(InputError) as refused, locked(exp):
            pass
        assert str(refused.value) == (
            f"{exp}: another training is running in this folder; wait until it has ended, or give "
            "another --exp"
        )
        with locked(tmp_path / "other"):
            pass
        holder.kill()
        holder.wait()
        os.kill(child, 0)  # is there still
        with locked(exp):
            pass
    finally:
        holder.kill()
        os.kill(child, signal.SIGKILL)
        holder.communicate()


def test_nothing_of_it_stays(tmp_path: Path) -> None:
    with locked(tmp_path / "a" / "exp"):
        assert (tmp_path / "a" / "exp").is_dir()
    assert list(tmp_path.iterdir()) == []
    exp = tmp_path / "exp"
    exp.mkdir()
    with locked(exp):
        pass
    assert list(tmp_path.rglob("*")) == [exp]
    with locked(tmp_path / "b"):
        (tmp_path / "b" / "final.kws").touch()
    assert list((tmp_path / "b").iterdir()) == [tmp_path / "b" / "final.kws"]


def test_a_file_that_its_holder_removes_meanwhile_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lockf, inodes = fcntl.lockf, []

    def removed_at_first(descriptor: int, flags: int) -> None:
        lockf(descriptor, flags)
        inodes.append(os.fstat(descriptor).st_ino)
        if len(inodes) == 1:
            (tmp_path / FILE_NAME).rename(tmp_path / "removed")

    monkeypatch.setattr(fcntl, "lockf", removed_at_first)
    with locked(tmp_path):
        assert len(inodes) == 2
        assert (tmp_path / FILE_NAME).stat().st_ino == inodes[1]


def test_it_ends_with_the_block(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from kws.training.lock import locked\n"
    code += "with locked(Path(sys.argv[1])): pass"
    other = [sys.executable, "-c", code, str(tmp_path)]
    with locked(tmp_path):
        assert subprocess.run(other, stderr=subprocess.DEVNULL).returncode != 0
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        _ = 1 // 0
    assert subprocess.run(other).returncode == 0


def test_a_file_system_without_locks_is_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lockf(number: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "lockf", lambda *given: lockf(errno.ENOLCK))
    with locked(tmp_path):
        pass
    monkeypatch.setattr(fcntl, "lockf", lambda *given: lockf(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"), locked(tmp_path):
        pass
