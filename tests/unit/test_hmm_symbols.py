"""Tables of symbols."""

from __future__ import annotations

from pathlib import Path

import pytest

from kws.errors import InputError
from kws.hmm import Symbols, phone_symbols, read_symbols, write_symbols


def test_phones_are_sorted_between_eps_and_the_backoff() -> None:
    symbols = phone_symbols([["b", "a"], ["sil", "a"]])
    assert symbols.names == ("<eps>", "a", "b", "sil", "#0")
    assert symbols.phones == ("a", "b", "sil")
    assert symbols.ids(["sil", "a"], "x") == [3, 1]


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    symbols = phone_symbols([["ä", "b"]])
    write_symbols(tmp_path / "phones.txt", symbols)
    assert (tmp_path / "phones.txt").read_text("utf-8") == "<eps> 0\nb 1\nä 2\n#0 3\n"
    assert read_symbols(tmp_path / "phones.txt") == symbols


@pytest.mark.parametrize("name", ["q", "<eps>", "#0"])
def test_a_name_that_is_no_phone_is_told(name: str) -> None:
    with pytest.raises(InputError, match=rf"^text: {name!r} is not one of the 2 phones"):
        Symbols(("<eps>", "a", "b", "#0")).ids(["a", name], "text")


@pytest.mark.parametrize("name", ["<eps>", "<s>", "</s>", "#1"])
def test_names_that_kaldi_keeps_for_itself_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot be a phone"):
        phone_symbols([["a", name]])


def test_transcripts_without_phones_are_refused() -> None:
    with pytest.raises(InputError, match="hold no phones"):
        phone_symbols([[], []])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "does not begin with"),
        ("a 0\n", "does not begin with"),
        ("<eps> 0\na 2\n", "phones.txt:2: 'a 2': expected a new name and 1"),
        ("<eps> 0\na 1\na 2\n", "phones.txt:3: 'a 2'"),
        ("<eps> 0\na\n", "phones.txt:2: 'a'"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "phones.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        read_symbols(tmp_path / "phones.txt")
