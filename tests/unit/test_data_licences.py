"""Licence texts follow data that is cut and combined."""

from __future__ import annotations

from pathlib import Path

from kws.data import Utterance, licence_files, read_data_dir, write_data_dir
from kws.data.editing import combine, subset, write_copy


def data_dir(path: Path, utterance: str, licence: str) -> None:
    write_data_dir(path, [Utterance(utterance, utterance, "hello", str(path / "a.wav"))])
    (path / "LICENSE.txt").write_text(licence, encoding="utf-8")


def test_a_part_keeps_the_licence_under_its_name(tmp_path: Path) -> None:
    data_dir(tmp_path / "one", "u1", "CC0")
    (tmp_path / "list").write_text("u1\n", encoding="utf-8")
    whole = read_data_dir(tmp_path / "one")
    write_copy(tmp_path / "part", subset(whole, tmp_path / "list"), [whole])
    assert licence_files(read_data_dir(tmp_path / "part")) == ["LICENSE.txt"]


def test_several_licences_are_named_after_their_sets_and_stay_apart(tmp_path: Path) -> None:
    data_dir(tmp_path / "one", "u1", "CC0")
    data_dir(tmp_path / "two", "u2", "MIT")
    sources = [read_data_dir(tmp_path / name) for name in ("one", "two")]
    both = tmp_path / "both"
    write_copy(both, combine(sources), sources)
    assert licence_files(read_data_dir(both)) == ["LICENSE.one.txt", "LICENSE.two.txt"]
    assert (both / "LICENSE.two.txt").read_text(encoding="utf-8") == "MIT"

    data_dir(tmp_path / "three", "u3", "BSD")
    sources = [read_data_dir(tmp_path / name) for name in ("both", "three")]
    write_copy(tmp_path / "all", combine(sources), sources)
    assert "LICENSE.three.txt" in licence_files(read_data_dir(tmp_path / "all"))
    assert len(licence_files(read_data_dir(tmp_path / "all"))) == 3
