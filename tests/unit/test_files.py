"""Files that are either whole or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from kws.errors import InputError
from kws.files import atomic_path, read_text, write_text


def test_text_is_written_and_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_text(path, "größe\n")
    assert read_text(path) == "größe\n"
    write_text(path, "other")
    assert read_text(path) == "other"
    assert [p.name for p in path.parent.iterdir()] == ["a.txt"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        assert temporary.suffix == ".wav"
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    binary = tmp_path / "b"
    binary.write_bytes(b"\xff\xff")
    for path, reason in [
        (tmp_path / "absent", "No such file or directory; name a file that can be read"),
        (tmp_path, "Is a directory; name a file that can be read"),
        (binary, "not a text file in UTF-8; name a text file"),
    ]:
        with pytest.raises(InputError) as caught:
            read_text(path)
        assert str(caught.value) == f"{path}: {reason}"
