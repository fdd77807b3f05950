"""Why kws/kaldi reads tables itself and not by kaldi_native_io, which the tests compare it with.

Each test shows a fault of the library that "one clear line for every mistake" cannot be built on.
One that fails after an update says that the fault is gone: then decide again.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import kaldi_native_io
import numpy as np
import pytest

from kws.errors import InputError
from kws.kaldi import read_matrices


@pytest.fixture(autouse=True)
def content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The bytes of x.ark, three matrices."""
    monkeypatch.chdir(tmp_path)
    with kaldi_native_io.FloatMatrixWriter("ark:x.ark") as writer:
        for key in "abc":
            writer.write(key, np.ones((3, 4), dtype=np.float32))
    return Path("x.ark").read_bytes()


def keys_by_library(rspecifier: str) -> list[str]:
    with kaldi_native_io.SequentialFloatMatrixReader(rspecifier) as reader:
        return [key for key, _ in reader]


@pytest.mark.parametrize(("cut", "behind"), [(5, b""), (60, b""), (65, b"zzz\n")])
def test_a_damaged_archive_is_a_shorter_table_to_it(
    content: bytes, cut: int, behind: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    """No exception tells: only lines on standard error, which a program cannot act on."""
    Path("x.ark").write_bytes(content[:-cut] + behind)
    assert keys_by_library("ark:x.ark") == ["a", "b"]
    assert capfd.readouterr().err.count("\n") > 3
    with pytest.raises(InputError, match=r"^ark:x\.ark: (c|zzz): ends too early \(cut short\?\)"):
        list(read_matrices("ark:x.ark"))


def test_it_runs_commands_without_leave() -> None:
    Path("x.scp").write_text("a touch ran; cat x.ark |\n")
    with pytest.raises(InputError, match="--allow-commands"):
        list(read_matrices("scp:x.scp"))
    assert not Path("ran").exists()
    with pytest.raises(RuntimeError):
        keys_by_library("scp:x.scp")
    assert Path("ran").exists()


def test_it_reads_an_object_by_name_only_and_tells_not_where_it_ended(content: bytes) -> None:
    """So its decoding cannot be put behind keys that are read here, nor behind standard input."""
    assert kaldi_native_io.FloatMatrix.read("x.ark:2").numpy().shape == (3, 4)
    with Path("x.ark").open("rb") as stream, pytest.raises(TypeError):
        kaldi_native_io.FloatMatrix.read(stream)
    with pytest.raises(RuntimeError):  # bytes are taken for a name
        kaldi_native_io.FloatMatrix.read(content[2:])


def test_it_makes_room_for_whatever_a_header_claims() -> None:
    """A file of 18 bytes costs 300 MB."""
    Path("x.mat").write_bytes(b"\0BFM " + struct.pack("<bibi", 4, 5000, 4, 15000) + b"xxx")
    program = """
import resource, kaldi_native_io
try:
    kaldi_native_io.FloatMatrix.read("x.mat")
except RuntimeError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert int(done.stdout) > 290_000  # kB
