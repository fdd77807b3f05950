"""local/prepare_speech_commands.py, run as its users run it."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from kws.audio import write_audio
from kws.data import read_data_dir
from kws.data.validation import validate

SCRIPT = Path(__file__).parents[2] / "local" / "prepare_speech_commands.py"

# the beginning of validation_list.txt and of testing_list.txt of the data set, and a speaker that
# is in neither
OFFICIAL = {
    "026290a7_nohash_0.wav": "dev",
    "060cd039_nohash_0.wav": "dev",
    "0c40e715_nohash_0.wav": "test",
    "0ea0e2f4_nohash_0.wav": "test",
    "0a7c2a8d_nohash_0.wav": "train",
}


def prepare(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prepare_speech_commands", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two words by five speakers, background noise, and the files that lie beside them."""
    root = tmp_path / "corpus"
    for word in ("bed", "yes"):
        for name in OFFICIAL:
            write_audio(root / word / name, 100 * (-1.0) ** np.arange(160), 16000)
    write_audio(
        root / "_background_noise_" / "doing the dishes.wav", 9 * (-1.0) ** np.arange(160), 16000
    )
    (root / "_background_noise_" / "README.md").touch()
    (root / "LICENSE").touch()
    return root


def splits_of(out: Path) -> dict[str, str]:
    return {
        utterance.id: split
        for split in ("train", "dev", "test")
        for utterance in read_data_dir(out / split).utterances
    }


def test_hash_rule_is_that_of_the_data_set(script: ModuleType) -> None:
    assert {name: script.which_set(name) for name in OFFICIAL} == OFFICIAL
    assert script.which_set("026290a7_nohash_4.wav") == "dev"  # another take, the same speaker


def test_without_lists_the_hash_rule_splits(corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = prepare(corpus, out)
    assert (done.returncode, done.stderr) == (0, "")
    assert splits_of(out) == {
        f"{name.partition('_')[0]}-{word}-0": split
        for word in ("bed", "yes")
        for name, split in OFFICIAL.items()
    }
    (utterance, _) = read_data_dir(out / "train").utterances
    assert (utterance.speaker, utterance.text) == ("0a7c2a8d", "bed")
    (noise,) = read_data_dir(out / "noise").utterances
    assert (noise.id, noise.text) == ("doing_the_dishes", "<noise>")
    assert noise.recording == f"{corpus}/_background_noise_/doing the dishes.wav"
    assert [validate(out / name) for name in ("train", "dev", "test", "noise")] == 4 * [[]]


def test_words_that_a_set_lacks_are_told(corpus: Path, tmp_path: Path) -> None:
    (corpus / "yes" / "0a7c2a8d_nohash_0.wav").unlink()
    lines = prepare(corpus, tmp_path / "out").stdout.splitlines()
    out = tmp_path / "out"
    assert f"{out}/train: warning: no recording of yes fell into it" in lines
    assert sum("warning" in line for line in lines) == 1


def test_lists_count_where_they_are(corpus: Path, tmp_path: Path) -> None:
    (corpus / "validation_list.txt").write_text("bed/0a7c2a8d_nohash_0.wav\nno/absent.wav\n")
    (corpus / "testing_list.txt").write_text("yes/026290a7_nohash_0.wav\n")
    assert prepare(corpus, tmp_path / "out").returncode == 0
    splits = splits_of(tmp_path / "out")
    assert {key: split for key, split in splits.items() if split != "train"} == {
        "0a7c2a8d-bed-0": "dev",
        "026290a7-yes-0": "test",
    }
    assert len(splits) == 10


def test_files_without_nohash_are_speakers_of_their_own(corpus: Path, tmp_path: Path) -> None:
    write_audio(corpus / "yes" / "tflm_yes_1000ms.flac", np.zeros(160), 16000)
    assert prepare(corpus, tmp_path / "out").returncode == 0
    assert "tflm_yes_1000ms-yes" in splits_of(tmp_path / "out")


def test_unreadable_files_are_all_named(corpus: Path, tmp_path: Path) -> None:
    (corpus / "yes" / "bad_nohash_0.wav").write_text("no sound\n")
    (corpus / "bed" / "bad_nohash_1.wav").touch()
    done = prepare(corpus, tmp_path / "out")
    assert done.returncode == 2 and not (tmp_path / "out").exists()
    assert len(done.stderr.splitlines()) == 3 and "--skip-bad" in done.stderr.splitlines()[2]
    assert prepare(corpus, tmp_path / "out", "--skip-bad").returncode == 0
    assert len(splits_of(tmp_path / "out")) == 10


def test_refuses_in_one_line(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    (tmp_path / "wordless" / "yes").mkdir(parents=True)
    (corpus / "testing_list.txt").write_text("yes/026290a7_nohash_0.wav\n")
    for folder, message in (
        (tmp_path / "nowhere", "no such folder"),
        (tmp_path / "nothing", "holds no folder of a word"),
        (tmp_path / "wordless", "there is no recording in it"),
        (corpus, "validation_list.txt: no such file; both lists are needed"),
    ):
        done = prepare(folder, tmp_path / "out")
        assert done.returncode == 2
        assert message in done.stderr and done.stderr.count("\n") == 1
    (corpus / "validation_list.txt").write_text("yes/026290a7_nohash_0.wav\n")
    assert "is in both lists" in prepare(corpus, tmp_path / "out").stderr
