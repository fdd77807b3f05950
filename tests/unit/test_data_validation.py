"""Every fault of a data dir is named by file, line, value and rule; a sound one has none."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.audio import write_audio
from kws.cli.main import run
from kws.data.validation import inspect_data_dir, validate

RATE = 8000
SOUND = {
    "wav.scp": "r1 r1.wav\nr2 r2.wav\n",
    "segments": "a-1 r1 0 0.5\na-2 r1 0.5 1.0\nb-1 r2 0.25 -1\n",
    "text": "a-1 one\na-2 two\nb-1\n",
    "utt2spk": "a-1 a\na-2 a\nb-1 b\n",
    "spk2utt": "a a-1 a-2\nb b-1\n",
    "ctm": "a-1 1 0.1 0.2 one\na-2 1 0.0 0.5 two\n",
}


def noise(num_samples: int = RATE, scale: float = 1000.0) -> np.ndarray:
    return np.random.default_rng(0).normal(0, scale, num_samples)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data dir without a fault: two recordings of 1 s, three segments, word times."""
    for name in ("r1.wav", "r2.wav"):
        write_audio(tmp_path / name, noise(), RATE)
    for name, content in SOUND.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def test_sound_data_dir(folder: Path) -> None:
    found = inspect_data_dir(folder)
    assert (found.faults, found.notes) == ([], [])
    assert (found.num_utterances, found.num_speakers) == (3, 2)
    assert found.hours is not None
    assert found.hours * 3600 == pytest.approx(1.75)


def table(name: str, content: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(content) and None


def audio(name: str, content: bytes | None) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        if content is not None:
            (folder / name).write_bytes(content)

    return change


FAULTS: list[tuple[str, Callable[[Path], None], list[str]]] = [
    (
        "unsorted",
        table("wav.scp", "r2 r2.wav\nr1 r1.wav\n"),
        ["wav.scp:2: r1 comes after r2; sort the file (LC_ALL=C sort)"],
    ),
    (
        "unsorted side table",
        table("text", "a-2 two\na-1 one\nb-1\n"),
        ["text:2: a-1 comes after a-2; sort the file (LC_ALL=C sort)"],
    ),
    (
        "repeated",
        table("text", "a-1 one\na-2 two\na-2 drei\nb-1\n"),
        ["text:3: a-2 stands on line 2 already; keep one"],
    ),
    (
        "missing and unknown",
        table("text", "a-1 one\na-3 two\nb-1\n"),
        [
            "text:2: a-3 is not an utterance of DIR",
            "segments:2: a-2 has no line in text; add one",
        ],
    ),
    (
        "start after end",
        table("segments", "a-1 r1 0 0.5\na-2 r1 1.0 0.5\nb-1 r2 0.25 -1\n"),
        [
            "segments:2: start 1.0 is not before end 0.5",
            "text:2: a-2 is not an utterance of DIR",
            "utt2spk:2: a-2 is not an utterance of DIR",
            "ctm:2: a-2 is not an utterance of DIR",
            "spk2utt:1: a-2 is not an utterance of DIR",
        ],
    ),
    (
        "every segment beyond the end",
        table("segments", "a-1 r1 1 1.5\na-2 r1 1.5 2\nb-1 r2 0 1.5\n"),
        [
            "segments: no segment lies in its recording; times must be seconds from the "
            "recording's beginning"
        ],
    ),
    (
        "recording without a segment",
        table("segments", "a-1 r1 0 0.5\na-2 r1 0.5 1.0\nb-1 r1 0.25 -1\n"),
        ["wav.scp:2: recording r2 has no line in segments; add one or remove it"],
    ),
    (
        "under the wrong speaker",
        table("spk2utt", "a a-1\nb a-2 b-1\n"),
        ["spk2utt:2: a-2 stands under b, but its speaker is a (DIR/utt2spk:2)"],
    ),
    (
        "left out of spk2utt",
        table("spk2utt", "a a-1\nb b-1\n"),
        ["utt2spk:2: a-2 is not in spk2utt, which is to be the inverse of utt2spk"],
    ),
    (
        "twice in spk2utt",
        table("spk2utt", "a a-1 a-2 a-1\nb b-1\n"),
        ["spk2utt:1: a-1 stands twice under a; keep one"],
    ),
    (
        "unsorted spk2utt",
        table("spk2utt", "b b-1\na a-1 a-2\n"),
        ["spk2utt:2: a comes after b; sort the file (LC_ALL=C sort)"],
    ),
    (
        "speaker without utterance",
        table("spk2utt", "a a-1 a-2\nb b-1\nc\n"),
        ["spk2utt:3: speaker c has no utterance; remove the line"],
    ),
    (
        "word beyond the end",
        table("ctm", "a-1 1 0.1 0.6 one\na-2 1 0.0 0.5 two\n"),
        ["ctm:1: one ends at 0.7 s, but a-1 is 0.5 s long"],
    ),
    (
        "words out of order",
        table("ctm", "a-1 1 0.2 0.1 one\na-1 1 0.1 0.1 two\n"),
        [
            "ctm:2: a-1 0.1 comes after a-1 0.2; sort the file by utterance and start "
            "(LC_ALL=C sort -k1,1 -k3,3n)"
        ],
    ),
    (
        "word of nobody",
        table("ctm", "a-1 1 0.1 0.2 one\nz 1 0.0 0.5 two\n"),
        ["ctm:2: z is not an utterance of DIR"],
    ),
    (
        "empty table",
        table("ctm", ""),
        ["ctm: the file is empty; remove it or write its lines"],
    ),
    (
        "DOS line ends",
        table("text", "a-1 one\na-2 two\r\nb-1\r\n"),
        ["text:2: the line ends in a carriage return; convert the file (dos2unix)"],
    ),
    (
        "a byte order mark",
        table("ctm", "\ufeffa-1 1 0.1 0.2 one\na-2 1 0.0 0.5 two\n"),
        ["ctm:1: the file begins with a byte order mark; remove it"],
    ),
    (
        "missing audio",
        audio("r2.wav", None),
        ["segments:3: DIR/r2.wav: No such file or directory"],
    ),
    (
        "empty audio",
        audio("r2.wav", b""),
        ["segments:3: DIR/r2.wav: is empty (0 bytes); record or convert it again"],
    ),
    (
        "command",
        table("wav.scp", "r1 r1.wav\nr2 cat r2.wav |\n"),
        ["wav.scp:2: `cat r2.wav |` is a command; it runs only with --allow-commands"],
    ),
]


@pytest.mark.parametrize(
    ("change", "expected"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS]
)
def test_fault(folder: Path, change: Callable[[Path], None], expected: list[str]) -> None:
    change(folder)
    faults = [fault.replace(str(folder), "DIR") for fault in validate(folder)]
    assert faults == [f"DIR/{line}" for line in expected]


def test_not_utf8(folder: Path) -> None:
    (folder / "text").write_bytes(b"a-1 one\na-2 zw\xf6\nb-1\n")
    assert validate(folder)[0] == (
        f"{folder}/text:2: byte 0xf6 is not UTF-8; convert the file to UTF-8"
    )


def test_text_file_called_wav_and_cut_flac(folder: Path) -> None:
    (folder / "r1.wav").write_text("not a sound\n")
    write_audio(folder / "r2.flac", noise(), RATE)
    whole = (folder / "r2.flac").read_bytes()
    (folder / "r2.flac").write_bytes(whole[: len(whole) // 2])
    (folder / "wav.scp").write_text("r1 r1.wav\nr2 r2.flac\n")
    first, second = validate(folder)
    assert first.startswith(f"{folder}/segments:1: {folder}/r1.wav: is text")
    assert second.startswith(f"{folder}/segments:3: {folder}/r2.flac: is damaged")
    assert inspect_data_dir(folder, with_audio=False).faults == []


def test_long_recordings_are_read_to_the_end_piece_by_piece(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kws.audio.files._PIECE_VALUES", 2400)  # 0.3 s
    assert validate(folder) == []
    write_audio(folder / "r2.flac", noise(), RATE)
    content = bytearray((folder / "r2.flac").read_bytes())
    content[-2000:-1000] = bytes(1000)  # a hole in the last piece only
    (folder / "r2.flac").write_bytes(bytes(content))
    (folder / "wav.scp").write_text("r1 r1.wav\nr2 r2.flac\n")
    (fault,) = validate(folder)
    assert fault.startswith(f"{folder}/segments:3: {folder}/r2.flac: ")


def test_commands_run_when_allowed(folder: Path) -> None:
    (folder / "wav.scp").write_text(f"r1 r1.wav\nr2 cat {folder}/r2.wav |\n")
    assert validate(folder, allow_commands=True) == []


def test_notes(folder: Path) -> None:
    write_audio(folder / "r2.wav", noise(16000), 16000)
    (folder / "utt2spk").write_text("a-1 z\na-2 z\nb-1 b\n")
    (folder / "text").unlink()
    (folder / "spk2utt").unlink()
    found = inspect_data_dir(folder)
    assert found.faults == []
    assert [note.removeprefix(str(folder)) for note in found.notes] == [
        ": no text; every transcript counts as <unk>",
        ": no spk2utt; Kaldi's programs ask for it (utils/utt2spk_to_spk2utt.pl makes it)",
        "/utt2spk: sorted by speaker its utterances come in another order; some Kaldi programs "
        "want utterance ids that begin with the speaker",
        "/wav.scp: sample rates are mixed: 1 at 8000 Hz, 1 at 16000 Hz",
    ]


def test_keywords_are_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    validated = ["data", "validate", str(folder), "--keywords"]
    assert run([*validated, "ONE, three,tw", "--need-negatives"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[1:] == [
        f"{folder}: utterances: 1 of 'one', 0 of 'three', 0 of 'tw', 2 without a keyword",
        f"note: {folder}: no utterance's text holds the keyword 'three'",
        f"note: {folder}: no utterance's text holds the keyword 'tw'",
        f"note: {folder}/text: 1 texts hold the letters of a keyword, but not as whole words, and "
        "count as without it (a-2 first: 'two' holds 'tw')",
    ]
    assert captured.err == ""


def test_missing_negatives_are_a_note_or_a_fault(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "text").write_text("a-1 one\na-2 one two\nb-1 one\n")
    validated = ["data", "validate", str(folder), "--keywords"]
    lack = (
        f"{folder}: every utterance holds 'one': no false alarm could be counted; add other speech "
        "(recordings without a keyword, or with word times)"
    )
    (folder / "ctm").unlink()
    assert run([*validated, "one"]) == 0
    assert f"note: {lack}\n" in capsys.readouterr().out
    assert run([*validated, "one", "--need-negatives"]) == 2
    assert capsys.readouterr().err == f"{lack}\n"
    # with times the rest of the recording is without it
    (folder / "ctm").write_text("a-1 1 0.1 0.2 one\n")
    assert run([*validated, "one", "--need-negatives"]) == 0
    # two keywords are speech without each other, but nothing else is
    (folder / "text").write_text("a-1 one\na-2 two\nb-1 one\n")
    assert run([*validated, "one,two", "--need-negatives"]) == 0
    assert f"note: {folder}: every utterance holds a keyword; add other speech" in (
        capsys.readouterr().out
    )
    assert run([*validated, "one,o-ne"]) == 2
    assert "have the same letters" in capsys.readouterr().err
    assert run(["data", "validate", str(folder), "--need-negatives"]) == 2
    assert "--need-negatives goes with --keywords" in capsys.readouterr().err


def notes_of(folder: Path) -> list[str]:
    found = inspect_data_dir(folder)
    assert found.faults == []
    return [note.removeprefix(f"{folder}/") for note in found.notes]


def test_segments_that_do_not_fit_are_notes(folder: Path) -> None:
    (folder / "segments").write_text("a-1 r1 0 0.5\na-2 r1 0.5 1.25\nb-1 r2 0.25 60\n")
    assert notes_of(folder) == [
        "segments:2: a-2: a segment that ends beyond its recording, cut there",
        "segments:3: b-1: a segment that ends 0.5 s or more beyond its recording, left out "
        "(--max-overshoot)",
    ]
    hours = inspect_data_dir(folder).hours
    assert hours is not None and hours * 3600 == pytest.approx(1.0)
    (folder / "segments").write_text("a-1 r1 0 1.25\na-2 r1 0.5 1.25\nb-1 r2 0.25 -1 1\n")
    assert notes_of(folder) == [
        "segments:1: a-1: a segment that ends beyond its recording, cut there (and 1 more like it)",
        "segments:3: b-1: a segment of a channel that its recording does not have, left out",
    ]


def test_commands_that_are_not_run_are_a_note(folder: Path) -> None:
    (folder / "wav.scp").write_text(f"r1 sox {folder}/r1.wav -t wav - |\nr2 r2.wav\n")
    assert notes_of(folder) == [
        "wav.scp: 1 of 2 recordings: commands that only decode a file, which is read without "
        "running them"
    ]


def recordings(folder: Path, **channels: list[np.ndarray]) -> None:
    """A data dir of one recording for each name."""
    for name, of_recording in channels.items():
        samples = np.stack(of_recording, axis=1).astype(np.int16)
        soundfile.write(folder / f"{name}.wav", samples, RATE, "PCM_16")
    for table, line in (
        ("wav.scp", "{0} {0}.wav\n"),
        ("text", "{0} x\n"),
        ("utt2spk", "{0} {0}\n"),
        ("spk2utt", "{0} {0}\n"),
    ):
        (folder / table).write_text("".join(map(line.format, sorted(channels))))


def test_silent_constant_and_clipped_recordings_are_notes(tmp_path: Path) -> None:
    silence, live = np.zeros(RATE), noise()
    recordings(
        tmp_path,
        a=[silence],
        b=[silence, live],
        c=[silence + 300],
        d=[np.clip(noise(scale=60000), -32768, 32767)],
        **{name: [live] for name in "efg"},
    )
    assert notes_of(tmp_path) == [
        "wav.scp: 1 of 7 recordings: silent, below -75 dBFS at the loudest: a",
        "wav.scp: 1 of 7 recordings: channel 0 is silent, channel 1 is not: use --channel 1: b",
        "wav.scp: 1 of 7 recordings: constant, the same value from beginning to end: c",
        "wav.scp: 1 of 7 recordings: clipped, more than 0.1 % of the samples are cut off: d",
    ]


def test_a_set_that_is_mostly_silent_is_a_fault(tmp_path: Path) -> None:
    silence, live = np.zeros(RATE), noise()
    names = "abcdef"
    recordings(tmp_path, **{name: [silence if name < "d" else live] for name in names})
    assert notes_of(tmp_path) == [  # a half is not most
        "wav.scp: 3 of 6 recordings: silent, below -75 dBFS at the loudest: a, b, c"
    ]
    recordings(tmp_path, **{name: [silence if name < "e" else live] for name in names})
    assert validate(tmp_path) == [
        f"{tmp_path}/wav.scp: 4 of 6 recordings are silent, a first; nothing is learnt from "
        "silence: record them again, or leave them out"
    ]
    recordings(tmp_path, **{name: [silence, live] for name in names})
    found = inspect_data_dir(tmp_path)
    assert found.notes == [
        f"{tmp_path}/wav.scp: 6 of 6 recordings: channel 0 is silent, channel 1 is not: use "
        "--channel 1: a, b, c and 3 more"
    ]
    assert found.faults == [
        f"{tmp_path}/wav.scp: 6 of 6 recordings are silent, a first; nothing is learnt from "
        "silence: use --channel 1, or leave them out"
    ]
    # what it says to do helps, and with the mean a live channel is heard
    recordings(tmp_path, z=[live], **{name: [silence, live] for name in names})
    for channel in (1, "mean"):
        assert inspect_data_dir(tmp_path, channel=channel).faults == []
    assert run(["data", "validate", str(tmp_path), "--channel", "1"]) == 0
    recordings(tmp_path, **{name: [silence, live] for name in names})
    lines = [f"{name} {name} 0 -1 1\n" for name in names]
    (tmp_path / "segments").write_text("".join(lines))  # it is the other one that is listened to
    assert notes_of(tmp_path) == []


def test_command_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "validate", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder}: valid: 3 utterances, 2 speakers, 0.00 h\n"
    (folder / "text").write_text("a-2 two\na-1 one\nc\n")
    assert run(["data", "validate", str(folder)]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 3
    assert run(["data", "validate", str(folder / "nowhere")]) == 2
    assert "no such directory" in capsys.readouterr().err
