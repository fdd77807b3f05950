"""kws.evaluation.transcripts: every form of transcripts that is read."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kws.audio import write_audio
from kws.data import Utterance, Word, write_data_dir
from kws.data.phone_map import read_phone_map
from kws.errors import InputError
from kws.evaluation.alignment import NIST
from kws.evaluation.timing import time_errors
from kws.evaluation.token_errors import score_transcripts
from kws.evaluation.transcripts import read_speakers, read_transcripts, speaker_of


def test_kaldi_text_may_have_utterances_without_tokens(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("a-1 one  two\na-2\n")
    found = read_transcripts(tmp_path / "text")
    assert found.tokens == {"a-1": ("one", "two"), "a-2": ()}
    assert (found.times, found.speakers, found.omits_silent) == ({}, {}, False)


def test_trn(tmp_path: Path) -> None:
    (tmp_path / "ref.TRN").write_text(";; comment\none two (a-1)\n(a-2)\n (a-3)\nh# (x) (a_4)\n")
    assert read_transcripts(tmp_path / "ref.TRN").tokens == {
        "a-1": ("one", "two"),
        "a-2": (),
        "a-3": (),
        "a_4": ("h#", "(x)"),
    }


@pytest.mark.parametrize("name", ["hyp.ctm", "ctm"])
def test_ctm_in_the_order_of_time(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a-1 1 0.5 0.25 two 0.9\na-1 1 0.0 0.5 one\n")
    found = read_transcripts(tmp_path / name)
    assert found.tokens == {"a-1": ("one", "two")} and found.omits_silent
    assert found.times["a-1"][1] == Word("a-1", 0.5, 0.75, "two")


def test_phn_files_alone_and_in_the_folders_of_timit(tmp_path: Path) -> None:
    for path in ("dr1-fvmh0/sa1.phn", "TRAIN/DR2/FAEM0/SA1.PHN", "plain.phn"):
        (tmp_path / "all" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "all" / path).write_text("0 1600 h#\n1600 3200 ae\n")
    found = read_transcripts(tmp_path / "all")
    assert found.tokens == dict.fromkeys(("fvmh0-sa1", "faem0-sa1", "plain"), ("h#", "ae"))
    assert found.times["faem0-sa1"][1] == Word("faem0-sa1", 0.1, 0.2, "ae")
    one = read_transcripts(tmp_path / "all" / "plain.phn")
    assert one.tokens == {"plain": ("h#", "ae")}


def test_data_dir_has_text_times_and_speakers(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", np.zeros(160), 16000)
    utterance = Utterance("a-1", "anna", "one two", str(tmp_path / "a.wav"))
    write_data_dir(tmp_path / "data", [utterance], ctm=[Word("a-1", 0.0, 0.005, "one")])
    found = read_transcripts(tmp_path / "data")
    assert found.tokens == {"a-1": ("one", "two")}
    assert [word.word for word in found.times["a-1"]] == ["one"]
    assert found.speakers == {"a-1": "anna"}


def test_commands_of_a_data_dir_do_not_run(tmp_path: Path) -> None:
    (tmp_path / "wav.scp").write_text(f"a-1 touch {tmp_path}/ran |\n")
    (tmp_path / "text").write_text("a-1 one\n")
    assert read_transcripts(tmp_path).tokens == {"a-1": ("one",)}
    assert not (tmp_path / "ran").exists()


def test_folding_goes_for_tokens_and_times(tmp_path: Path) -> None:
    (tmp_path / "map").write_text("tcl cl sil\nt t t\nq\n")
    (tmp_path / "hyp.ctm").write_text("a 1 0 1 tcl\na 1 1 1 q\na 1 2 1 t\na 1 3 1 cl\n")
    found = read_transcripts(tmp_path / "hyp.ctm").folded(read_phone_map(tmp_path / "map"))
    assert found.tokens == {"a": ("sil", "t", "sil")}
    assert [(word.start_s, word.word) for word in found.times["a"]] == [
        (0.0, "sil"),
        (2.0, "t"),
        (3.0, "sil"),
    ]
    (tmp_path / "text").write_text("a t T\n")
    with pytest.raises(InputError, match=r"text: a: 'T' is not a phone of .*map; add a line"):
        read_transcripts(tmp_path / "text").folded(read_phone_map(tmp_path / "map"))


def test_speakers(tmp_path: Path) -> None:
    assert [speaker_of(name) for name in ("fapb0-si1063", "FADG0_SI649", "alone")] == [
        "fapb0",
        "FADG0",
        "alone",
    ]
    (tmp_path / "utt2spk").write_text("a-1 anna\na-2 anna\n")
    assert read_speakers(tmp_path / "utt2spk") == {"a-1": "anna", "a-2": "anna"}
    (tmp_path / "utt2spk").write_text("a-1 anna bell\n")
    with pytest.raises(InputError, match="utt2spk:1: 'anna bell' is not a speaker"):
        read_speakers(tmp_path / "utt2spk")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("ref.trn", "one two\n", "ref.trn:1: 'one two' does not end in an utterance id"),
        ("ref.trn", "a (u)\nb (u)\n", r"ref.trn:2: \(u\) stands on another line already"),
        ("ref.trn", "a { b / c } (u)\n", "ref.trn:1: alternatives { a / b } are not read"),
        ("ref.trn", "", "ref.trn: the file is empty"),
        ("ref.ctm", "a 1 0 one\n", "ref.ctm:1: 4 fields"),
        ("ref.phn", f"0 {'9' * 400} one\n", "ref.phn:1: '0 9.*' is not of the form"),
        ("ref.phn", "0 one\n", "ref.phn:1: '0 one' is not of the form"),
        ("text", "a one\na two\n", "text:2: a stands on line 1 already"),
        ("text", "a \xff\n".encode("latin-1"), "text:1: byte 0xff is not UTF-8"),
        ("text", None, "text: No such file"),
    ],
)
def test_mistakes_in_files(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    if content is not None:
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=message):
        read_transcripts(tmp_path / name)


def test_mistakes_in_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is neither a data dir \(wav.scp, text\) nor holds .phn"):
        read_transcripts(tmp_path)
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.phn").write_text("0 1 a\n")
    with pytest.raises(InputError, match=r"two/a.phn: there is another .phn file of a; keep one"):
        read_transcripts(tmp_path)
    (tmp_path / "wav.scp").write_text("a a.wav\n")
    with pytest.raises(InputError, match="text: no such file; transcripts of a data dir stand"):
        read_transcripts(tmp_path)


LINES = st.lists(
    st.sampled_from(
        [
            b"u-1 a b",
            b"a (u-1)",
            b"(u",
            b"{ (",
            b"u-1 1 0.5 nan a",
            b"u-1 1 1e308 1e308 a",
            b"0 1 h#",
        ]
    )
    | st.binary(max_size=30),
    max_size=5,
)


@settings(max_examples=100, deadline=None)
@given(LINES, st.sampled_from(["text", "x.trn", "x.ctm", "x.phn"]))
def test_any_file_is_read_and_scored_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    try:
        found = read_transcripts(path)
        scored = score_transcripts(found, found, NIST)
    except InputError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)
    else:
        assert scored.total.errors == 0 and scored.total.tokens > 0
        times = time_errors(scored)
        assert times is None or times.correct_frames == times.frames > 0
