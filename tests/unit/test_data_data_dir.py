"""Reading data dirs: what the tables mean, and the first fault that leaves it open."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.audio import NOTICES, Waveform, write_audio
from kws.data import Utterance, hash_of, read_data_dir, write_data_dir
from kws.data import data_dir as data_dir_module
from kws.errors import InputError

RATE = 8000


def ramp(num_samples: int, first: int = 0) -> np.ndarray:
    """Samples that tell their own position, so that a segment of them can be recognised."""
    return np.arange(first, first + num_samples, dtype=np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two recordings of 1 s, named by relative paths, of one speaker."""
    for name in ("a", "b"):
        write_audio(tmp_path / "audio" / f"{name}.wav", ramp(RATE), RATE)
    (tmp_path / "wav.scp").write_text("a audio/a.wav\nb  audio/b.wav \n")
    (tmp_path / "text").write_text("a View  Glass\nb\n")
    (tmp_path / "utt2spk").write_text("a anna\nb anna\n")
    return tmp_path


def test_reads_tables(folder: Path) -> None:
    data = read_data_dir(folder)
    assert data.utterances == (
        Utterance("a", "anna", "View  Glass", f"{folder}/audio/a.wav"),
        Utterance("b", "anna", "", f"{folder}/audio/b.wav"),
    )
    assert data.utterances[1].place == f"{folder}/wav.scp:2"
    assert data.words == {}


def test_defaults_without_text_and_utt2spk(folder: Path) -> None:
    (folder / "text").unlink()
    (folder / "utt2spk").unlink()
    assert [(u.speaker, u.text) for u in read_data_dir(folder).utterances] == [
        ("a", "<unk>"),
        ("b", "<unk>"),
    ]


def test_relative_paths_data_dir_first_then_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = folder / "elsewhere"
    write_audio(elsewhere / "audio" / "a.wav", ramp(2 * RATE), RATE)
    write_audio(elsewhere / "c.wav", ramp(3 * RATE), RATE)
    (folder / "wav.scp").write_text("a audio/a.wav\nb c.wav\n")
    monkeypatch.chdir(elsewhere)
    data = read_data_dir(folder)
    assert [data.duration_s(u) for u in data.utterances] == [1.0, 3.0]


def test_segment_is_read_by_its_own_part(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "segments").write_text("u1 a 0.25 0.5\nu2 a 0.75 -1\n")
    (folder / "text").write_text("u1 one\nu2 two\n")
    (folder / "utt2spk").write_text("u1 s\nu2 s\n")
    data = read_data_dir(folder)
    first, second = data.utterances
    assert (first.recording_id, first.start_s, first.end_s) == ("a", 0.25, 0.5)
    assert (second.start_s, second.end_s) == (0.75, None)
    np.testing.assert_array_equal(data.load(first).samples, ramp(2000, first=2000))
    np.testing.assert_array_equal(data.load(second).samples, ramp(2000, first=6000))
    assert [data.duration_s(u) for u in data.utterances] == [0.25, 0.25]
    asked: list[tuple[float, float | None]] = []

    def reader(source: str, *, start_s: float, end_s: float | None, **_: object) -> Waveform:
        asked.append((start_s, end_s))
        return Waveform(ramp(1), RATE)

    monkeypatch.setattr(data_dir_module, "read_audio", reader)
    data.load(first)
    assert asked == [(0.25, 0.5)]  # the reader, not load, leaves out the rest of the file


def test_load_converts_the_rate(folder: Path) -> None:
    data = read_data_dir(folder)
    waveform = data.load(data.utterances[0], 16000)
    assert (waveform.sample_rate, len(waveform.samples)) == (16000, 2 * RATE)


def test_ctm_is_read(folder: Path) -> None:
    (folder / "ctm").write_text("a 1 0.5 0.25 glass\na 1 0.25 0.25 view\n")
    words = read_data_dir(folder).words
    assert [(w.word, w.start_s, w.end_s) for w in words["a"]] == [
        ("view", 0.25, 0.5),
        ("glass", 0.5, 0.75),
    ]


def test_command_runs_only_when_allowed(folder: Path) -> None:
    (folder / "wav.scp").write_text(f"a cat {folder}/audio/a.wav |\nb audio/b.wav\n")
    with pytest.raises(InputError, match=r"wav\.scp:1: `cat .*` is a command.*--allow-commands"):
        read_data_dir(folder)
    data = read_data_dir(folder, allow_commands=True)
    np.testing.assert_array_equal(data.load(data.utterances[0]).samples, ramp(RATE))
    assert data.duration_s(data.utterances[0]) == 1.0


def test_a_command_that_only_decodes_is_read_without_running_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_dir_module, "output_of_command", None)
    write_audio(folder / "audio" / "b c.flac", ramp(RATE, first=9), RATE)
    monkeypatch.chdir(folder / "audio")  # where the command would run
    (folder / "wav.scp").write_text("a sox a.wav -t wav - |\nb flac -c -d -s 'b c.flac' |\n")
    for allow_commands in (False, True):
        data = read_data_dir(folder, allow_commands=allow_commands)
        for utterance, first in zip(data.utterances, (0, 9), strict=True):
            np.testing.assert_array_equal(data.load(utterance).samples, ramp(RATE, first))
            assert data.duration_s(utterance) == 1.0
    before = hash_of(data)
    write_audio("a.wav", ramp(RATE - 1), RATE)
    assert hash_of(data) != before
    Path("a.wav").unlink()
    with pytest.raises(InputError, match=r"wav\.scp:1: a\.wav: No such file or directory$"):
        data.load(data.utterances[0])


def test_what_libsndfile_cannot_read_is_left_to_the_command_when_allowed(folder: Path) -> None:
    program = folder / "sph2pipe"
    program.write_text(f"#!/bin/sh\ncat {folder}/audio/a.wav\n")
    program.chmod(0o755)
    (folder / "a.sph").write_bytes(
        b"NIST_1A\n   1024\nsample_coding -s26 pcm,embedded-shorten-v2\n"
    )
    (folder / "wav.scp").write_text(f"a {program} -f wav {folder}/a.sph |\nb audio/b.wav\n")
    data = read_data_dir(folder)
    with pytest.raises(InputError, match=r"wav\.scp:1: .*a\.sph: is SPHERE compressed by shorten"):
        data.load(data.utterances[0])
    data = read_data_dir(folder, allow_commands=True)
    np.testing.assert_array_equal(data.load(data.utterances[0]).samples, ramp(RATE))


def test_sounds_in_an_archive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [(folder / "audio" / f"{name}.wav").read_bytes() for name in ("a", "b")]
    write_audio(folder / "b.flac", ramp(2 * RATE, first=5), RATE)
    contents[1] = (folder / "b.flac").read_bytes()
    (folder / "data.ark").write_bytes(b"a " + contents[0] + b"b " + contents[1])
    offset = 2 + len(contents[0]) + 2
    (folder / "wav.scp").write_text(f"a data.ark:2\nb data.ark:{offset}\n")
    (folder / "segments").write_text("u1 a 0.25 0.5\nu2 b 1.5 -1\n")
    (folder / "text").write_text("u1 one\nu2 two\n")
    (folder / "utt2spk").write_text("u1 s\nu2 s\n")
    expected = [ramp(2000, first=2000), ramp(4000, first=5 + 12000)]
    elsewhere = folder / "elsewhere"
    write_data_dir(elsewhere / "copy", read_data_dir(folder).utterances)
    monkeypatch.chdir(elsewhere)
    for path in (folder, Path("copy")):
        data = read_data_dir(path)
        assert [u.recording for u in data.utterances] == [
            f"{folder}/data.ark:2",
            f"{folder}/data.ark:{offset}",
        ]
        for utterance, samples in zip(data.utterances, expected, strict=True):
            np.testing.assert_array_equal(data.load(utterance).samples, samples)
    assert hash_of(data) == hash_of(read_data_dir(folder))
    (folder / "data.ark:2").write_bytes((folder / "audio" / "b.wav").read_bytes())
    assert len(read_data_dir(folder).load(data.utterances[0]).samples) == 2000  # the file's
    (folder / "data.ark:2").unlink()
    (folder / "data.ark").unlink()
    data = read_data_dir(folder)
    with pytest.raises(InputError, match=r"segments:1: .*data\.ark: No such file or directory$"):
        data.load(data.utterances[0])


def stereo(path: Path, left: np.ndarray, right: np.ndarray) -> None:
    file_format = "NIST" if path.suffix == ".sph" else None
    samples = np.stack([left, right], axis=1).astype(np.int16)
    soundfile.write(path, samples, RATE, "PCM_16", format=file_format)


def test_the_channel_of_segments_and_of_sph2pipe(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    NOTICES.clear()
    for name in ("audio/a.wav", "b.sph"):
        stereo(folder / name, ramp(RATE), ramp(RATE, first=50))
    (folder / "wav.scp").write_text(f"a audio/a.wav\nb sph2pipe -f wav -p -c 2 {folder}/b.sph |\n")
    lines = ("u1 a 0 0.5 0", "u2 a 0 0.5 1", "u3 a 0 0.5 2", "u4 b 0 0.5", "u5 b 0 0.5 0")
    (folder / "segments").write_text("".join(f"{line}\n" for line in (*lines, "u6 b 0 0.5 1")))
    for table in ("text", "utt2spk"):
        (folder / table).write_text("".join(f"u{number} s\n" for number in range(1, 7)))
    data = read_data_dir(folder)
    assert [(u.id, u.channel) for u in data.utterances] == [
        ("u1", 0),
        ("u2", 1),
        ("u4", None),
        ("u5", 0),  # what is left of a command that picks one is a single channel
    ]
    firsts = [data.load(utterance).samples[0] for utterance in data.utterances]
    assert firsts == [0, 50, 50, 50]
    assert [record.getMessage() for record in caplog.records] == [
        f"{folder}/segments:3: u3: a segment of a channel that its recording does not have, left "
        "out (further files like it are not named)"
    ]
    assert len({utterance.audio for utterance in data.utterances}) == 3
    write_data_dir(folder / "copy", data.utterances)
    assert (folder / "copy" / "segments").read_text().splitlines()[1:3] == [
        "u2 a 0.000000 0.500000 1",
        "u4 b 0.000000 0.500000",
    ]
    assert list(read_data_dir(folder / "copy").utterances) == list(data.utterances)


def test_failing_command_is_told(folder: Path) -> None:
    (folder / "wav.scp").write_text("a cat nowhere.wav |\nb audio/b.wav\n")
    data = read_data_dir(folder, allow_commands=True)
    with pytest.raises(InputError, match=r"wav\.scp:1: `cat nowhere.wav` failed .* status 1"):
        data.load(data.utterances[0])


def test_no_command_is_run_by_hand_made_data(folder: Path) -> None:
    mark = folder / "mark"
    data = read_data_dir(folder)
    with pytest.raises(InputError, match="--allow-commands"):
        data.load(Utterance("x", "x", "", f"touch {mark} |"))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("table", "content", "message"),
    [
        ("wav.scp", "a audio/a.wav\na audio/b.wav\n", r"wav\.scp:2: a stands on line 1 already"),
        ("wav.scp", "", r"wav\.scp: the file is empty"),
        ("wav.scp", "a audio/a.wav\nb\n", r"wav\.scp:2: b has no file"),
        ("text", "a x\n", r"wav\.scp:2: b has no line in text"),
        ("text", "a x\nb y\nc z\n", r"text:3: c is not an utterance"),
        ("text", "a x\n\nb y\n", r"text:2: the line is blank"),
        ("utt2spk", "a anna\nb anna maria\n", r"utt2spk:2: 'anna maria' is not a speaker"),
        ("utt2spk", "a anna\nb\n", r"utt2spk:2: '' is not a speaker"),
        ("segments", "a a 0 1\nb c 0 1\n", r"segments:2: recording c is not in wav\.scp"),
        ("segments", "a a 0 1\nb b 0.5 0.5\n", r"segments:2: start 0\.5 is not before end 0\.5"),
        ("segments", "a a 0 1\nb b x 1\n", r"segments:2: x 1 are not times"),
        ("segments", "a a 0 1\nb b nan 1\n", r"segments:2: nan 1 are not times"),
        ("segments", "a a 0 1\nb b 0\n", r"segments:2: 3 fields; a line is"),
        ("segments", "a a 0 1\nb b 0 1 -1\n", r"segments:2: -1 is not a channel; the first is 0"),
        ("segments", "a a 0 1\nb b 0 1 A\n", r"segments:2: A is not a channel"),
        ("segments", "a a 0 1\nb b 0 1 0 0\n", r"segments:2: 6 fields; a line is"),
        ("ctm", "a 1 0 0.1 x\nz 1 0 0.1 y\n", r"ctm:2: z is not an utterance"),
        ("ctm", "a 1 0 0.1\n", r"ctm:1: 4 fields"),
    ],
)
def test_first_fault_is_raised(folder: Path, table: str, content: str, message: str) -> None:
    (folder / table).write_text(content, newline="")
    with pytest.raises(InputError, match=message) as caught:
        read_data_dir(folder)
    assert "\n" not in str(caught.value)


def test_not_utf8_names_line_and_byte(folder: Path) -> None:
    (folder / "text").write_bytes(b"a x\nb caf\xe9\n")
    with pytest.raises(InputError, match=r"text:2: byte 0xe9 is not UTF-8"):
        read_data_dir(folder)


def test_missing_directory_and_missing_audio(folder: Path) -> None:
    with pytest.raises(InputError, match="no such directory"):
        read_data_dir(folder / "nothing")
    (folder / "audio" / "a.wav").unlink()
    data = read_data_dir(folder)
    for ask in (data.load, data.duration_s):
        with pytest.raises(InputError, match=r"wav\.scp:1: .*a\.wav: No such file"):
            ask(data.utterances[0])


def test_write_then_read_gives_the_same(folder: Path) -> None:
    written = [
        Utterance("u2", "bob", "two", str(folder / "audio/b.wav"), 0.5, None, "rec"),
        Utterance("u1", "anna", "one", str(folder / "audio/b.wav"), 0.0, 0.5, "rec"),
        Utterance("u3", "anna", "<unk>", str(folder / "audio/a.wav"), recording_id="u3"),
    ]
    write_data_dir(folder, written)
    assert (folder / "wav.scp").read_text() == "rec audio/b.wav\nu3 audio/a.wav\n"
    assert (folder / "spk2utt").read_text() == "anna u1 u3\nbob u2\n"
    assert sorted(written, key=lambda u: u.id) == list(read_data_dir(folder).utterances)


def test_write_sorts_by_bytes_and_removes_old_tables(folder: Path) -> None:
    (folder / "segments").write_text("old\n")
    (folder / "ctm").write_text("old\n")
    ids = ["é", "b", "B", "a-1", "a1"]
    write_data_dir(folder, [Utterance(i, i, "", str(folder / "audio/a.wav")) for i in ids])
    lines = (folder / "text").read_bytes().splitlines()
    assert lines == sorted(lines) and len(lines) == 5
    assert not (folder / "segments").exists() and not (folder / "ctm").exists()


@pytest.mark.parametrize(
    ("utterances", "message"),
    [
        ([], "no utterance to write"),
        ([Utterance("a", "s", "", "x.wav"), Utterance("a", "s", "", "x.wav")], "a comes twice"),
        ([Utterance("a b", "s", "", "x.wav")], "'a b'.* does not fit into a line"),
        ([Utterance("a", "s", "x\ny", "x.wav")], "does not fit into a line"),
        (
            [Utterance("a", "s", "", "x.wav", 0, 1, "r"), Utterance("b", "s", "", "y", 0, 1, "r")],
            "recording r is both",
        ),
    ],
)
def test_write_refuses(tmp_path: Path, utterances: list[Utterance], message: str) -> None:
    with pytest.raises(InputError, match=message):
        write_data_dir(tmp_path / "out", utterances)


def test_command_output_reaches_the_reader_as_a_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []
    monkeypatch.setattr(data_dir_module, "read_audio", lambda source, **_: given.append(source))
    (folder / "wav.scp").write_text("a printf abc |\nb audio/b.wav\n")
    data = read_data_dir(folder, allow_commands=True)
    data.load(data.utterances[0])
    assert isinstance(given[0], io.BytesIO) and given[0].read() == b"abc"
