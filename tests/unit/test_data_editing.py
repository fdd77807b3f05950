"""Parts of a data dir, and several in one: nothing is lost, every path still resolves."""

from pathlib import Path

import numpy as np
import pytest

from kws.audio import write_audio
from kws.cli.main import run
from kws.data import Utterance, Word, hash_of, read_data_dir, write_data_dir
from kws.data.validation import validate

RATE = 8000


def buzz(amplitude: float, num_samples: int) -> np.ndarray:
    """Samples that tell which recording they are of, and that are not silence."""
    return amplitude * (-1.0) ** np.arange(num_samples)


def make(path: Path, names: str, *, speaker: str = "anna") -> Path:
    """A data dir with one recording of 1 s per name, two segments in it and their word times."""
    utterances, words = [], []
    for i, name in enumerate(names):
        audio = path / "audio" / f"{name}.wav"
        write_audio(audio, buzz(100.0 * (i + 1), RATE), RATE)
        for k in range(2):
            utterance_id = f"{speaker}-{name}{k}"
            utterances.append(
                Utterance(utterance_id, speaker, f"w{k}", str(audio), k / 2, k / 2 + 0.5, name)
            )
            words.append(Word(utterance_id, 0.125, 0.25, f"w{k}"))
    write_data_dir(path, utterances, ctm=words)
    return path


def test_subset_keeps_segments_words_and_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # relative data dirs: the copy must not depend on it
    make(Path("whole"), "xyz")
    Path("list").write_text("anna-z1\nanna-x0 trailing words do not count\n")
    assert run(["data", "subset", "--utt-list", "list", "whole", "deep/down/part"]) == 0
    monkeypatch.chdir("/")
    part = read_data_dir(tmp_path / "deep/down/part")
    assert [(u.id, u.text, u.start_s, u.end_s) for u in part.utterances] == [
        ("anna-x0", "w0", 0.0, 0.5),
        ("anna-z1", "w1", 0.5, 1.0),
    ]
    assert part.words == {
        "anna-x0": [Word("anna-x0", 0.125, 0.25, "w0")],
        "anna-z1": [Word("anna-z1", 0.125, 0.25, "w1")],
    }
    np.testing.assert_array_equal(part.load(part.utterances[1]).samples, buzz(300.0, 4000))
    assert validate(part.path) == []
    assert (part.path / "wav.scp").read_text().split()[::2] == ["x", "z"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("anna-x0\nbob\n", "{0}:2: bob is not an utterance of {1}; remove it from the list\n"),
        ("b\nc\n", "{0}:1: b is not an utterance of {1}; remove it from the list (and 1 more)\n"),
        ("", "{0}: the file is empty; remove it or write its lines\n"),
        ("anna-x0\nanna-x0\n", "{0}:2: anna-x0 stands on line 1 already; keep one\n"),
    ],
)
def test_subset_refuses_a_wrong_list(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, message: str
) -> None:
    whole = make(tmp_path / "whole", "x")
    utt_list = tmp_path / "list"
    utt_list.write_text(content)
    assert run(["data", "subset", "--utt-list", str(utt_list), str(whole), f"{whole}2"]) == 2
    assert capsys.readouterr().err == message.format(utt_list, whole)
    assert not (tmp_path / "whole2").exists()


def test_combine_keeps_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make(Path("one"), "x")
    make(Path("two"), "y", speaker="bob")
    audio = tmp_path / "three" / "u.wav"
    write_audio(audio, np.zeros(RATE), RATE)
    write_data_dir("three", [Utterance("u", "carl", "<unk>", str(audio))])
    assert run(["data", "combine", "all", "one", "two", "three", "one"]) == 0
    monkeypatch.chdir("/")
    whole = read_data_dir(tmp_path / "all")
    assert [(u.id, u.start_s, u.end_s) for u in whole.utterances] == [
        ("anna-x0", 0.0, 0.5),
        ("anna-x1", 0.5, 1.0),
        ("bob-y0", 0.0, 0.5),
        ("bob-y1", 0.5, 1.0),
        ("u", 0.0, None),
    ]
    assert set(whole.words) == {"anna-x0", "anna-x1", "bob-y0", "bob-y1"}
    assert validate(whole.path) == []


@pytest.mark.parametrize(
    ("table", "line", "difference"),
    [
        ("text", "anna-x0 other", "text ('other', not 'w0')"),
        ("utt2spk", "anna-x0 bob", "speaker (bob, not anna)"),
        ("segments", "anna-x0 x 0.25 0.5", "segment (0.25 to 0.5, not 0 to 0.5)"),
        ("segments", "anna-x0 x 0 0.5 1", "channel (1, not None)"),
        ("ctm", "anna-x0 1 0.2 0.1 w0", "ctm"),
    ],
)
def test_combine_refuses_one_id_with_two_contents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], table: str, line: str, difference: str
) -> None:
    one, two = make(tmp_path / "one", "x"), tmp_path / "two"
    assert run(["data", "combine", str(two), str(one)]) == 0
    lines = (two / table).read_text().splitlines()
    (two / table).write_text("\n".join([line, *lines[1:]]) + "\n")
    capsys.readouterr()
    assert run(["data", "combine", str(tmp_path / "all"), str(one), str(two)]) == 2
    assert capsys.readouterr().err == (
        f"{two}/segments:1: anna-x0 has another {difference} than at {one}/segments:1; "
        "rename one of the two\n"
    )


def test_combine_refuses_another_recording_of_the_same_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = make(tmp_path / "one", "x"), make(tmp_path / "two", "x")
    assert run(["data", "combine", str(tmp_path / "all"), str(one), str(two)]) == 2
    assert f"another recording ({two}/audio/x.wav, not {one}/audio/x.wav)" in (
        capsys.readouterr().err
    )


def test_nothing_is_written_over_its_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = make(tmp_path / "one", "x")
    (tmp_path / "list").write_text("anna-x0\n")
    before = (one / "text").read_text()
    for command in (
        ["subset", "--utt-list", str(tmp_path / "list"), str(one), f"{one}/../one"],
        ["combine", str(one), str(one)],
        ["join", str(one), str(one)],
    ):
        assert run(["data", *command]) == 2
        assert "is read from as well" in capsys.readouterr().err
    assert (one / "text").read_text() == before


def test_commands_are_carried_along_only_when_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = make(tmp_path / "one", "x")
    entry = f"x cat {one}/audio/x.wav |\n"
    (one / "wav.scp").write_text(entry)
    out = tmp_path / "out"
    assert run(["data", "combine", str(out), str(one)]) == 2
    assert "--allow-commands" in capsys.readouterr().err
    assert run(["data", "combine", "--allow-commands", str(out), str(one)]) == 0
    assert (out / "wav.scp").read_text() == entry


def test_hash_tells_content_from_place(tmp_path: Path) -> None:
    one = make(tmp_path / "one", "xy")
    first = hash_of(read_data_dir(one))
    assert len(first) == 64 and int(first, 16)
    assert run(["data", "combine", str(tmp_path / "copy"), str(one)]) == 0
    assert hash_of(read_data_dir(tmp_path / "copy")) == first
    moved = one.rename(tmp_path / "moved")
    assert hash_of(read_data_dir(moved)) == first
    hashes = {first}
    for table, old, new in (
        ("text", "w0", "w9"),
        ("utt2spk", "anna\n", "anne\n"),
        ("segments", "0.500000", "0.400000"),
        ("ctm", "0.125000", "0.250000"),
    ):
        content = (moved / table).read_text()
        (moved / table).write_text(content.replace(old, new, 1))
        hashes.add(hash_of(read_data_dir(moved)))
        (moved / table).write_text(content)
    assert hash_of(read_data_dir(moved)) == first
    write_audio(moved / "audio" / "x.wav", np.zeros(RATE - 1), RATE)
    hashes.add(hash_of(read_data_dir(moved)))
    assert len(hashes) == 6
