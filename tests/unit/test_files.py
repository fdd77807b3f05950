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
        (binary, "1: byte 0xff is not UTF-8; convert the file to UTF-8"),
    ]:
        with pytest.raises(InputError) as caught:
            read_text(path)
        assert str(caught.value).replace(f"{path}:", "").strip() == reason


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("größe\n".encode("latin-1"), "1: byte 0xf6 is not UTF-8; convert the file to UTF-8"),
        (b"a\r\nb\xe4\r\n", "2: byte 0xe4 is not UTF-8; convert the file to UTF-8"),
        (
            "a\n".encode("utf-16"),
            "1: byte 0xff is not UTF-8 (but perhaps UTF-16); convert the file to UTF-8",
        ),
        (
            "a\n".encode("utf-16-be"),
            "1: byte 0x00 is no text (but perhaps UTF-16); convert the file to UTF-8",
        ),
    ],
)
def test_another_encoding_is_told_with_its_place(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_text(path)
    assert str(caught.value) == f"{path}:{told}"


def test_what_editors_add_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfa b\r\n\xef\xbb\xbfc\rd\r\n")
    assert read_text(path) == "a b\n\ufeffc\rd\n"  # within the text they are the user's
