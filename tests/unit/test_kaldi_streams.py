from __future__ import annotations

import gzip
import io
import os
import threading
import types
from pathlib import Path

import numpy as np
import pytest

from kws.errors import InputError
from kws.kaldi import read_int_vectors, read_matrix, write_int_vectors, write_matrix

VECTORS = {"a": [1, 2, 3], "b": []}


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(wspecifier: str, times: int = 1, allow_commands: bool = True) -> None:
    with write_int_vectors(wspecifier, allow_commands=allow_commands) as writer:
        for _ in range(times):
            for key, values in VECTORS.items():
                writer.write(key, values)


def read(rspecifier: str) -> dict[str, list[int]]:
    table = read_int_vectors(rspecifier, allow_commands=True)
    return {key: vector.tolist() for key, vector in table}


def test_what_is_packed_is_the_archive_and_always_the_same_bytes() -> None:
    write("ark:x.ark")
    write("ark:x.ark.gz")
    write("ark:again.ark.gz")
    packed = Path("x.ark.gz").read_bytes()
    assert gzip.decompress(packed) == Path("x.ark").read_bytes()
    assert Path("again.ark.gz").read_bytes() == packed
    assert read("ark:x.ark.gz") == VECTORS
    # gzip -c a >> b is a gzip file too
    Path("two.gz").write_bytes(gzip.compress(b"c 7\n") + packed)
    assert read("ark:two.gz") == {"c": [7], **VECTORS}


def test_packed_files_of_an_scp_and_of_one_matrix() -> None:
    write("ark,t:x.ark")
    Path("x.gz").write_bytes(gzip.compress(Path("x.ark").read_bytes()))
    Path("x.scp").write_text("whole v.gz\npart x.gz:2[1:2]\n")
    Path("v.gz").write_bytes(gzip.compress(b"4 5\n"))
    assert read("scp:x.scp") == {"whole": [4, 5], "part": [2, 3]}
    write_matrix("m", np.eye(2))
    Path("m.gz").write_bytes(gzip.compress(Path("m").read_bytes()))
    assert np.array_equal(read_matrix("m.gz"), np.eye(2))


def test_a_failed_block_leaves_no_packed_file() -> None:
    with pytest.raises(InputError, match="is not a key"), write_int_vectors("ark:x.gz") as writer:
        writer.write("two words", [1])
    assert list(Path().iterdir()) == []


def test_a_pipe_with_a_name_is_read_and_written() -> None:
    """Such as <(zcat ali.gz) of a shell, which cannot be gone to and fro in."""
    os.mkfifo("pipe")
    thread = threading.Thread(target=lambda: Path("pipe").write_text("a 1 2 3\nb \n"))
    thread.start()
    assert read("ark:pipe") == VECTORS
    thread.join()
    found = []
    thread = threading.Thread(target=lambda: found.append(Path("pipe").read_text()))
    thread.start()
    write("ark,t:pipe")
    thread.join()
    assert found == ["a 1 2 3 \nb \n"]
    assert Path("pipe").is_fifo()


def test_standard_input_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO(b"a 1 2 3\nb \n")
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(buffer=buffer))
    assert read("ark:-") == VECTORS
    assert not buffer.closed


def test_a_command_gets_everything_and_its_failure_is_told() -> None:
    write("ark,t:| cat > taken")
    assert Path("taken").read_text() == "a 1 2 3 \nb \n"
    with pytest.raises(InputError, match=r"^ark:\| exit 3: the command failed with exit status 3"):
        write("ark:| exit 3")
    # more than a pipe holds: writing meets the end of the command
    for command, message in (
        ("true", "ended before it had taken everything"),
        ("exit 3", "failed with exit status 3"),
    ):
        with pytest.raises(InputError, match=message):
            write(f"ark:| {command}", times=20000)
    with pytest.raises(InputError, match="--allow-commands"):
        write("ark:| touch ran", allow_commands=False)
    assert not Path("ran").exists()


def test_a_failed_block_is_what_is_told_and_not_the_command() -> None:
    with (
        pytest.raises(InputError, match="is not a key"),
        write_int_vectors("ark:| cat > taken", allow_commands=True) as writer,
    ):
        writer.write("two words", [1])


def test_a_command_is_read_as_it_writes() -> None:
    """Its first object is there before the command has ended: it waits to be told so."""
    os.mkfifo("go")
    table = read_int_vectors(
        "ark:echo a 1 2 3; read line < go; echo b $line |", allow_commands=True
    )
    key, vector = next(table)
    assert (key, vector.tolist()) == ("a", [1, 2, 3])
    Path("go").write_text("7\n")
    assert [(key, vector.tolist()) for key, vector in table] == [("b", [7])]


def test_an_early_end_of_reading_ends_the_command() -> None:
    table = read_int_vectors("ark:yes a 1 |", allow_commands=True)
    assert next(table)[0] == "a"
    table.close()  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=r"^`echo a 1; exit 4 \|` failed with exit status 4"):
        read("ark:echo a 1; exit 4 |")


def test_with_the_option_f_each_object_is_out_at_once() -> None:
    os.mkfifo("pipe")
    found = []

    def read_a_line() -> None:
        with Path("pipe").open() as lines:
            found.append(lines.readline())

    thread = threading.Thread(target=read_a_line)
    thread.start()
    with write_int_vectors("ark,t,f:pipe") as writer:
        writer.write("a", [1])
        thread.join(timeout=60)
        assert found == ["a 1 \n"]


def test_every_option_of_kaldi_is_taken() -> None:
    write("ark,t,nf:x.ark")
    Path("x.scp").write_text("a x.ark:2\n")
    for options in ("t", "b", "p", "np", "o", "no", "s", "ns", "cs", "ncs", "bg", "s,cs,o,p,bg"):
        assert read(f"ark,{options}:x.ark") == VECTORS
        assert read(f"{options},scp:x.scp") == {"a": [1, 2, 3]}
    for options in ("t", "b", "f", "nf", "p"):
        write(f"ark,{options}:y.ark")
        assert read("ark:y.ark") == VECTORS
