"""Segments that their recording cannot hold: cut or left out by Kaldi's rules, and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.audio import NOTICES, Channel, Header, write_audio
from kws.cli import shared_options
from kws.cli.main import run
from kws.data import Utterance, Word, read_data_dir, write_data_dir
from kws.data.segments import MAX_OVERSHOOT_S, fitted
from kws.errors import InputError
from kws.evaluation.transcripts import read_transcripts
from kws.kaldi import read_matrices

RATE = 1000
RECORDING = Header(2 * RATE, RATE, 2)
CUT = "a segment that ends beyond its recording, cut there"
BEYOND = "a segment that ends 0.5 s or more beyond its recording, left out (--max-overshoot)"
AFTER = "a segment that begins after the end of its recording, left out"
SHORT = "a segment of 0.1 s or less, left out"
CHANNEL = "a segment of a channel that its recording does not have, left out"


@pytest.fixture(autouse=True)
def _fresh_notices() -> None:
    NOTICES.clear()


@pytest.mark.parametrize(
    ("start_s", "end_s", "channel", "kept_end_s", "said"),
    [
        (0.5, 1.5, None, 1.5, ""),
        (0.5, 2.0, 1, 2.0, ""),
        (0.5, None, 0, None, ""),
        (0.5, 2.009, None, None, ""),  # rounded times are not worth a word
        (0.5, 2.011, None, None, CUT),
        (0.5, 2.499, None, None, CUT),
        (0.5, 2.5, None, 0, BEYOND),  # as Kaldi: less than max-overshoot
        (1.0, 60.0, None, 0, BEYOND),
        (2.0, None, None, 0, AFTER),
        (2.0, 2.3, None, 0, AFTER),
        (1.0, 1.1, None, 0, SHORT),  # as Kaldi: more than min-segment-length
        (1.0, 1.101, None, 1.101, ""),
        (1.9, 2.3, None, 0, SHORT),  # once it is cut
        (1.95, None, None, 0, SHORT),
        (0.5, 1.5, 2, 0, CHANNEL),
    ],
)
def test_kaldis_rules(
    start_s: float, end_s: float | None, channel: int | None, kept_end_s: float | None, said: str
) -> None:
    utterance = Utterance("u", "s", "", "r.wav", start_s, end_s, channel=channel)
    found, found_said = fitted(utterance, RECORDING, 0.5)
    assert found_said == said
    if kept_end_s == 0:
        assert found is None
    else:
        assert found == Utterance("u", "s", "", "r.wav", start_s, kept_end_s, channel=channel)


def test_other_seconds_of_overshoot() -> None:
    utterance = Utterance("u", "s", "", "r.wav", 0.5, 2.3)
    assert fitted(utterance, RECORDING, 0.3)[0] is None
    assert fitted(utterance, RECORDING, 0.0)[1].startswith("a segment that ends 0 s or more beyond")
    assert fitted(Utterance("u", "s", "", "r.wav", 0.5, 60.0), RECORDING, 100.0)[1] == CUT
    assert shared_options.MAX_OVERSHOOT_S == MAX_OVERSHOOT_S == 0.5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recording of 2 s with four segments: two within it, one a little beyond, one far."""
    audio = tmp_path / "r.wav"
    write_audio(audio, np.random.default_rng(0).normal(0, 1000, 16000), 8000)
    spans = ((0.0, 1.0), (1.0, 2.0), (1.5, 2.25), (1.5, 2.75))
    utterances = [
        Utterance(f"u{number}", "s", "yes", str(audio), *span, "r")
        for number, span in enumerate(spans, 1)
    ]
    words = [Word(utterance.id, 0.1, 0.4, "yes") for utterance in utterances]
    write_data_dir(tmp_path, utterances, ctm=words)
    return tmp_path


def test_one_bad_segment_ends_nothing(
    folder: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    data = read_data_dir(folder)
    told = [record.getMessage() for record in caplog.records]
    assert [message.split(" (further")[0] for message in told] == [
        f"{folder}/segments:3: u3: {CUT}",
        f"{folder}/segments:4: u4: {BEYOND}",
    ]
    assert NOTICES.counts() == {CUT: 1, BEYOND: 1}
    assert [(u.id, data.duration_s(u)) for u in data.utterances] == [
        ("u1", 1.0),
        ("u2", 1.0),
        ("u3", 0.5),
    ]
    assert set(data.words) == {"u1", "u2", "u3"}
    assert [len(data.load(u).samples) for u in data.utterances] == [8000, 8000, 4000]
    assert run(["features", str(folder), f"ark:{folder}/feats.ark"]) == 0
    assert [key for key, _ in read_matrices(f"ark:{folder}/feats.ark")] == ["u1", "u2", "u3"]
    assert set(read_transcripts(folder).tokens) == {"u1", "u2", "u3"}
    assert run(["data", "join", str(folder), str(folder / "long")]) == 0
    assert "3 of 3 utterances" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "kept"), [((), 3), (("--max-overshoot", "0.2"), 2), (("--max-overshoot=1",), 4)]
)
def test_max_overshoot_on_the_command_line(
    folder: Path, option: tuple[str, ...], kept: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["features", *option, str(folder), f"ark:{folder}/feats.ark"]) == 0
    assert len(list(read_matrices(f"ark:{folder}/feats.ark"))) == kept
    assert run(["data", "join", *option, str(folder), str(folder / "long")]) == 0
    assert f"{kept} of {kept} utterances" in capsys.readouterr().out
    assert run(["data", "validate", *option, str(folder)]) == 0
    out = capsys.readouterr().out
    assert out.count("note: ") == (1 if kept == 4 else 2 if kept == 3 else 1)


def test_tables_alone_are_taken_as_they_stand(folder: Path) -> None:
    assert len(read_data_dir(folder, max_overshoot_s=None).utterances) == 4
    assert run(["data", "combine", str(folder / "copy"), str(folder)]) == 0
    before, after = ((path / "segments").read_text() for path in (folder, folder / "copy"))
    assert before == after


def test_recordings_that_cannot_be_read_are_told_by_who_loads_them(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "r.wav").unlink()
    assert len(read_data_dir(folder).utterances) == 4
    assert not caplog.records


def test_commands_are_run_for_their_length_only_with_leave(folder: Path) -> None:
    mark = folder / "mark"
    (folder / "wav.scp").write_text(f"r touch {mark}; cat {folder}/r.wav |\n")
    assert len(read_transcripts(folder).tokens) == 4
    assert not mark.exists()
    assert len(read_data_dir(folder, allow_commands=True).utterances) == 3
    assert mark.exists()


@pytest.mark.parametrize(("channel", "heard"), [(None, 100), (0, 100), (1, 400), ("mean", 250)])
def test_the_readers_channel_is_that_of_entries_that_name_none(
    tmp_path: Path, channel: Channel, heard: int
) -> None:
    both = np.tile(np.int16([100, 400]), (2 * RATE, 1))
    soundfile.write(tmp_path / "r.wav", both, RATE, "PCM_16")
    (tmp_path / "wav.scp").write_text(
        f"r {tmp_path}/r.wav\nsecond sph2pipe -f wav -c 2 {tmp_path}/r.wav |\n"
    )
    (tmp_path / "segments").write_text(
        "any r 0.5 2.3\nfirst r 0 1 0\nlater r 0 1 1\nsphere second 0 1\n"
    )
    data = read_data_dir(tmp_path, channel=channel)
    assert data.utterances[0].end_s is None  # cut, as without the option
    for utterance, expected in zip(data.utterances, (heard, 100, 400, 400), strict=True):
        samples = data.load(utterance).samples
        assert set(samples.tolist()) == {expected}
        chunks = list(data.chunks(utterance, RATE, 0.4))
        assert [len(chunk) for chunk in chunks[:-1]] == [400] * (len(chunks) - 1)
        assert np.array_equal(np.concatenate(chunks), samples)


def test_the_readers_channel_is_that_of_recordings_that_have_several(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "both.wav", np.tile(np.int16([100, 400]), (RATE, 1)), RATE, "PCM_16")
    soundfile.write(tmp_path / "one.wav", np.full(RATE, 200, np.int16), RATE, "PCM_16")
    (tmp_path / "wav.scp").write_text("a both.wav\nb one.wav\n")
    data = read_data_dir(tmp_path, channel=1)
    for utterance, expected in zip(data.utterances, (400, 200), strict=True):
        assert set(data.load(utterance).samples.tolist()) == {expected}
        assert set(np.concatenate(list(data.chunks(utterance, RATE, 0.4))).tolist()) == {expected}
    with pytest.raises(InputError, match=r"channel=2: it has 2 channel\(s\), counted from 0"):
        data = read_data_dir(tmp_path, channel=2)
        data.load(data.utterances[0])
