"""local/prepare_folders.py, run as its users run it."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kws.audio import write_audio
from kws.data import read_data_dir
from kws.data.validation import validate

SCRIPT = Path(__file__).parents[2] / "local" / "prepare_folders.py"
SPLITS = ("train", "dev", "test")


def prepare(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def record(path: Path, seed: int) -> None:
    """A short recording whose content depends on `seed` alone."""
    write_audio(path, np.random.default_rng(seed).normal(0, 500, 160), 8000)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """30 takes of a keyword by 10 speakers, 20 others, 2 noises, a file that is no recording."""
    for i in range(30):
        record(tmp_path / "view" / f"spk{i % 10}_take {i}.wav", i)
    for i in range(20):
        record(tmp_path / "other" / f"spk{i % 10}" / f"{i}.flac", 100 + i)
    for i in range(2):
        record(tmp_path / "noise" / f"{i}.wav", 200 + i)
    (tmp_path / "view" / "README.txt").touch()
    return tmp_path


OPTIONS = ("--keyword", "view glass=view", "--negative", "other")


def split_by_recording(out: Path) -> dict[str, str]:
    return {
        utterance.recording: split
        for split in SPLITS
        if (out / split).exists()
        for utterance in read_data_dir(out / split).utterances
    }


def test_data_dirs_are_valid_and_complete(folder: Path) -> None:
    done = prepare("out", *OPTIONS, "--noise", "noise", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert "view: 1 other files passed over (.txt)" in done.stdout
    texts = []
    for split in SPLITS:
        assert validate(folder / "out" / split) == []
        texts += [utterance.text for utterance in read_data_dir(folder / "out" / split).utterances]
    assert sorted(texts) == 20 * ["<unk>"] + 30 * ["view glass"]
    noise = read_data_dir(folder / "out" / "noise").utterances
    assert [utterance.text for utterance in noise] == ["<noise>", "<noise>"]


def test_split_stays_when_files_are_added_or_renamed(folder: Path) -> None:
    prepare("out", *OPTIONS, cwd=folder)
    before = split_by_recording(folder / "out")
    assert set(before.values()) == set(SPLITS)
    for i in range(10):
        record(folder / "view" / f"a new one {i}.wav", 300 + i)
    (folder / "view" / "spk0_take 0.wav").rename(folder / "view" / "renamed.wav")
    prepare("out", *OPTIONS, cwd=folder)
    after = split_by_recording(folder / "out")
    assert len(after) == len(before) + 10
    old_name, new_name = (f"{folder}/view/{n}.wav" for n in ("spk0_take 0", "renamed"))
    assert after.pop(new_name) == before.pop(old_name)
    assert {path: after[path] for path in before} == before


def test_speakers_stay_together(folder: Path) -> None:
    done = prepare(
        "out", *OPTIONS, "--dev", "0.3", "--test", "0.3", "--speaker-pattern", "^(spk.)", cwd=folder
    )
    assert done.returncode == 0
    splits: dict[str, set[str]] = {}
    for split in SPLITS:
        for utterance in read_data_dir(folder / "out" / split).utterances:
            match = re.search(r"spk\d", utterance.recording)
            assert match and utterance.speaker == match.group()
            assert utterance.id.startswith(f"{utterance.speaker}-")
            splits.setdefault(utterance.speaker, set()).add(split)
    assert len(splits) == 10 and all(len(of_speaker) == 1 for of_speaker in splits.values())
    assert set.union(*splits.values()) == set(SPLITS)


def test_files_that_the_pattern_misses_are_split_by_content(folder: Path) -> None:
    done = prepare("out", *OPTIONS, "--speaker-pattern", "^(spk[0-8])", cwd=folder)
    assert "view_glass: the speaker pattern does not match 3 files" in done.stdout
    assert "negative: the speaker pattern does not match 2 files" in done.stdout
    assert len(split_by_recording(folder / "out")) == 50


def test_repeated_content_is_taken_once(folder: Path) -> None:
    record(folder / "view" / "copy.wav", 7)
    done = prepare("out", *OPTIONS, cwd=folder)
    assert "view_glass: 1 files repeat another one's content" in done.stdout
    assert len(split_by_recording(folder / "out")) == 50


def test_same_content_as_keyword_and_as_negative_is_refused(folder: Path) -> None:
    record(folder / "other" / "copy.wav", 7)
    done = prepare("out", *OPTIONS, cwd=folder)
    assert done.returncode == 2
    assert done.stderr == (
        "other/copy.wav: given as '<unk>', but view/spk7_take 7.wav with the same content as "
        "'view glass'; keep one\n"
    )
    assert not (folder / "out").exists()


def test_unreadable_files_are_all_named_and_can_be_skipped(folder: Path) -> None:
    (folder / "view" / "text.wav").write_text("no sound\n")
    (folder / "view" / "empty.flac").touch()
    whole = (folder / "other" / "spk0" / "0.flac").read_bytes()
    (folder / "other" / "cut.flac").write_bytes(whole[: len(whole) // 2])
    done = prepare("out", *OPTIONS, cwd=folder)
    assert done.returncode == 2
    faults = done.stderr.splitlines()
    assert [fault.split(":")[0] for fault in faults[:3]] == [
        "view/empty.flac",
        "view/text.wav",
        "other/cut.flac",
    ]
    assert faults[3:] == [
        "3 of 53 recordings cannot be read; mend or remove them, or leave them out with --skip-bad"
    ]
    assert not (folder / "out").exists()
    done = prepare("out", *OPTIONS, "--skip-bad", cwd=folder)
    assert (done.returncode, len(done.stderr.splitlines())) == (0, 3)
    assert len(split_by_recording(folder / "out")) == 50


def test_no_split_is_empty_that_has_a_share(folder: Path) -> None:
    prepare("out", *OPTIONS, "--dev", "0.000001", cwd=folder)
    texts = [utterance.text for utterance in read_data_dir(folder / "out" / "dev").utterances]
    assert sorted(texts) == ["<unk>", "view glass"]
    done = prepare("out", *OPTIONS, "--dev", "0", cwd=folder)
    assert not (folder / "out" / "dev" / "wav.scp").exists()
    assert "warning" not in done.stdout


@pytest.mark.parametrize(("num_takes", "test"), [(3, 1), (5, 1), (8, 2)])
def test_few_takes_are_in_every_set_and_what_they_can_show_is_told(
    tmp_path: Path, num_takes: int, test: int
) -> None:
    for i in range(num_takes):
        record(tmp_path / "view" / f"{i}.wav", i)
    for i in range(3):
        write_audio(tmp_path / "other" / f"{i}.wav", np.ones(36 * 8000) * (i + 1), 8000)
    done = prepare("out", *OPTIONS, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "warning" not in done.stdout
    counts = [
        [u.text for u in read_data_dir(tmp_path / "out" / split).utterances].count("view glass")
        for split in SPLITS
    ]
    assert counts == [num_takes - 1 - test, 1, test]
    # 1 - 0.025 ** (1 / n), and the rule of three in 0.01 h
    bound = {1: "97.5", 2: "84.2"}[test]
    assert done.stdout.splitlines()[-1] == (
        f"out/test: 'view glass': if none of {test} is missed, its miss rate may still be {bound} "
        "%; without a false alarm in 0.01 h, there may still be 300 per hour (95 % bounds)"
    )


def test_fewer_takes_than_sets_are_refused(tmp_path: Path) -> None:
    for i in range(2):
        record(tmp_path / "view" / f"{i}.wav", i)
    record(tmp_path / "other" / "0.wav", 9)
    done = prepare("out", *OPTIONS, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "--keyword view glass: 2 recordings are too few for train, dev, test; give 3 or more, or "
        "leave a set out (--dev 0 or --test 0)\n"
    )
    assert not (tmp_path / "out").exists()
    done = prepare("out", *OPTIONS, "--dev", "0", cwd=tmp_path)
    assert done.returncode == 0
    assert "out/test: warning: no recording of '<unk>' fell into it" in done.stdout


def test_fewer_speakers_than_sets_are_split_by_their_takes(tmp_path: Path) -> None:
    for i in range(6):
        record(tmp_path / "view" / f"spk{i % 2}_{i}.wav", i)
    for i in range(9):
        record(tmp_path / "other" / f"spk{i % 3}_{i}.wav", 100 + i)
    done = prepare("out", *OPTIONS, "--speaker-pattern", "^(spk.)", cwd=tmp_path)
    assert (
        "'view glass': 2 speakers are fewer than the sets: their recordings are split one by one, "
        "and test holds voices that were trained on\n"
    ) in done.stdout
    assert "'<unk>'" not in done.stdout.splitlines()[0]
    negatives: dict[str, set[str]] = {}
    for split in SPLITS:
        utterances = read_data_dir(tmp_path / "out" / split).utterances
        assert any(utterance.text == "view glass" for utterance in utterances)
        for utterance in utterances:
            if utterance.text == "<unk>":
                negatives.setdefault(utterance.speaker, set()).add(split)
    assert [len(of_speaker) for of_speaker in negatives.values()] == [1, 1, 1]


def test_missing_negatives_are_told(folder: Path) -> None:
    done = prepare("out", *OPTIONS[:2], cwd=folder)
    assert done.returncode == 0
    assert (
        "out: warning: there are no recordings without a keyword, which recipes/run.sh needs in "
        "train and dev; give some with --negative DIR\n"
    ) in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], 'name recordings: --keyword "view glass"=DIR and --negative DIR'),
        (["--keyword", "view"], "--keyword view: is not of the form KEYWORD=DIR"),
        (["--keyword", "=view"], "--keyword =view: is not of the form KEYWORD=DIR"),
        (
            ["--keyword", "hey-marvin=view", "--keyword", "hey marvin=other"],
            "keywords 'hey-marvin' and 'hey marvin' have the same letters",
        ),
        (["--keyword", "?=view"], "keyword '?': must be words of letters or numbers"),
        (["--keyword", "a=nowhere"], "nowhere: no such folder"),
        (["--negative", "empty"], "empty: there is no recording in it"),
        (["--negative", "other", "--dev", "1"], "--dev 1 --test 0.25: shares must"),
        (["--negative", "other", "--speaker-pattern", "("], "--speaker-pattern (: not a regular"),
        (["--negative", "other", "--speaker-pattern", "a"], "--speaker-pattern a: has no group"),
    ],
)
def test_refuses_in_one_line(folder: Path, words: list[str], message: str) -> None:
    (folder / "empty").mkdir()
    done = prepare("out", *words, cwd=folder)
    assert done.returncode == 2
    assert done.stderr.startswith(message) and done.stderr.count("\n") == 1
