"""local/prepare_timit.py, run as its users run it, on corpora of TIMIT's form."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kws.data import Word, read_ctm, read_data_dir
from kws.data.validation import validate

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "local" / "prepare_timit.py"
LABELS = ((0, 800, "h#"), (800, 1000, "q"), (1000, 1800, "ax-h"), (1800, 2400, "tcl"))
# one of train, of the official dev and core test sets, and one that is in neither
LDC_SPEAKERS = {
    "fcjf0": "TRAIN/DR1/FCJF0",
    "faks0": "TEST/DR1/FAKS0",
    "mdab0": "TEST/DR1/MDAB0",
    "mrcz0": "TEST/DR1/MRCZ0",
}


def prepare(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def write_sentence(stem: Path, *, form: str, upper: bool) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    wav, phn = (".WAV", ".PHN") if upper else (".wav", ".phn")
    samples = np.arange(2400, dtype=np.int16)
    soundfile.write(stem.with_suffix(wav), samples, 16000, format=form, subtype="PCM_16")
    lines = (f"{start} {end} {phone}\n" for start, end, phone in LABELS)
    stem.with_suffix(phn).write_text("".join(lines))


def write_ldc(root: Path, *, upper: bool) -> Path:
    for folder in LDC_SPEAKERS.values():
        for name in ("SA1", "SI1027", "SX127"):
            path = Path(folder) / name
            write_sentence(root / (path if upper else str(path).lower()), form="NIST", upper=upper)
    return root


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """NLTK's layout: two speakers, RIFF."""
    for speaker in ("dr1-fvmh0", "dr6-fapb0"):
        for name in ("sa1", "si1466", "sx26"):
            write_sentence(tmp_path / "timit" / speaker / name, form="WAV", upper=False)
    return tmp_path / "timit"


@pytest.mark.parametrize("upper", [True, False], ids=["upper", "lower"])
def test_ldc_layout_by_the_official_lists(tmp_path: Path, upper: bool) -> None:
    out = tmp_path / "out"
    done = prepare(write_ldc(tmp_path / "TIMIT", upper=upper), out)
    assert done.returncode == 0
    assert f"{out}/dev: 2 utterances of 1 speakers (the whole corpus has 400)" in done.stdout
    assert "is a speaker of dev and not in the corpus: fadg0, fcal1" in done.stderr
    assert done.stderr.count("and 15 more") == 1 and done.stderr.count("and 41 more") == 1
    ids = {
        split: [u.id for u in read_data_dir(out / split).utterances]
        for split in ("train", "dev", "test")
    }
    assert ids == {
        "train": ["fcjf0-si1027", "fcjf0-sx127"],
        "dev": ["faks0-si1027", "faks0-sx127"],
        "test": ["mdab0-si1027", "mdab0-sx127"],
    }
    assert [validate(out / name) for name in ids] == 3 * [[]]


def test_phones_are_those_of_the_48_set_with_their_times(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert prepare(write_ldc(tmp_path / "TIMIT", upper=True), out).returncode == 0
    data = read_data_dir(out / "dev")
    utterance = data.utterances[0]
    assert (utterance.text, utterance.speaker) == ("sil ax cl", "faks0")
    assert data.words[utterance.id] == [
        Word(utterance.id, 0.0, 0.05, "sil"),
        Word(utterance.id, 0.0625, 0.1125, "ax"),
        Word(utterance.id, 0.1125, 0.15, "cl"),
    ]
    labels = read_ctm(out / "dev" / "phones.ctm")[utterance.id]
    assert [label.word for label in labels] == ["h#", "q", "ax-h", "tcl"]
    assert (out / "dev" / "spk2gender").read_text() == "faks0 f\n"
    np.testing.assert_array_equal(data.load(utterance).samples, np.arange(2400))


def test_nltk_layout_has_no_official_dev_speaker_so_others_are_named(
    sample: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = prepare(sample, out)
    assert done.returncode == 0 and f"{out}/dev: not written" in done.stdout
    assert len(read_data_dir(out / "train").utterances) == 4
    assert prepare(sample, out, "--dev-speakers", "FAPB0").returncode == 0
    assert [u.id for u in read_data_dir(out / "dev").utterances] == ["fapb0-si1466", "fapb0-sx26"]
    assert [u.speaker for u in read_data_dir(out / "train").utterances] == ["fvmh0", "fvmh0"]
    names = tmp_path / "names"
    names.write_text("fvmh0\n")
    assert prepare(sample, out, "--test-speakers", names).returncode == 0
    assert [u.speaker for u in read_data_dir(out / "test").utterances] == ["fvmh0", "fvmh0"]
    assert not (out / "dev" / "wav.scp").exists()  # of the run before


def test_audio_and_labels_may_lie_in_two_trees_and_lists_beside_them(
    sample: Path, tmp_path: Path
) -> None:
    for path in sample.rglob("*.phn"):
        (sample / "labels" / path.parent.name).mkdir(parents=True, exist_ok=True)
        path.rename(sample / "labels" / path.parent.name / path.name)
    (sample / "lists").mkdir()
    (sample / "lists" / "dev.txt").write_text("fvmh0-sa1\nfvmh0-sx26\n")
    done = prepare(sample, tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "") and "give the split" in done.stdout
    assert [u.id for u in read_data_dir(tmp_path / "out" / "dev").utterances] == ["fvmh0-sx26"]
    for names, message in (
        ("fvmh0-sx27\n", "train.txt:1: fvmh0-sx27 is not a sentence in"),
        ("fvmh0-sx26\n", "dev.txt:2: fvmh0-sx26 is in train.txt as well"),
    ):
        (sample / "lists" / "train.txt").write_text(names)
        done = prepare(sample, tmp_path / "out")
        assert done.returncode == 2
        assert message in done.stderr and done.stderr.count("\n") == 1


def test_what_lacks_its_other_half_is_named_and_left_out(sample: Path, tmp_path: Path) -> None:
    (sample / "dr1-fvmh0" / "sx26.wav").unlink()
    (sample / "dr6-fapb0" / "si1466.phn").unlink()
    done = prepare(sample, tmp_path / "out", "--dev-speakers", "fapb0", "--test-speakers", "mabc1")
    assert done.returncode == 0
    assert "has a .phn and no recording: fvmh0-sx26\n" in done.stderr
    assert "has a recording and no .phn: fapb0-si1466\n" in done.stderr
    assert "is a speaker of test and not in the corpus: mabc1\n" in done.stderr


def test_a_copy_with_wav_beside_sphere_counts_once(tmp_path: Path) -> None:
    root = write_ldc(tmp_path / "TIMIT", upper=True)
    folder = root / LDC_SPEAKERS["fcjf0"]
    (folder / "SX127.WAV.wav").write_bytes((folder / "SX127.WAV").read_bytes())
    assert prepare(root, tmp_path / "out").returncode == 0
    recordings = [u.recording for u in read_data_dir(tmp_path / "out" / "train").utterances]
    assert recordings == [str(folder / "SI1027.WAV"), str(folder / "SX127.WAV")]


FORMS = {
    "upper": lambda path: path,
    "lower": lambda path: path.with_name(path.name.lower()),
    "capital": lambda path: path.with_name(path.name.capitalize()),
    "versions of a CD": lambda path: path.with_name(f"{path.name};1"),
    "converted": lambda path: path.with_name(f"{path.name}.wav") if is_wav(path) else path,
    "flac": lambda path: path.with_suffix(".flac") if is_wav(path) else path,
    "sph": lambda path: path.with_suffix(".sph") if is_wav(path) else path,
}


def is_wav(path: Path) -> bool:
    return path.suffix == ".WAV"


@pytest.mark.parametrize(
    ("form", "folders"),
    list(zip(FORMS, itertools.cycle(["TIMIT/{}", "timit/timit/{}", "test/{}"]), strict=False)),
)
def test_every_form_in_which_it_lies_on_disks(tmp_path: Path, form: str, folders: str) -> None:
    made = write_ldc(tmp_path / "made", upper=True)
    for path in (p for p in made.rglob("*") if p.is_file()):
        content = path.read_bytes()
        if path.suffix == ".PHN":
            content = content.replace(b"\n", b"\r\n").replace(b" ", b"  ")
        relative = str(path.parent.relative_to(made))
        folder = tmp_path / folders.format(relative if form == "upper" else relative.lower())
        folder.mkdir(parents=True, exist_ok=True)
        FORMS[form](folder / path.name).write_bytes(content)
        (folder / f"._{path.name}").write_bytes(b"of a Mac")
    out = tmp_path / "out"
    done = prepare(tmp_path / folders.partition("/")[0], out)
    assert done.returncode == 0, done.stderr
    ids = {
        split: [u.id for u in read_data_dir(out / split).utterances]
        for split in ("train", "dev", "test")
    }
    assert ids == {
        "train": ["fcjf0-si1027", "fcjf0-sx127"],
        "dev": ["faks0-si1027", "faks0-sx127"],
        "test": ["mdab0-si1027", "mdab0-sx127"],
    }
    assert [validate(out / name) for name in ids] == 3 * [[]]
    assert {u.text for u in read_data_dir(out / "train").utterances} == {"sil ax cl"}


def test_unreadable_recordings_are_all_named(sample: Path, tmp_path: Path) -> None:
    (sample / "dr1-fvmh0" / "sx26.wav").write_text("no sound\n")
    (sample / "dr6-fapb0" / "sx26.wav").write_bytes(b"")
    done = prepare(sample, tmp_path / "out")
    assert done.returncode == 2 and not (tmp_path / "out").exists()
    assert len(done.stderr.splitlines()) == 3 and "--skip-bad" in done.stderr.splitlines()[2]
    assert prepare(sample, tmp_path / "out", "--skip-bad").returncode == 0
    assert len(read_data_dir(tmp_path / "out" / "train").utterances) == 2


def test_refuses_in_one_line(sample: Path, tmp_path: Path) -> None:
    out, nothing = tmp_path / "out", tmp_path / "nothing"
    nothing.mkdir()
    (tmp_path / "names").write_text("fvmh0\nsomebody\n")
    for words, message in (
        ((tmp_path / "nowhere",), "no such folder; name the one that holds TIMIT"),
        ((nothing,), "holds no sentence of TIMIT"),
        ((tmp_path, "--dev-speakers", "fvmh0,somebody"), "No such file"),
        ((tmp_path, "--dev-speakers", tmp_path / "names"), "'somebody' is not a speaker"),
        ((tmp_path, "--dev-speakers", "mdab0"), "mdab0: is a speaker of dev and of test"),
    ):
        done = prepare(*words[:1], out, *words[1:])
        assert done.returncode == 2
        assert message in done.stderr and done.stderr.count("\n") == 1
    labels = sample / "dr1-fvmh0" / "sx26.phn"
    labels.write_text("0 800 h#\n800 1000 xyz\n")
    assert "has no line for the phone 'xyz'" in prepare(sample, out).stderr
    labels.write_text("0 800 h#\n800 h#\n")
    done = prepare(sample, out)
    assert done.returncode == 2 and f"{labels}:2: '800 h#' is not of the form" in done.stderr
    write_sentence(tmp_path / "timit" / "copy" / "fvmh0" / "sx26", form="WAV", upper=False)
    assert "name a folder with one copy" in prepare(sample, out).stderr
