"""local/synthesize_phones.py and kws.data.synthesis.phones."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from kws.data import Word, read_data_dir
from kws.data.phone_map import read_phone_map
from kws.data.synthesis.espeak import Event
from kws.data.synthesis.espeak_library import EVENT_CLAUSE_END, EVENT_PHONEME, EVENT_WORD
from kws.data.synthesis.phones import PHONES, SILENCE, timed_phones
from kws.data.validation import validate
from kws.errors import InputError

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "local" / "synthesize_phones.py"
SETS = ("train", "dev", "test")


def make(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, SCRIPT, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def content(folder: Path) -> dict[str, bytes]:
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("phones") / "out"
    done = make(out, "--speakers", 4, "--utterances", 3, "--nj", 1)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{out}/train: 12 utterances of 4 speakers" in done.stdout
    return out


def test_sets_are_valid_and_share_no_voice_and_no_sentence(corpus: Path) -> None:
    assert [validate(corpus / name) for name in SETS] == [[], [], []]
    data = {name: read_data_dir(corpus / name).utterances for name in SETS}
    assert {name: len(utterances) for name, utterances in data.items()} == {
        "train": 12,
        "dev": 6,
        "test": 6,
    }
    voices = [{u.speaker.partition("_")[2] for u in utterances} for utterances in data.values()]
    texts = [{u.text for u in utterances} for utterances in data.values()]
    for sets in (voices, texts):
        assert len(set.union(*sets)) == sum(map(len, sets))


def test_phones_are_of_the_48_and_fill_the_utterance(corpus: Path) -> None:
    known = set(read_phone_map(ROOT / "conf" / "phones_60_48_39.map").phones(1))
    assert {phone for phones in PHONES.values() for phone in phones} | {SILENCE} < known
    data = read_data_dir(corpus / "train")
    for utterance in data.utterances:
        phones = data.words[utterance.id]
        assert " ".join(phone.word for phone in phones) == utterance.text
        assert phones[0].word == phones[-1].word == SILENCE
        assert phones[0].start_s == 0
        assert phones[-1].end_s == pytest.approx(data.duration_s(utterance), abs=2e-6)
        for before, after in itertools.pairwise(phones):
            assert after.start_s == pytest.approx(before.end_s, abs=2e-6)
            assert after.end_s > after.start_s
            assert {before.word, after.word} != {SILENCE}


def test_silence_is_quiet_and_speech_is_not(corpus: Path) -> None:
    data = read_data_dir(corpus / "train")
    for utterance in data.utterances:
        samples = data.load(utterance).samples
        edge, *inside, _ = data.words[utterance.id]
        vowels = [phone for phone in inside if phone.word in ("aa", "ae", "ay", "ey", "iy", "ow")]
        quiet = samples[: int(edge.end_s * 16000) - 400].std()
        for vowel in vowels:
            loud = samples[int(vowel.start_s * 16000) : int(vowel.end_s * 16000)].std()
            assert 0 < quiet < loud / 5  # 14 dB; hiss lies 35 dB and more below speech


def test_same_seed_same_corpus_whatever_the_number_of_processes(
    corpus: Path, tmp_path: Path
) -> None:
    words = ("--speakers", 4, "--utterances", 3)
    assert make(tmp_path / "again", *words, "--nj", 2).returncode == 0
    assert content(tmp_path / "again") == content(corpus)
    assert make(tmp_path / "other", *words, "--seed", 1).returncode == 0
    assert content(tmp_path / "other").keys() != content(corpus).keys()


def test_times_of_phones_by_hand() -> None:
    events = [
        Event(EVENT_WORD, 1, 0, ""),
        Event(EVENT_PHONEME, 1, 100, "h"),
        Event(EVENT_PHONEME, 1, 200, ";"),  # colours the phoneme before it
        Event(EVENT_PHONEME, 1, 300, "'A@"),  # two phones share its time
        Event(EVENT_WORD, 5, 500, ""),
        Event(EVENT_PHONEME, 5, 700, "?"),
        Event(EVENT_PHONEME, 5, 900, "_:"),
        Event(EVENT_PHONEME, 5, 1000, "_"),
        Event(EVENT_CLAUSE_END, 5, 1000, ""),
    ]
    assert timed_phones("u", events, rate=1000, start_s=0.5, end_s=2.0) == [
        Word("u", 0.0, 0.6, "sil"),
        Word("u", 0.6, 0.8, "hh"),
        Word("u", 0.8, 1.1, "aa"),
        Word("u", 1.1, 1.4, "r"),
        Word("u", 1.4, 2.0, "sil"),
    ]
    with pytest.raises(InputError, match="its phoneme 'X' has no phone"):
        timed_phones("u", [Event(EVENT_PHONEME, 1, 0, "X")], rate=1, start_s=0, end_s=1)


def test_refuses_in_one_line(tmp_path: Path) -> None:
    done = make(tmp_path / "out", "--speakers", 1)
    assert done.returncode == 2
    assert "2 speakers and 1 utterance are the least" in done.stderr
    assert done.stderr.count("\n") == 1
