"""A whole, small corpus: what lies on disk, and how often it is made."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from kws.audio import read_audio
from kws.data import NO_TRANSCRIPT, keywords_in, read_data_dir
from kws.data.synthesis import CorpusOptions, synthesize_corpus
from kws.data.synthesis.corpus import RECORD
from kws.data.validation import validate
from kws.errors import InputError

OPTIONS = CorpusOptions(("computer", "view glass")).scaled(0.006)
SETS = ("train", "dev", "test")
DIRECTORIES = ("noise_train", "noise_dev", "noise_test", "rir_train", *SETS)


def content(path):
    """All files below a folder, byte by byte."""
    files = [file for file in path.rglob("*") if file.is_file()]
    return {file.relative_to(path): file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    out = tmp_path_factory.mktemp("corpus")
    return out, synthesize_corpus(out, OPTIONS)


def test_every_directory_is_a_valid_data_dir(corpus):
    out, summaries = corpus
    assert tuple(summary.name for summary in summaries) == DIRECTORIES
    assert {path.name for path in out.iterdir()} == set(DIRECTORIES)
    for name in DIRECTORIES:
        assert validate(out / name) == []


def test_sets_hold_what_was_asked_for(corpus):
    out, summaries = corpus
    voices = {}
    for summary in summaries[-3:]:
        wanted = OPTIONS.set_options(summary.name)
        data = read_data_dir(out / summary.name)
        found = [keywords_in(utterance.text, OPTIONS.keywords) for utterance in data.utterances]
        for keyword in OPTIONS.keywords:
            assert found.count([keyword]) == wanted.positives == summary.positives[keyword]
        assert all(len(of_utterance) <= 1 for of_utterance in found)
        negatives = [u for u, of in zip(data.utterances, found, strict=True) if not of]
        seconds = sum(data.load(utterance).duration_s for utterance in negatives)
        assert seconds >= 3600 * wanted.negative_hours
        assert seconds == pytest.approx(3600 * summary.negative_hours)
        has_made_up = any(NO_TRANSCRIPT in utterance.text for utterance in negatives)
        assert has_made_up == (summary.name == "train")
        speakers = {utterance.speaker for utterance in data.utterances}
        assert len(speakers) == wanted.num_speakers == summary.num_speakers
        voices[summary.name] = {speaker.split("-", 1)[1].split("-")[-1] for speaker in speakers}
    assert not voices["train"] & (voices["dev"] | voices["test"])
    assert not voices["dev"] & voices["test"]


def test_audio_is_sound_at_16_khz(corpus):
    out, _ = corpus
    for name in SETS:
        data = read_data_dir(out / name)
        for utterance in data.utterances:
            wave = data.load(utterance)
            assert wave.sample_rate == 16000
            peak = np.abs(wave.samples).max()
            assert 300 < peak < 32000
            words = data.words[utterance.id]
            assert " ".join(word.word for word in words) == utterance.text
            assert words[0].start_s >= 0.3
            assert words[-1].end_s <= wave.duration_s - 0.25
            ends = np.array([word.end_s for word in words])
            starts = np.array([word.start_s for word in words])
            assert (ends - starts > 0.01).all()
            assert (starts[1:] >= ends[:-1] - 3e-6).all()  # as exact as a ctm is written


def test_word_times_of_clean_utterances_agree_with_the_energy(corpus):
    out, _ = corpus
    data = read_data_dir(out / "train")
    errors_s = []
    for utterance in data.utterances:
        if utterance.text not in OPTIONS.keywords:
            continue
        samples = data.load(utterance).samples
        energy = np.convolve(samples**2, np.ones(80) / 80, "same")
        words = data.words[utterance.id]
        before = energy[: int(16000 * (words[0].start_s - 0.05))].max()
        if before > 1e-4 * energy.max():
            continue  # in noise
        loud = np.flatnonzero(energy > 1e-3 * energy.max()) / 16000
        errors_s.append((loud[0] - words[0].start_s, loud[-1] - words[-1].end_s))
    starts, ends = np.abs(np.array(errors_s)).T
    assert len(starts) >= 4
    # 2.5 ms of the energy's window; soft first sounds and echoing voices come later by some ms
    assert np.median(starts) < 0.01
    assert starts.max() < 0.03
    assert np.median(ends) < 0.02


def test_every_kind_of_sound_differs_and_is_no_silence(corpus):
    out, _ = corpus
    seen = set()
    for name in DIRECTORIES[:4]:
        for utterance in read_data_dir(out / name).utterances:
            samples = read_audio(utterance.recording).samples
            assert np.sqrt(np.mean(samples**2)) > 100
            assert np.abs(samples).max() <= 32000
            seen.add(samples.tobytes())
    assert len(seen) == sum(len(read_data_dir(out / name).utterances) for name in DIRECTORIES[:4])


def test_result_does_not_depend_on_the_number_of_processes(corpus, tmp_path):
    out, _ = corpus
    synthesize_corpus(tmp_path, OPTIONS, num_processes=1)
    for name in DIRECTORIES:
        assert content(tmp_path / name) == content(out / name)


def test_directory_made_with_other_options_is_not_mixed_in(corpus, tmp_path):
    out, _ = corpus
    options = replace(OPTIONS, seed=1)
    shutil.copytree(out / "noise_dev", tmp_path / "noise_dev")
    with pytest.raises(InputError, match="noise_dev: was made with seed 0, not 1; remove it"):
        synthesize_corpus(tmp_path, options)
    assert [path.name for path in tmp_path.iterdir()] == ["noise_dev"]


def test_finished_directories_stay_and_missing_ones_are_made_the_same(corpus, tmp_path):
    out, before = corpus
    for name in DIRECTORIES:
        shutil.copytree(out / name, tmp_path / name)
    shutil.rmtree(tmp_path / "dev")
    times = {name: (tmp_path / name / RECORD).stat().st_mtime_ns for name in DIRECTORIES[:5]}
    calls = []
    after = synthesize_corpus(tmp_path, OPTIONS, on_progress=lambda *call: calls.append(call[0]))
    assert set(calls) == {"dev"}
    assert [summary.was_there for summary in after] == [s.name != "dev" for s in after]
    assert [replace(summary, was_there=False) for summary in after] == before
    assert {n: (tmp_path / n / RECORD).stat().st_mtime_ns for n in times} == times
    assert content(tmp_path / "dev") == content(out / "dev")


def test_an_interrupted_run_leaves_finished_directories_only(tmp_path):
    def interrupt(name, done, total):
        if name == "noise_test" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesize_corpus(tmp_path, OPTIONS, on_progress=interrupt)
    assert {path.name for path in tmp_path.iterdir()} == {"noise_train", "noise_dev"}


def test_what_a_killed_run_left_is_removed(corpus, tmp_path):
    out, _ = corpus
    for name in DIRECTORIES[:-1]:
        shutil.copytree(out / name, tmp_path / name)
    left = tmp_path / ".test.making" / "audio"
    left.mkdir(parents=True)
    (left / "half.flac").write_bytes(b"fLaC")
    synthesize_corpus(tmp_path, OPTIONS)
    assert {path.name for path in tmp_path.iterdir()} == set(DIRECTORIES)
    assert content(tmp_path / "test") == content(out / "test")


def test_folder_of_somebody_else_is_not_touched(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="train: exists and was not made by synthesis"):
        synthesize_corpus(tmp_path, OPTIONS)
    (tmp_path / "train" / RECORD).write_text(json.dumps({"options": {}}))
    with pytest.raises(InputError, match="train: exists and was not made by synthesis"):
        synthesize_corpus(tmp_path, OPTIONS)
    assert {path.name for path in (tmp_path / "train").iterdir()} == {"mine.txt", RECORD}


def test_number_of_processes_is_checked(tmp_path):
    with pytest.raises(InputError, match="0 processes"):
        synthesize_corpus(tmp_path, OPTIONS, num_processes=0)
