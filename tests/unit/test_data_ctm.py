"""Word times: CTM, .wrd and .phn files."""

from pathlib import Path

import pytest

from kws.data import Word, keyword_spans, read_ctm, read_wrd_phn, write_ctm
from kws.errors import InputError


def test_reads_ctm_in_the_order_of_time(tmp_path: Path) -> None:
    path = tmp_path / "ctm"
    path.write_text(";; a comment\nu 1 0.50 0.25 b 0.9\nu 1 0.25 0.25 a\nv A 0 0 c\n")
    assert read_ctm(path) == {
        "u": [Word("u", 0.25, 0.5, "a"), Word("u", 0.5, 0.75, "b")],
        "v": [Word("v", 0.0, 0.0, "c")],
    }


def test_writes_what_it_reads(tmp_path: Path) -> None:
    path = tmp_path / "ctm"
    words = [Word("v", 0.125, 0.25, "c"), Word("u", 1.5, 2.0, "b"), Word("u", 0.25, 0.5, "a")]
    write_ctm(path, words)
    assert path.read_text().splitlines()[0] == "u 1 0.250000 0.250000 a"
    assert read_ctm(path) == {"u": [words[2], words[1]], "v": [words[0]]}


def test_keyword_of_two_words_keeps_its_span(tmp_path: Path) -> None:
    path = tmp_path / "ctm"
    span = Word("u", 0.5, 1.25, "view glass")
    write_ctm(path, [span])
    assert [word.word for word in read_ctm(path)["u"]] == ["view", "glass"]
    assert keyword_spans(read_ctm(path)["u"], ["view glass"]) == [span]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("u 1 0 0.1", "ctm:2: 4 fields; a CTM line is"),
        ("u 1 0 0.1 view glass 0.5", "ctm:2: 7 fields"),
        ("u 1 -0.1 0.1 a", "ctm:2: start -0.1 is not a time"),
        ("u 1 zero 0.1 a", "ctm:2: start zero is not a time"),
        ("u 1 nan 0.1 a", "ctm:2: start nan is not a time"),
        ("u 1 0 -1 a", "ctm:2: duration -1 is not one"),
        ("u 1 0 inf a", "ctm:2: duration inf is not one"),
    ],
)
def test_refuses_what_is_not_ctm(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "ctm"
    path.write_text(f"u 1 0 0.1 a\n{line}\n")
    with pytest.raises(InputError, match=message):
        read_ctm(path)


def test_reads_timit_words(tmp_path: Path) -> None:
    path = tmp_path / "sa1.wrd"
    path.write_text("1600 3200 she\n3200 8000 had your\n")
    assert read_wrd_phn(path) == [Word("sa1", 0.1, 0.2, "she"), Word("sa1", 0.2, 0.5, "had your")]
    path.write_text("1600 3200 she\r\n3200\t8000  had your \r\n", newline="")
    assert read_wrd_phn(path)[1] == Word("sa1", 0.2, 0.5, "had your")
    assert read_wrd_phn(path, 8000, utterance="u")[0] == Word("u", 0.2, 0.4, "she")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("0 100 a\n100 b\n", r"sa1\.phn:2: '100 b' is not of the form"),
        ("0 100 a\n0.5 1.5 b\n", r"sa1\.phn:2: '0\.5 1\.5 b' is not of the form"),
        ("200 100 a\n", r"sa1\.phn:1: the end 100 lies before the start 200"),
        ("", r"sa1\.phn: the file is empty"),
    ],
)
def test_refuses_what_is_not_timit(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "sa1.phn"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_wrd_phn(path)
